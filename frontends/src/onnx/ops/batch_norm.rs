//! `BatchNormalization`, opset 1, 6, 7, 9, 14, 15: each channel moved and scaled by statistics.
//!
//!     BatchNormalization(X, scale, B, mean, var, epsilon=1e-5, momentum=0.9, training_mode=0)
//!         = (X - mean) / sqrt(var + epsilon) * scale + B
//!
//! In training, from opset 14 on, the statistics are those of X itself, and two more outputs are what they make
//! of the given ones: `mean * momentum + mean of X * (1 - momentum)`, and the same of the variance.
//!
//! Refused: training before opset 14, and statistics for each element (`spatial=0`).

use super::normalization::{channels, mean_square};
use crate::onnx::diagnostic::ensure;
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::NodeId;
use cnnc_ir::ops::{Add, BatchNorm, Mul, ReduceMean, Rsqrt, Sub};

pub(super) fn batch_normalization(node: &mut Node) -> Outcome {
    let (operands, []) = node.inputs(["X", "scale", "B", "mean", "var"], [])?;
    let eps = node.attributes.float("epsilon")?.unwrap_or(1e-5);
    let momentum = node.attributes.float("momentum")?.unwrap_or(0.9);
    if node.opset < 9 {
        let spatial = node.attributes.flag("spatial")?.unwrap_or(true);
        ensure!(spatial, E_UNSUPPORTED, "spatial=0, statistics for each element, is not supported");
    }
    let training = match node.opset {
        ..7 => !node.attributes.flag("is_test")?.unwrap_or(false),
        _ => node.attributes.flag("training_mode")?.unwrap_or(false),
    };
    if training {
        ensure!(node.opset >= 14, E_UNSUPPORTED, "training is not supported before opset 14");
        return train(node, operands, eps, momentum);
    }
    node.result(BatchNorm { eps }, &operands)
}

/// The value by its own statistics, and what they make of the given ones.
fn train(node: &mut Node, [x, scale, offset, mean, var]: [NodeId; 5], eps: f32, momentum: f32) -> Outcome {
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
    let mut values = node.result(Add, &[scaled, offset])?;
    let outputs = node.outputs;
    for (name, (given, own)) in outputs.iter().skip(1).zip([(mean, own_mean), (var, own_var)]) {
        let kept = node.number("momentum", &ty, momentum)?;
        let new = node.number("momentum", &ty, 1.0 - momentum)?;
        let kept = node.step("kept", Mul, &[given, kept])?;
        let own = node.reshaped("own", own, &[count])?;
        let new = node.step("new", Mul, &[own, new])?;
        values.push(node.builder.add(name, Add.into(), &[kept, new])?);
    }
    Ok(values)
}
