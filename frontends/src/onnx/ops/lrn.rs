//! `LRN`, opset 1, 13: local response normalisation.
//!
//!     LRN(X, alpha=1e-4, beta=0.75, bias=1, size)

use crate::onnx::attributes::required;
use crate::onnx::builder::extent;
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::Lrn;

pub(super) fn lrn(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let alpha = node.attributes.float("alpha")?.unwrap_or(1e-4);
    let beta = node.attributes.float("beta")?.unwrap_or(0.75);
    let bias = node.attributes.float("bias")?.unwrap_or(1.0);
    let size = extent("size", required("size", node.attributes.int("size")?)?)?;
    node.result(Lrn { size, alpha, beta, bias }, &[x])
}
