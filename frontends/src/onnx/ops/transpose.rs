//! `Transpose`, opset 1, 13, 21 to 25: the dimensions in another order.
//!
//!     Transpose(data, perm=reversed)

use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::Transpose;

pub(super) fn transpose(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["data"], [])?;
    let rank = node.ty(x).rank() as i64;
    let perm = node.attributes.ints("perm")?.unwrap_or_else(|| (0..rank).rev().collect());
    node.result(Transpose { perm }, &[x])
}
