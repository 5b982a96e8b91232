//! `Cast`, opset 1, 6, 9, 13, 19 to 28: the elements in another type.
//!
//!     Cast(input, to)     a word before opset 6, a number from then on
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
