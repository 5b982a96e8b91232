//! `Softmax`, `LogSoftmax` and `Hardmax`, opset 1, 11, 13: exponentials that sum to one, their logarithms, and
//! one for the greatest element.
//!
//!     Softmax LogSoftmax Hardmax (X, axis=-1)   along the axis
//!     the same with axis=1                      before opset 13: over the axis and all dimensions behind it
//!
//!     LogSoftmax(X) = X - m - log(sum of exp(X - m)),  m = max of X, in f32 of f16
//!     Hardmax(X)    = 1 for the first greatest element, 0 for others
//!
//! The old form is the new one on a matrix, unless all dimensions behind the axis have one element.

use crate::onnx::diagnostic::Fault;
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::ops::{ArgMax, Cast, Equal, Exp, Log, ReduceMax, ReduceSum, Softmax, Sub};
use cnnc_ir::{NodeId, Shape, Tensor};

pub(super) fn softmax(node: &mut Node) -> Outcome {
    along_axis(node, |node, x, axis| node.step("normal", Softmax { axis }, &[x]))
}

pub(super) fn log_softmax(node: &mut Node) -> Outcome {
    along_axis(node, |node, x, axis| {
        let axes = vec![axis];
        let dtype = node.ty(x).dtype;
        let x = node.wide(x)?;
        let max = node.step("max", ReduceMax { axes: axes.clone(), keep: true }, &[x])?;
        let moved = node.step("moved", Sub, &[x, max])?;
        let powers = node.step("powers", Exp, &[moved])?;
        let sum = node.step("sum", ReduceSum { axes, keep: true }, &[powers])?;
        let log = node.step("log", Log, &[sum])?;
        let normal = node.step("normal", Sub, &[moved, log])?;
        node.cast("narrow", normal, dtype)
    })
}

pub(super) fn hardmax(node: &mut Node) -> Outcome {
    along_axis(node, |node, x, axis| {
        let ty = node.ty(x);
        let (d, place) = (axis as usize, ArgMax { axis, keep: true, least: false, last: false });
        let place = node.step("place", place, &[x])?;
        node.builder.spend(ty.dims()[d].saturating_mul(size_of::<i64>()))?;
        let mut dims = vec![1; ty.rank() - d];
        dims[0] = ty.dims()[d];
        let places = Tensor::of(&Shape::new(dims)?, (0..ty.dims()[d] as i64).collect());
        let name = format!("{}.places", node.name());
        let places = node.builder.constant(&name, places)?;
        let chosen = node.step("chosen", Equal, &[place, places])?;
        node.step("one", Cast { to: ty.dtype }, &[chosen])
    })
}

/// Adds what is computed along an axis of X, which in its old form is one of a matrix.
fn along_axis(node: &mut Node, op: impl FnOnce(&mut Node, NodeId, i64) -> Result<NodeId, Fault>) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    let ty = node.ty(x);
    let old = node.opset < 13;
    let given = node.attributes.int("axis")?.unwrap_or(if old { 1 } else { -1 });
    let d = axis("axis", given, ty.rank())?;
    if !old || ty.dims()[d + 1..].iter().all(|&n| n == 1) {
        let y = op(node, x, d as i64)?;
        return node.named(y);
    }
    let (rows, columns) = ty.dims().split_at(d);
    let matrix = node.reshaped("matrix", x, &[rows.iter().product(), columns.iter().product()])?;
    let y = op(node, matrix, 1)?;
    let y = node.reshaped("shaped", y, ty.dims())?;
    node.named(y)
}
