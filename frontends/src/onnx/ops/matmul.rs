//! `MatMul`, opset 1, 9, 13: products of matrices by the rules of `numpy.matmul`.
//!
//!     MatMul(A, B)
//!
//! A vector A is a matrix of one row, a vector B one of one column; the result loses that dimension.
//!
//! Refused: scalars.

use crate::onnx::diagnostic::ensure;
use crate::onnx::node::{Node, Outcome, reshape};
use cnnc_ir::ops::Matmul;

pub(super) fn matmul(node: &mut Node) -> Outcome {
    let ([mut a, mut b], []) = node.inputs(["A", "B"], [])?;
    let (a_ty, b_ty) = (node.ty(a), node.ty(b));
    ensure!(a_ty.rank() > 0 && b_ty.rank() > 0, E_MODEL, "A {a_ty} and B {b_ty}: scalars have no product");
    let (row, column) = (a_ty.rank() == 1, b_ty.rank() == 1);
    if !row && !column {
        return node.result(Matmul, &[a, b]);
    }
    if row {
        a = node.reshaped("row", a, &[1, a_ty.dims()[0]])?;
    }
    if column {
        b = node.reshaped("column", b, &[b_ty.dims()[0], 1])?;
    }
    let product = node.step("product", Matmul, &[a, b])?;
    let mut dims = node.ty(product).dims().to_vec();
    if column {
        dims.pop();
    }
    if row {
        dims.remove(dims.len() - if column { 1 } else { 2 });
    }
    node.result(reshape(&dims), &[product])
}
