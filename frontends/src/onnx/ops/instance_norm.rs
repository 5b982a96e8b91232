//! `InstanceNormalization`, opset 1, 6, 22: each plane moved and scaled by its own statistics.
//!
//!     InstanceNormalization(X, scale, B, epsilon=1e-5)
//!         = (X - mean) * rsqrt(mean of (X - mean)^2 + epsilon) * scale + B
//!
//! Means are taken over the spatial dimensions of each image and channel.

use crate::onnx::diagnostic::ensure;
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::{Add, Mul, ReduceMean, Rsqrt, Sub};

pub(super) fn instance_normalization(node: &mut Node) -> Outcome {
    let ([x, scale, offset], []) = node.inputs(["input", "scale", "B"], [])?;
    let eps = node.attributes.float("epsilon")?.unwrap_or(1e-5);
    let ty = node.ty(x);
    ensure!(ty.rank() > 2, E_MODEL, "input {ty} has no spatial dimensions");
    let c = ty.dims()[1];
    for (name, id) in [("scale", scale), ("B", offset)] {
        let given = node.ty(id);
        ensure!(given.dims() == [c], E_MODEL, "{name} {given} must be [{c}], the channels of input {ty}");
    }
    let mean = ReduceMean { axes: (2..ty.rank() as i64).collect(), keep: true };
    let channels = [vec![c], vec![1; ty.rank() - 2]].concat();
    let scale = node.reshaped("scale", scale, &channels)?;
    let offset = node.reshaped("offset", offset, &channels)?;
    let centre = node.step("centre", mean.clone(), &[x])?;
    let centred = node.step("centred", Sub, &[x, centre])?;
    let square = node.step("square", Mul, &[centred, centred])?;
    let variance = node.step("variance", mean, &[square])?;
    let inverse = node.step("inverse", Rsqrt { eps }, &[variance])?;
    let normal = node.step("normal", Mul, &[centred, inverse])?;
    let scaled = node.step("scaled", Mul, &[normal, scale])?;
    node.result(Add, &[scaled, offset])
}
