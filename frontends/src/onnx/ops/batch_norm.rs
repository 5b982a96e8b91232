//! `BatchNormalization`, opset 1, 6, 7, 9, 14, 15: each channel moved and scaled by statistics.
//!
//!     BatchNormalization(X, scale, B, mean, var, epsilon=1e-5, momentum=0.9, training_mode=0)
//!         = (X - mean) / sqrt(var + epsilon) * scale + B
//!
//! In training, from opset 14 on, the statistics are those of X itself, and two more outputs are what they make
//! of the given ones: `mean * momentum + mean of X * (1 - momentum)`, and the same of the variance. From opset 7 to
//! 13 a node trains where it has any output but Y.
//!
//! X of one dimension has one channel. Operands of several types meet in f32, or in f64 where one is of that type; so
//! does training in f16.
//!
//! Refused: training before opset 14, and statistics for each element (`spatial=0`).

use super::normalization::{channels, mean_square};
use crate::onnx::diagnostic::{Fault, ensure};
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::{Add, BatchNorm, Mul, ReduceMean, Rsqrt, Sub};
use cnnc_ir::{DType, NodeId};

pub(super) fn batch_normalization(node: &mut Node) -> Outcome {
    let (mut operands, []) = node.inputs(["X", "scale", "B", "mean", "var"], [])?;
    let eps = node.attributes.float("epsilon")?.unwrap_or(1e-5);
    let momentum = node.attributes.float("momentum")?.unwrap_or(0.9);
    if node.opset < 9 {
        let spatial = node.attributes.flag("spatial")?.unwrap_or(true);
        ensure!(spatial, E_UNSUPPORTED, "spatial=0, statistics for each element, is not supported");
    }
    let training = match node.opset {
        ..7 => !node.attributes.flag("is_test")?.unwrap_or(false),
        7..14 => node.outputs.iter().skip(1).any(|name| !name.is_empty()),
        _ => node.attributes.flag("training_mode")?.unwrap_or(false),
    };
    ensure!(!training || node.opset >= 14, E_UNSUPPORTED, "training is not supported before opset 14");
    let ty = node.ty(operands[0]);
    if let &[n] = ty.dims() {
        operands[0] = node.reshaped("channel", operands[0], &[n, 1])?;
    }
    if training {
        return train(node, operands, ty.dims(), eps, momentum);
    }
    if ty.rank() != 1 && operands.iter().all(|&id| node.ty(id).dtype == ty.dtype) {
        return node.result(BatchNorm { eps }, &operands);
    }
    let operands = alike(node, operands)?;
    let y = node.step("wide", BatchNorm { eps }, &operands)?;
    let y = shaped(node, y, ty.dims())?;
    node.narrowed(y, ty.dtype)
}

/// A result in the shape that X had.
fn shaped(node: &mut Node, y: NodeId, dims: &[usize]) -> Result<NodeId, Fault> {
    if node.ty(y).dims() == dims { Ok(y) } else { node.reshaped("shaped", y, dims) }
}

/// Operands in the type in which they meet.
fn alike(node: &mut Node, mut operands: [NodeId; 5]) -> Result<[NodeId; 5], Fault> {
    let types = operands.map(|id| node.ty(id).dtype);
    ensure!(types.iter().all(|dtype| dtype.is_float()), E_MODEL, "operands of {types:?} are not all real");
    let to = if types.contains(&DType::F64) { DType::F64 } else { DType::F32 };
    for id in &mut operands {
        *id = node.cast("wide", *id, to)?;
    }
    Ok(operands)
}

/// The value, which had these extents, by its own statistics, and what they make of the given ones.
fn train(node: &mut Node, given: [NodeId; 5], original: &[usize], eps: f32, momentum: f32) -> Outcome {
    let types = given.map(|id| node.ty(id).dtype);
    let [x, scale, offset, mean, var] = alike(node, given)?;
    let ty = node.ty(x);
    ensure!(ty.rank() >= 2, E_MODEL, "X {ty} has no channels");
    let count = ty.dims()[1];
    let mut dims = Vec::new();
    for (name, id) in [("scale", scale), ("B", offset), ("mean", mean), ("var", var)] {
        dims = channels(node, name, id, count, ty.rank())?;
    }
    let along: Vec<i64> = [0].into_iter().chain(2..ty.rank() as i64).collect();
    let own_mean = node.step("mean", ReduceMean { axes: along.clone(), keep: true }, &[x])?;
    let centred = node.step("centred", Sub, &[x, own_mean])?;
    let own_var = mean_square(node, centred, along)?;
    let inverse = node.step("inverse", Rsqrt { eps }, &[own_var])?;
    let normal = node.step("normal", Mul, &[centred, inverse])?;
    let scale = node.reshaped("scale", scale, &dims)?;
    let offset = node.reshaped("offset", offset, &dims)?;
    let scaled = node.step("scaled", Mul, &[normal, scale])?;
    let moved = node.step("moved", Add, &[scaled, offset])?;
    let moved = shaped(node, moved, original)?;
    let mut values = node.narrowed(moved, types[0])?;
    let outputs = node.outputs;
    let statistics = [(mean, own_mean, types[3]), (var, own_var, types[4])];
    for (name, (given, own, dtype)) in outputs.iter().skip(1).zip(statistics) {
        let kept = node.number("momentum", &ty, momentum)?;
        let new = node.number("momentum", &ty, 1.0 - momentum)?;
        let kept = node.step("kept", Mul, &[given, kept])?;
        let own = node.reshaped("own", own, &[count])?;
        let new = node.step("new", Mul, &[own, new])?;
        let sum = node.step("sum", Add, &[kept, new])?;
        let sum = node.cast("narrow", sum, dtype)?;
        node.builder.rename(sum, name)?;
        values.push(sum);
    }
    Ok(values)
}
