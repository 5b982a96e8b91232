//! `Identity`, and `Dropout`, opset 1, 6, 7, 10, 12, 13, 22, which is one at inference.
//!
//!     Identity(input)
//!     Dropout(data, ratio=0.5)                              before opset 12
//!     Dropout(data, ratio=0.5?, training_mode?, seed=)      from then on
//!
//! Nothing is dropped, so the second output, the mask, is true everywhere; before opset 10 it is of the type of
//! data. Refused: training, where elements are dropped at random, unless ratio is 0.

use crate::onnx::diagnostic::ensure;
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::DType;
use cnnc_ir::ops::{Dropout, Identity};

pub(super) fn identity(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    node.result(Identity, &[x])
}

pub(super) fn dropout(node: &mut Node) -> Outcome {
    let ([x], [ratio, training]) = node.inputs(["data"], ["ratio", "training_mode"])?;
    let attribute = node.attributes.float("ratio")?;
    node.attributes.int("seed")?;
    let training = match training {
        Some(training) => node.scalar("training_mode", training)? != 0.0,
        None => node.opset < 7 && !node.attributes.flag("is_test")?.unwrap_or(false),
    };
    if training {
        let ratio = match ratio {
            Some(ratio) => node.scalar("ratio", ratio)?,
            None => attribute.unwrap_or(0.5).into(),
        };
        ensure!(ratio == 0.0, E_UNSUPPORTED, "training drops elements at random, which is not supported");
    }
    let mut values = node.result(Dropout, &[x])?;
    if let Some(mask) = node.outputs.get(1).filter(|name| !name.is_empty()) {
        let ty = node.ty(x);
        let ty = if node.opset < 10 { ty } else { ty.with_dtype(DType::Bool) };
        values.push(node.builder.splat(mask, ty, 1.0)?);
    }
    Ok(values)
}
