//! `CumSum`, opset 11, 14: running sums along an axis.
//!
//!     CumSum(x, axis, exclusive=0, reverse=0)

use crate::onnx::diagnostic::fail;
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::ops::CumSum;

pub(super) fn cum_sum(node: &mut Node) -> Outcome {
    let ([x, along], []) = node.inputs(["x", "axis"], [])?;
    let axis = match node.ints("axis", along)?[..] {
        [given] => axis("axis", given, node.ty(x).rank())? as i64,
        ref list => fail!(E_MODEL, "axis={list:?}: it must be one number"),
    };
    let exclusive = node.attributes.flag("exclusive")?.unwrap_or(false);
    let reverse = node.attributes.flag("reverse")?.unwrap_or(false);
    node.result(CumSum { axis, exclusive, reverse }, &[x])
}
