//! `ReduceMean`, `ReduceMax` and `ReduceSum`, opset 1 to 20, and the global pools, which reduce all spatial
//! dimensions.
//!
//!     ReduceMean(data, axes=all, keepdims=1)                             before opset 18, ReduceSum 13
//!     ReduceMean(data, axes?, keepdims=1, noop_with_empty_axes=0)        from then on
//!     GlobalAveragePool GlobalMaxPool (X)

use crate::onnx::diagnostic::{Fault, ensure};
use crate::onnx::node::{Node, Outcome, axes};
use cnnc_ir::NodeId;
use cnnc_ir::ops::{Identity, Op, ReduceMax, ReduceMean, ReduceSum};

pub(super) fn reduce_mean(node: &mut Node) -> Outcome {
    reduce(node, 18, |axes, keep| ReduceMean { axes, keep }.into())
}

pub(super) fn reduce_max(node: &mut Node) -> Outcome {
    reduce(node, 18, |axes, keep| ReduceMax { axes, keep }.into())
}

pub(super) fn reduce_sum(node: &mut Node) -> Outcome {
    reduce(node, 13, |axes, keep| ReduceSum { axes, keep }.into())
}

pub(super) fn global_average_pool(node: &mut Node) -> Outcome {
    let (x, axes) = spatial(node)?;
    node.result(ReduceMean { axes, keep: true }, &[x])
}

pub(super) fn global_max_pool(node: &mut Node) -> Outcome {
    let (x, axes) = spatial(node)?;
    node.result(ReduceMax { axes, keep: true }, &[x])
}

/// Imports a reduction whose axes are an input from opset `since` on.
fn reduce(node: &mut Node, since: i64, op: fn(Vec<i64>, bool) -> Op) -> Outcome {
    let ([x], [input]) = node.inputs(["data"], ["axes"])?;
    let keep = node.attributes.flag("keepdims")?.unwrap_or(true);
    let given = node.list_since(since, "axes", input)?.unwrap_or_default();
    let noop = node.attributes.flag("noop_with_empty_axes")?.unwrap_or(false);
    let rank = node.ty(x).rank();
    let axes = match given.is_empty() {
        true if noop => Vec::new(),
        true => (0..rank).collect(),
        false => axes("axes", &given, rank)?,
    };
    match axes.is_empty() {
        true => node.result(Identity, &[x]),
        false => node.result(op(axes.into_iter().map(|d| d as i64).collect(), keep), &[x]),
    }
}

/// The operand of a global pool and its spatial dimensions.
fn spatial(node: &mut Node) -> Result<(NodeId, Vec<i64>), Fault> {
    let ([x], []) = node.inputs(["X"], [])?;
    let ty = node.ty(x);
    ensure!(ty.rank() > 2, E_MODEL, "X {ty} has no spatial dimensions");
    Ok((x, (2..ty.rank() as i64).collect()))
}
