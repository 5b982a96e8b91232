//! `Identity`, and `Dropout`, opset 1, 6, 7, 10, 12, 13, 22, which is one at inference.
//!
//!     Identity(input)
//!     Dropout(data, ratio=0.5)                        before opset 12
//!     Dropout(data, ratio?, training_mode?, seed=)    from then on
//!
//! `Dropout`'s second output, the mask, is not computed. Refused: training.

use crate::onnx::diagnostic::ensure;
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::{Dropout, Identity};

pub(super) fn identity(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    node.result(Identity, &[x])
}

pub(super) fn dropout(node: &mut Node) -> Outcome {
    let ([x], [_ratio, training]) = node.inputs(["data"], ["ratio", "training_mode"])?;
    node.attributes.float("ratio")?;
    node.attributes.int("seed")?;
    let training = match training {
        Some(training) => node.scalar("training_mode", training)? != 0.0,
        None => node.opset < 7 && !node.attributes.flag("is_test")?.unwrap_or(false),
    };
    ensure!(!training, E_UNSUPPORTED, "training is not supported");
    node.result(Dropout, &[x])
}
