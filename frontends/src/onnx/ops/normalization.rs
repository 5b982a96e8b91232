//! Normalisations by the statistics of the value itself, along some of its dimensions.
//!
//!     normal(X)   = (X - mean of X) / sqrt(mean of (X - mean of X)^2 + epsilon)
//!
//!     InstanceNormalization(input, scale, B, epsilon=1e-5)    = normal * scale + B, over each plane
//!     GroupNormalization(X, scale, bias, num_groups, epsilon=1e-5)
//!                                                             = normal * scale + bias, over groups of channels
//!     LayerNormalization(X, Scale, B?, axis=-1, epsilon=1e-5) = normal * Scale + B, from axis on; outputs
//!                                                               (Y, Mean?, InvStdDev?)
//!     RMSNormalization(X, scale, axis=-1, epsilon=1e-5)       = X / sqrt(mean of X^2 + epsilon) * scale
//!     MeanVarianceNormalization(X, axes=[0,2,3])              = (X - mean) / (sqrt(variance) + 1e-9)
//!
//! `InstanceNormalization` of opset 1, 6, 22; `GroupNormalization` of opset 18, deprecated since, whose scale and
//! bias are one number a group, and of opset 21, where they are one a channel.
//!
//! Of f16, `normal` is computed in f32 and rounded before it is scaled. The outputs Mean and InvStdDev are f32.
//!
//! Refused: statistics of another type than f32 (`stash_type`).

use crate::onnx::attributes::required;
use crate::onnx::builder::extent;
use crate::onnx::diagnostic::{Fault, ensure};
use crate::onnx::node::{Node, Outcome, axes, axis, reshape};
use cnnc_ir::ops::{Add, Div, Mul, ReduceMean, ReduceSumSquare, Rsqrt, Sqrt, Sub};
use cnnc_ir::{DType, NodeId};

pub(super) fn instance_normalization(node: &mut Node) -> Outcome {
    let ([x, scale, offset], []) = node.inputs(["input", "scale", "B"], [])?;
    let eps = node.attributes.float("epsilon")?.unwrap_or(1e-5);
    let ty = node.ty(x);
    ensure!(ty.rank() > 2, E_MODEL, "input {ty} has no spatial dimensions");
    let dims = channels(node, "scale", scale, ty.dims()[1], ty.rank())?;
    channels(node, "B", offset, ty.dims()[1], ty.rank())?;
    let normal = Normal::new(node, x, (2..ty.rank() as i64).collect(), eps)?;
    let scale = node.reshaped("scale", scale, &dims)?;
    let offset = node.reshaped("offset", offset, &dims)?;
    let scaled = node.step("scaled", Mul, &[normal.value, scale])?;
    node.result(Add, &[scaled, offset])
}

pub(super) fn group_normalization(node: &mut Node) -> Outcome {
    let ([x, scale, offset], []) = node.inputs(["X", "scale", "bias"], [])?;
    let eps = node.attributes.float("epsilon")?.unwrap_or(1e-5);
    stash_type(node)?;
    let groups = extent("num_groups", required("num_groups", node.attributes.int("num_groups")?)?)?;
    let ty = node.ty(x);
    ensure!(
        ty.rank() > 2 && groups > 0 && ty.dims()[1].is_multiple_of(groups),
        E_MODEL,
        "X {ty} does not split into num_groups={groups} groups of channels"
    );
    let (images, rest) = (ty.dims()[0], ty.dims()[1..].iter().product::<usize>() / groups);
    let apart = node.reshaped("groups", x, &[images, groups, rest])?;
    let normal = Normal::new(node, apart, vec![2], eps)?.value;
    // Numbers for each group meet the groups, those for each channel the value in its own shape.
    let (normal, count, rank) = match node.opset {
        ..21 => (normal, groups, 3),
        _ => (node.reshaped("normal", normal, ty.dims())?, ty.dims()[1], ty.rank()),
    };
    let dims = channels(node, "scale", scale, count, rank)?;
    channels(node, "bias", offset, count, rank)?;
    let scale = node.reshaped("scale", scale, &dims)?;
    let offset = node.reshaped("offset", offset, &dims)?;
    let scaled = node.step("scaled", Mul, &[normal, scale])?;
    if node.opset >= 21 {
        return node.result(Add, &[scaled, offset]);
    }
    let moved = node.step("moved", Add, &[scaled, offset])?;
    node.result(reshape(ty.dims()), &[moved])
}

