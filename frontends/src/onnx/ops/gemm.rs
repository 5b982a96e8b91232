//! `Gemm`, opset 1, 6, 7, 9, 11, 13: a matrix product, scaled, and a tensor added to it.
//!
//!     Gemm(A, B, C?, alpha=1, beta=1, transA=0, transB=0)  =  alpha * A B + beta * C
//!
//! The IR's `gemm` has no factors: other ones than 1 become `mul` nodes. C of factor 0 takes no part. Integers are
//! multiplied as by [`MatMul`](super::matmul).
//!
//! Refused: factors of integers that are not whole.

use super::matmul::product;
use crate::onnx::diagnostic::{Fault, ensure};
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::NodeId;
use cnnc_ir::ops::{Add, Gemm, Mul, Transpose};

pub(super) fn gemm(node: &mut Node) -> Outcome {
    let ([a, b], [c]) = node.inputs(["A", "B"], ["C"])?;
    let alpha = node.attributes.float("alpha")?.unwrap_or(1.0);
    let beta = node.attributes.float("beta")?.unwrap_or(1.0);
    let trans_a = node.attributes.flag("transA")?.unwrap_or(false);
    let trans_b = node.attributes.flag("transB")?.unwrap_or(false);
    if node.opset < 7 {
        // Whether C may broadcast: inference checks that it does.
        node.attributes.flag("broadcast")?;
    }
    let op = Gemm { trans_a, trans_b };
    let c = match c {
        Some(c) if beta != 1.0 && beta != 0.0 => {
            let factor = node.number("beta", &node.ty(c), beta)?;
            Some(node.step("c", Mul, &[c, factor])?)
        }
        Some(c) if beta == 1.0 => Some(c),
        _ => None,
    };
    let real = node.ty(a).dtype.is_float();
    let whole = alpha.fract() == 0.0 && beta.fract() == 0.0;
    ensure!(real || whole, E_UNSUPPORTED, "alpha={alpha} and beta={beta} of integers are not supported");
    if alpha == 1.0 && real {
        return node.result(op, &[Some(a), Some(b), c].into_iter().flatten().collect::<Vec<_>>());
    }
    let product = match real {
        true => node.step("product", op, &[a, b])?,
        false => {
            let matrices = node.ty(a).rank() == 2 && node.ty(b).rank() == 2;
            ensure!(matrices, E_MODEL, "A {} and B {} are no matrices", node.ty(a), node.ty(b));
            let a = if trans_a { transposed(node, a)? } else { a };
            let b = if trans_b { transposed(node, b)? } else { b };
            product(node, [a, b])?
        }
    };
    let factor = node.number("alpha", &node.ty(a), alpha)?;
    match c {
        None => node.result(Mul, &[product, factor]),
        Some(c) => {
            let scaled = node.step("scaled", Mul, &[product, factor])?;
            node.result(Add, &[scaled, c])
        }
    }
}

fn transposed(node: &mut Node, x: NodeId) -> Result<NodeId, Fault> {
    node.step("transposed", Transpose { perm: vec![1, 0] }, &[x])
}
