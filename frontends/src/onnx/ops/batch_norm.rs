//! `BatchNormalization`, opset 1, 6, 7, 9, 14, 15, at inference: each channel moved and scaled by fixed
//! statistics.
//!
//!     BatchNormalization(X, scale, B, mean, var, epsilon=1e-5, momentum=0.9)
//!
//! `momentum` concerns training alone. Refused: training, and statistics for each element (`spatial=0`).

use crate::onnx::diagnostic::ensure;
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::BatchNorm;

pub(super) fn batch_normalization(node: &mut Node) -> Outcome {
    let (operands, []) = node.inputs(["X", "scale", "B", "mean", "var"], [])?;
    let eps = node.attributes.float("epsilon")?.unwrap_or(1e-5);
    node.attributes.float("momentum")?;
    if node.opset < 9 {
        let spatial = node.attributes.flag("spatial")?.unwrap_or(true);
        ensure!(spatial, E_UNSUPPORTED, "spatial=0, statistics for each element, is not supported");
    }
    let training = match node.opset {
        ..7 => !node.attributes.flag("is_test")?.unwrap_or(false),
        _ => node.attributes.flag("training_mode")?.unwrap_or(false),
    };
    ensure!(!training, E_UNSUPPORTED, "training is not supported");
    node.result(BatchNorm { eps }, &operands)
}