pub(super) fn layer_normalization(node: &mut Node) -> Outcome {
    let ([x, scale], [offset]) = node.inputs(["X", "Scale"], ["B"])?;
    let eps = node.attributes.float("epsilon")?.unwrap_or(1e-5);
    stash_type(node)?;
    let along = from_axis(node, x)?;
    let normal = Normal::new(node, x, along, eps)?;
    let mut value = node.step("scaled", Mul, &[normal.value, scale])?;
    if let Some(offset) = offset {
        value = node.step("moved", Add, &[value, offset])?;
    }
    let mut values = node.named(value)?;
    let outputs = node.outputs;
    for (name, id) in outputs.iter().skip(1).zip([normal.mean, normal.inverse]) {
        let id = node.cast("stash", id, DType::F32)?;
        if !name.is_empty() {
            node.builder.rename(id, name)?;
        }
        values.push(id);
    }
    Ok(values)
}

pub(super) fn rms_normalization(node: &mut Node) -> Outcome {
    let ([x, scale], []) = node.inputs(["X", "scale"], [])?;
    let eps = node.attributes.float("epsilon")?.unwrap_or(1e-5);
    stash_type(node)?;
    let along = from_axis(node, x)?;
    let x = node.wide(x)?;
    let square = mean_square(node, x, along)?;
    let inverse = node.step("inverse", Rsqrt { eps }, &[square])?;
    let normal = node.step("normal", Mul, &[x, inverse])?;
    // ONNX: the result is of the type of the scale.
    let normal = node.cast("narrow", normal, node.ty(scale).dtype)?;
    node.result(Mul, &[normal, scale])
}

pub(super) fn mean_variance_normalization(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let given = node.attributes.ints("axes")?.unwrap_or_else(|| vec![0, 2, 3]);
    let ty = node.ty(x);
    let along: Vec<i64> = axes("axes", &given, ty.rank())?.into_iter().map(|d| d as i64).collect();
    let x = node.wide(x)?;
    let mean = node.step("mean", ReduceMean { axes: along.clone(), keep: true }, &[x])?;
    let centred = node.step("centred", Sub, &[x, mean])?;
    let variance = mean_square(node, centred, along)?;
    let deviation = node.step("deviation", Sqrt, &[variance])?;
    let eps = node.number("epsilon", &node.ty(x), 1e-9)?;
    let divisor = node.step("divisor", Add, &[deviation, eps])?;
    let normal = node.step("normal", Div, &[centred, divisor])?;
    node.narrowed(normal, ty.dtype)
}

/// A value moved and scaled by its statistics, and those, which are f32 of f16.
struct Normal {
    value: NodeId,
    mean: NodeId,
    inverse: NodeId,
}

impl Normal {
    fn new(node: &mut Node, x: NodeId, along: Vec<i64>, eps: f32) -> Result<Normal, Fault> {
        let dtype = node.ty(x).dtype;
        let x = node.wide(x)?;
        let mean = node.step("mean", ReduceMean { axes: along.clone(), keep: true }, &[x])?;
        let centred = node.step("centred", Sub, &[x, mean])?;
        let variance = mean_square(node, centred, along)?;
        let inverse = node.step("inverse", Rsqrt { eps }, &[variance])?;
        let value = node.step("normal", Mul, &[centred, inverse])?;
        let value = node.cast("narrow", value, dtype)?;
        Ok(Normal { value, mean, inverse })
    }
}

/// The mean of the squares along some dimensions, which stay.
pub(super) fn mean_square(node: &mut Node, x: NodeId, along: Vec<i64>) -> Result<NodeId, Fault> {
    let ty = node.ty(x);
    let count: usize = along.iter().map(|&d| ty.dims()[d as usize]).product();
    let sum = node.step("squares", ReduceSumSquare { axes: along, keep: true }, &[x])?;
    let count = node.number("count", &ty, count as f32)?;
    node.step("variance", Div, &[sum, count])
}

/// The dimensions from the axis of a node on.
fn from_axis(node: &mut Node, x: NodeId) -> Result<Vec<i64>, Fault> {
    let rank = node.ty(x).rank();
    let first = axis("axis", node.attributes.int("axis")?.unwrap_or(-1), rank)?;
    Ok((first as i64..rank as i64).collect())
}

/// Checks that a value has one number for each of `count` channels; the shape in which it meets a value of `rank`
/// dimensions whose second one they are.
pub(super) fn channels(
    node: &Node,
    name: &str,
    id: NodeId,
    count: usize,
    rank: usize,
) -> Result<Vec<usize>, Fault> {
    let given = node.ty(id);
    ensure!(
        given.dims() == [count],
        E_MODEL,
        "{name} {given} must be [{count}], one number a channel or group"
    );
    Ok([vec![count], vec![1; rank - 2]].concat())
}

/// In which type f16 is computed on the way: f32.
pub(super) fn stash_type(node: &mut Node) -> Result<(), Fault> {
    let stash = node.attributes.int("stash_type")?.unwrap_or(1);
    ensure!(stash == 1, E_UNSUPPORTED, "stash_type={stash} is not supported, only 1");
    Ok(())
}
