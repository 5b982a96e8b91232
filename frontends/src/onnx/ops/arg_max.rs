//! `ArgMax` and `ArgMin`, opset 1, 11, 12, 13: where along an axis the greatest or the least element stands.
//!
//!     ArgMax ArgMin (data, axis=0, keepdims=1, select_last_index=0)

use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::ops::ArgMax;

pub(super) fn arg_max(node: &mut Node) -> Outcome {
    arg(node, false)
}

pub(super) fn arg_min(node: &mut Node) -> Outcome {
    arg(node, true)
}

fn arg(node: &mut Node, least: bool) -> Outcome {
    let ([x], []) = node.inputs(["data"], [])?;
    let axis = axis("axis", node.attributes.int("axis")?.unwrap_or(0), node.ty(x).rank())? as i64;
    let keep = node.attributes.flag("keepdims")?.unwrap_or(true);
    let last = node.attributes.flag("select_last_index")?.unwrap_or(false);
    node.result(ArgMax { axis, keep, least, last }, &[x])
}
