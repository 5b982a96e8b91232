//! `Gather`, opset 1, 11, 13: the elements that an index tensor names along an axis.
//!
//!     Gather(data, indices, axis=0)
//!
//! Refused: constant indices out of range; those that come at run time are clamped.

use crate::onnx::diagnostic::fail;
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::Data;
use cnnc_ir::ops::Gather;

pub(super) fn gather(node: &mut Node) -> Outcome {
    let ([x, indices], []) = node.inputs(["data", "indices"], [])?;
    let ty = node.ty(x);
    let d = axis("axis", node.attributes.int("axis")?.unwrap_or(0), ty.rank())?;
    let n = ty.dims()[d] as i64;
    if let Some(constant) = node.builder.value(indices)? {
        let bad = |index: i64| !(-n..n).contains(&index);
        let bad = match constant.data() {
            Data::I64(x) => x.iter().copied().find(|&i| bad(i)),
            Data::I32(x) => x.iter().map(|&i| i.into()).find(|&i| bad(i)),
            _ => None,
        };
        if let Some(bad) = bad {
            fail!(E_MODEL, "index {bad} is out of range: axis {d} of {ty} has {n} elements");
        }
    }
    node.result(Gather { axis: d as i64 }, &[x, indices])
}
