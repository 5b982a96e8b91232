//! Reductions, opset 1 to 28, and the global pools, which reduce all spatial dimensions.
//!
//!     ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceSumSquare ReduceLogSum ReduceLogSumExp
//!     ReduceX(data, axes=all, keepdims=1)                             before opset 18, ReduceSum 13
//!     ReduceX(data, axes?, keepdims=1, noop_with_empty_axes=0)        from then on
//!     GlobalAveragePool GlobalMaxPool (X)
//!
//!     ReduceLogSum(X) = log(sum of X)    ReduceLogSumExp(X) = log(sum of exp(X - m)) + m,  m = max of X
//!
//! where an infinite m counts as 0. Sums on the way to a result of f16 are f32; logarithms and roots of sums of
//! integers are computed in f64, and cut off. Where nothing is reduced, each element is reduced for itself.

use crate::onnx::diagnostic::{Fault, ensure};
use crate::onnx::node::{Node, Outcome, axes};
use cnnc_ir::NodeId;
use cnnc_ir::ops::{Add, Exp, Identity, IsInf, Log, Mul, Op, Select, Sub};
use cnnc_ir::ops::{ReduceMax, ReduceMean, ReduceMin, ReduceProd, ReduceSum, ReduceSumSquare};

pub(super) fn reduce_mean(node: &mut Node) -> Outcome {
    reduce(node, 18, |axes, keep| ReduceMean { axes, keep }.into())
}

pub(super) fn reduce_max(node: &mut Node) -> Outcome {
    reduce(node, 18, |axes, keep| ReduceMax { axes, keep }.into())
}

pub(super) fn reduce_min(node: &mut Node) -> Outcome {
    reduce(node, 18, |axes, keep| ReduceMin { axes, keep }.into())
}

pub(super) fn reduce_prod(node: &mut Node) -> Outcome {
    reduce(node, 18, |axes, keep| ReduceProd { axes, keep }.into())
}

pub(super) fn reduce_sum(node: &mut Node) -> Outcome {
    reduce(node, 13, |axes, keep| ReduceSum { axes, keep }.into())
}

pub(super) fn reduce_sum_square(node: &mut Node) -> Outcome {
    let (x, along) = Along::new(node, 18)?;
    let sum = along.sum_of_squares(node, x)?;
    node.named(sum)
}

pub(super) fn reduce_log_sum(node: &mut Node) -> Outcome {
    let (x, along) = Along::new(node, 18)?;
    let dtype = node.ty(x).dtype;
    let x = node.real(x)?;
    let sum = along.reduce(node, x, |axes, keep| ReduceSum { axes, keep }.into())?;
    let log = node.step("log", Log, &[sum])?;
    node.narrowed(log, dtype)
}

pub(super) fn reduce_log_sum_exp(node: &mut Node) -> Outcome {
    let (x, along) = Along::new(node, 18)?;
    if along.axes.is_empty() {
        return node.result(Identity, &[x]);
    }
    let dtype = node.ty(x).dtype;
    let x = node.real(x)?;
    let max = node.step("max", ReduceMax { axes: along.axes.clone(), keep: true }, &[x])?;
    // Infinite maxima would make NaN of what they are subtracted from.
    let infinite = node.step("infinite", IsInf { negative: true, positive: true }, &[max])?;
    let zero = node.number("zero", &node.ty(x), 0.0)?;
    let max = node.step("bounded", Select, &[infinite, zero, max])?;
    let moved = node.step("moved", Sub, &[x, max])?;
    let powers = node.step("powers", Exp, &[moved])?;
    let sum = along.reduce(node, powers, |axes, keep| ReduceSum { axes, keep }.into())?;
    let log = node.step("log", Log, &[sum])?;
    let dims = node.ty(log).dims().to_vec();
    let max = if along.keep { max } else { node.reshaped("max", max, &dims)? };
    let sum = node.step("moved", Add, &[log, max])?;
    node.narrowed(sum, dtype)
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
    let (x, along) = Along::new(node, since)?;
    let reduced = along.reduce(node, x, op)?;
    node.named(reduced)
}

/// Along what a value is reduced.
pub(super) struct Along {
    /// Dimensions, counted from 0; nothing is reduced where there are none.
    pub(super) axes: Vec<i64>,
    /// Whether they stay, with extent 1.
    pub(super) keep: bool,
}

impl Along {
    /// The operand of a reduction whose axes are an input from opset `since` on, and what it reduces.
    pub(super) fn new(node: &mut Node, since: i64) -> Result<(NodeId, Along), Fault> {
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
        Ok((x, Along { axes: axes.into_iter().map(|d| d as i64).collect(), keep }))
    }

    /// Adds a reduction, of which each element for itself is that element.
    pub(super) fn reduce(
        &self,
        node: &mut Node,
        x: NodeId,
        op: fn(Vec<i64>, bool) -> Op,
    ) -> Result<NodeId, Fault> {
        match self.axes.is_empty() {
            true => node.step("same", Identity, &[x]),
            false => node.step("reduced", op(self.axes.clone(), self.keep), &[x]),
        }
    }

    /// Adds a sum of squares.
    pub(super) fn sum_of_squares(&self, node: &mut Node, x: NodeId) -> Result<NodeId, Fault> {
        match self.axes.is_empty() {
            true => node.step("square", Mul, &[x, x]),
            false => {
                let (axes, keep) = (self.axes.clone(), self.keep);
                node.step("squares", ReduceSumSquare { axes, keep }, &[x])
            }
        }
    }
}

/// The operand of a global pool and its spatial dimensions.
pub(super) fn spatial(node: &mut Node) -> Result<(NodeId, Vec<i64>), Fault> {
    let ([x], []) = node.inputs(["X"], [])?;
    let ty = node.ty(x);
    ensure!(ty.rank() > 2, E_MODEL, "X {ty} has no spatial dimensions");
    Ok((x, (2..ty.rank() as i64).collect()))
}
