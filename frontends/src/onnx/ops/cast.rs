//! `Cast`, opset 1, 6, 9, 13, 19 to 28, and `CastLike`, from opset 15: the elements in another type.
//!
//!     Cast(input, to)                 a word before opset 6, a number from then on
//!     CastLike(input, target_type)    the element type of another value
//!
//! `saturate` and `round_mode` concern 8-bit floats alone, which are not supported.

use crate::onnx::attributes::required;
use crate::onnx::node::{Node, Outcome};
use crate::onnx::tensor;
use cnnc_ir::ops::Cast;

pub(super) fn cast(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    let to = match node.opset {
        ..6 => tensor::dtype_named(&required("to", node.attributes.string("to")?)?)?,
        _ => tensor::dtype(required("to", node.attributes.int("to")?)?)?,
    };
    node.attributes.flag("saturate")?;
    node.attributes.string("round_mode")?;
    node.result(Cast { to }, &[x])
}

pub(super) fn cast_like(node: &mut Node) -> Outcome {
    let ([x, like], []) = node.inputs(["input", "target_type"], [])?;
    node.attributes.flag("saturate")?;
    node.attributes.string("round_mode")?;
    node.result(Cast { to: node.ty(like).dtype }, &[x])
}
