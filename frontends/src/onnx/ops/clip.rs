//! `Clip`, opset 1, 6, 11, 12, 13: the nearest number between two bounds.
//!
//!     Clip(X, min=attribute, max=attribute)   before opset 11
//!     Clip(X, min?, max?)                     from then on
//!
//! Bounds of an f32 that are known become attributes of `clip`; all others operands of `max` and `min`, the
//! bound first, so that -0 stays -0.

use crate::onnx::node::{Node, Outcome};
use cnnc_ir::DType;
use cnnc_ir::ops::{Clip, Identity, Max, Min};

pub(super) fn clip(node: &mut Node) -> Outcome {
    if node.opset < 11 {
        // ONNX: opset 6 names the largest finite numbers as defaults, opset 1 has none.
        let least = if node.opset < 6 { f32::NEG_INFINITY } else { f32::MIN };
        let ([x], []) = node.inputs(["input"], [])?;
        let min = node.attributes.float("min")?.unwrap_or(least);
        let max = node.attributes.float("max")?.unwrap_or(-least);
        return node.result(Clip { min, max }, &[x]);
    }
    let ([x], [low, high]) = node.inputs(["input"], ["min", "max"])?;
    let known =
        |node: &Node, bound: Option<_>| bound.is_none_or(|id| node.builder.module.graph[id].is_const());
    if node.ty(x).dtype == DType::F32 && known(node, low) && known(node, high) {
        let mut clip = Clip::default();
        if let Some(low) = low {
            clip.min = node.scalar("min", low)? as f32;
        }
        if let Some(high) = high {
            clip.max = node.scalar("max", high)? as f32;
        }
        return node.result(clip, &[x]);
    }
    match (low, high) {
        (None, None) => node.result(Identity, &[x]),
        (Some(low), None) => node.result(Max, &[low, x]),
        (None, Some(high)) => node.result(Min, &[high, x]),
        (Some(low), Some(high)) => {
            let raised = node.step("raised", Max, &[low, x])?;
            node.result(Min, &[high, raised])
        }
    }
}
