//! `Concat`, opset 1, 4, 11, 13: tensors one behind the other.
//!
//!     Concat(inputs..., axis)      axis=1 unless given, before opset 4

use crate::onnx::attributes::required;
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::ops::Concat;

pub(super) fn concat(node: &mut Node) -> Outcome {
    let operands = node.variadic()?;
    let given = node.attributes.int("axis")?.or((node.opset < 4).then_some(1));
    let rank = node.ty(operands[0]).rank();
    let axis = axis("axis", required("axis", given)?, rank)? as i64;
    node.result(Concat { axis }, &operands)
}
