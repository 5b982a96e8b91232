//! `MatMul`, opset 1, 9, 13: products of matrices by the rules of `numpy.matmul`.
//!
//!     MatMul(A, B)
//!
//! A vector A is a matrix of one row, a vector B one of one column; the result loses that dimension. The IR multiplies
//! matrices of reals; of integers, which models count with, every product is stored before they are added:
//!
//!     y[..,i,j] = reduce_sum over k of a[..,i,k,1] * b[..,1,k,j]
//!
//! Refused: scalars.

use crate::onnx::diagnostic::{Fault, ensure, fail};
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::NodeId;
use cnnc_ir::ops::{Matmul, Mul, ReduceSum};

pub(super) fn matmul(node: &mut Node) -> Outcome {
    let ([a, b], []) = node.inputs(["A", "B"], [])?;
    of_matrices(node, [a, b], product)
}

/// The result of vectors and matrices, by that of matrices.
pub(super) fn of_matrices(
    node: &mut Node,
    [mut a, mut b]: [NodeId; 2],
    product: impl FnOnce(&mut Node, [NodeId; 2]) -> Result<NodeId, Fault>,
) -> Outcome {
    let (a_ty, b_ty) = (node.ty(a), node.ty(b));
    ensure!(a_ty.rank() > 0 && b_ty.rank() > 0, E_MODEL, "A {a_ty} and B {b_ty}: scalars have no product");
    let (row, column) = (a_ty.rank() == 1, b_ty.rank() == 1);
    if row {
        a = node.reshaped("row", a, &[1, a_ty.dims()[0]])?;
    }
    if column {
        b = node.reshaped("column", b, &[b_ty.dims()[0], 1])?;
    }
    let mut product = product(node, [a, b])?;
    if row || column {
        let mut dims = node.ty(product).dims().to_vec();
        if column {
            dims.pop();
        }
        if row {
            dims.remove(dims.len() - if column { 1 } else { 2 });
        }
        product = node.reshaped("thin", product, &dims)?;
    }
    node.named(product)
}

/// The product of matrices.
pub(super) fn product(node: &mut Node, [a, b]: [NodeId; 2]) -> Result<NodeId, Fault> {
    let (a_ty, b_ty) = (node.ty(a), node.ty(b));
    if a_ty.dtype.is_float() {
        return node.step("product", Matmul, &[a, b]);
    }
    let ([.., depth], [batch @ .., rows, columns]) = (a_ty.dims(), b_ty.dims()) else {
        fail!(E_MODEL, "A {a_ty} and B {b_ty} are no matrices");
    };
    ensure!(depth == rows, E_MODEL, "A {a_ty} has {depth} columns, B {b_ty} has {rows} rows");
    let a = node.reshaped("left", a, &[a_ty.dims(), &[1]].concat())?;
    let b = node.reshaped("right", b, &[batch, &[1, *rows, *columns]].concat())?;
    let products = node.step("products", Mul, &[a, b])?;
    let axes = vec![node.ty(products).rank() as i64 - 2];
    node.step("product", ReduceSum { axes, keep: false }, &[products])
}
