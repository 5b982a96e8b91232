//! `ScatterElements`, opset 11, 13, 16, 18, `ScatterND`, opset 11, 13, 16, 18, and `Scatter`, opset 9: a tensor with
//! some elements replaced or combined.
//!
//!     ScatterElements(data, indices, updates, axis=0, reduction=none)
//!     ScatterND(data, indices, updates, reduction=none)
//!
//! Refused: constant indices out of range; those that come at run time are clamped.

use super::gather::{check, check_tuples};
use crate::onnx::diagnostic::Fault;
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::ops::{Reduction, ScatterElements, ScatterNd};

pub(super) fn scatter_elements(node: &mut Node) -> Outcome {
    let ([x, indices, updates], []) = node.inputs(["data", "indices", "updates"], [])?;
    let ty = node.ty(x);
    let d = axis("axis", node.attributes.int("axis")?.unwrap_or(0), ty.rank())?;
    let reduction = reduction(node)?;
    check(node, indices, &[ty.dims()[d]])?;
    node.result(ScatterElements { axis: d as i64, reduction }, &[x, indices, updates])
}

pub(super) fn scatter_nd(node: &mut Node) -> Outcome {
    let ([x, indices, updates], []) = node.inputs(["data", "indices", "updates"], [])?;
    let reduction = reduction(node)?;
    check_tuples(node, indices, node.ty(x).dims())?;
    node.result(ScatterNd { reduction }, &[x, indices, updates])
}

fn reduction(node: &mut Node) -> Result<Reduction, Fault> {
    node.attributes.word(
        "reduction",
        &[
            ("none", Reduction::Replace),
            ("add", Reduction::Add),
            ("mul", Reduction::Mul),
            ("max", Reduction::Max),
            ("min", Reduction::Min),
        ],
    )
}
