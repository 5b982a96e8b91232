//! `Softmax`, opset 1, 11, 13: exponentials that sum to one.
//!
//!     Softmax(X, axis=-1)   along the axis
//!     Softmax(X, axis=1)    before opset 13: over the axis and all dimensions behind it together
//!
//! The old form is the new one on a matrix, unless all dimensions behind the axis have one element.

use crate::onnx::node::{Node, Outcome, axis, reshape};
use cnnc_ir::ops::Softmax;

pub(super) fn softmax(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    let ty = node.ty(x);
    let old = node.opset < 13;
    let given = node.attributes.int("axis")?.unwrap_or(if old { 1 } else { -1 });
    let d = axis("axis", given, ty.rank())?;
    if !old || ty.dims()[d + 1..].iter().all(|&n| n == 1) {
        return node.result(Softmax { axis: d as i64 }, &[x]);
    }
    let (rows, columns) = ty.dims().split_at(d);
    let matrix = node.reshaped("matrix", x, &[rows.iter().product(), columns.iter().product()])?;
    let normal = node.step("normal", Softmax { axis: 1 }, &[matrix])?;
    node.result(reshape(ty.dims()), &[normal])
}
