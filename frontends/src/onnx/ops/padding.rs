//! `Pad`, opset 1, 2, 11, 13, 18 to 25: a border of one value.
//!
//!     Pad(data, pads=, value=0, mode=constant)                before opset 11; `paddings` in opset 1
//!     Pad(data, pads, constant_value?, axes?, mode=constant)  from then on
//!
//! A negative entry cuts elements off: a `slice` in front. Refused: the other modes, cuts that reach into the
//! padding, and values that are no f32.

use super::slice::whole;
use crate::onnx::attributes::required;
use crate::onnx::diagnostic::ensure;
use crate::onnx::node::{Node, Outcome, axes};
use cnnc_ir::ops::Padding;

pub(super) fn pad(node: &mut Node) -> Outcome {
    let ([x], [pads, value, along]) = node.inputs(["data"], ["pads", "constant_value", "axes"])?;
    node.attributes.word("mode", &[("constant", ())])?;
    let ty = node.ty(x);
    let name = if node.opset < 2 { "paddings" } else { "pads" };
    let pads = required(name, node.list_since(11, name, pads)?)?;
    let value = match value {
        _ if node.opset < 11 => node.attributes.float("value")?.unwrap_or(0.0).into(),
        Some(value) => node.scalar("constant_value", value)?,
        None => 0.0,
    };
    let exact = f64::from(value as f32) == value || value.is_nan();
    ensure!(exact, E_UNSUPPORTED, "constant_value={value} is no f32");
    let along = match along {
        Some(along) => {
            let along = node.ints("axes", along)?;
            axes("axes", &along, ty.rank())?
        }
        None => (0..ty.rank()).collect(),
    };
    let n = along.len();
    ensure!(pads.len() == 2 * n, E_MODEL, "pads={pads:?} are no pairs for {n} dimensions of {ty}");
    let mut op = Padding { before: vec![0; ty.rank()], after: vec![0; ty.rank()], value: value as f32 };
    let mut cut = whole(ty.dims());
    for (k, &d) in along.iter().enumerate() {
        let (before, after) = (pads[k], pads[n + k]);
        (op.before[d], op.after[d]) = (before.max(0), after.max(0));
        cut.starts[d] = before.min(0).saturating_neg();
        cut.ends[d] = cut.ends[d].saturating_add(after.min(0));
        ensure!(
            cut.starts[d] <= cut.ends[d],
            E_MODEL,
            "pads={pads:?} cut off more than dimension {d} of {ty} has"
        );
    }
    if cut == whole(ty.dims()) {
        return node.result(op, &[x]);
    }
    let cut = node.step("cut", cut, &[x])?;
    node.result(op, &[cut])
}
