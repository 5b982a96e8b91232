//! `TopK`, opset 1, 10, 11, 24: the greatest elements along an axis, and where they stand.
//!
//!     TopK(X, axis=-1, k)                               before opset 10       (Values, Indices)
//!     TopK(X, K, axis=-1, largest=1, sorted=1)          from then on
//!
//! Elements that need not be sorted are sorted too.

use crate::onnx::attributes::required;
use crate::onnx::builder::extent;
use crate::onnx::diagnostic::{ensure, fail};
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::ops::TopK;

pub(super) fn top_k(node: &mut Node) -> Outcome {
    let ([x], [count]) = node.inputs(["X"], ["K"])?;
    let k = match count {
        Some(count) if node.opset >= 10 => match node.ints("K", count)?[..] {
            [k] => Some(k),
            ref list => fail!(E_MODEL, "K={list:?}: it must be one number"),
        },
        _ => node.attributes.int("k")?,
    };
    let k = extent("K", required("K", k)?)?;
    let axis = axis("axis", node.attributes.int("axis")?.unwrap_or(-1), node.ty(x).rank())? as i64;
    let least = !node.attributes.flag("largest")?.unwrap_or(true);
    node.attributes.flag("sorted")?;
    let outputs = node.outputs;
    let mut values = Vec::new();
    for (name, places) in outputs.iter().zip([false, true]) {
        let name = if name.is_empty() { "unused" } else { name };
        values.push(node.builder.add(name, TopK { axis, k, least, places }.into(), &[x])?);
    }
    ensure!(values.len() == outputs.len(), E_MODEL, "the node has {} outputs, at most 2", outputs.len());
    Ok(values)
}
