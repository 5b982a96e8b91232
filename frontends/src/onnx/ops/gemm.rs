//! `Gemm`, opset 1, 6, 7, 9, 11, 13: a matrix product, scaled, and a tensor added to it.
//!
//!     Gemm(A, B, C?, alpha=1, beta=1, transA=0, transB=0)  =  alpha * A B + beta * C
//!
//! The IR's `gemm` has no factors: other ones than 1 become `mul` nodes. C of factor 0 takes no part.

use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::{Add, Gemm, Mul};

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
    if alpha == 1.0 {
        return node.result(op, &[Some(a), Some(b), c].into_iter().flatten().collect::<Vec<_>>());
    }
    let product = node.step("product", op, &[a, b])?;
    let factor = node.number("alpha", &node.ty(a), alpha)?;
    match c {
        None => node.result(Mul, &[product, factor]),
        Some(c) => {
            let scaled = node.step("scaled", Mul, &[product, factor])?;
            node.result(Add, &[scaled, c])
        }
    }
}
