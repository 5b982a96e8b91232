//! `slice`: a strided view, copied; where it is one run of the operand, the operand's own bytes.
//!
//! A blocked operand stays blocked where whole blocks of channels are taken: those of each image are such a run.

use super::strided::{self, Dim};
use crate::plan::{Home, Layout, Planner};
use cnnc_ir::NodeId;
use cnnc_ir::ops::Slice;

/// Lowers a slice and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, slice: &Slice) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let operand = expr.operands[0];
    let layout = if takes_blocks(p, operand, slice) { Layout::Blocked } else { Layout::Plain };
    let from = p.operand(operand, layout)?;
    let mut starts = slice.starts.clone();
    if layout == Layout::Blocked {
        starts[1] /= p.target.lanes as i64;
    }
    let source = strided::strides(p, operand, from);
    let extents = strided::extents(p, id, layout);
    // A step that is not taken may be of any size.
    let step = |d: usize| slice.steps.get(d).copied().filter(|_| extents[d] > 1).unwrap_or(1);
    let taken: Vec<i64> = (0..extents.len()).map(|d| source[d] * step(d)).collect();
    let dims = |p: &Planner, to: Home| -> Vec<Dim> {
        let result = strided::strides(p, id, to);
        (0..extents.len()).map(|d| Dim { extent: extents[d], from: taken[d], to: result[d] }).collect()
    };
    let dtype = p.ty(id).dtype;
    // An empty range may start at -1; its place is never read.
    let first: i64 = starts.iter().zip(&source).map(|(start, stride)| start * stride).sum();
    let from = from.place.moved(dtype.bytes() as i64 * first.max(0));
    let there = match layout {
        Layout::Blocked => p.piece(id, from, dtype.bytes() as i64 * taken[0]),
        Layout::Plain => p.home(from, p.ty(id), layout),
    };
    if expr.stages.is_empty() && dims(p, there).iter().all(|d| d.extent == 1 || d.from == d.to) {
        p.alias(id, there);
        return Ok(());
    }
    let to = p.result(id, layout);
    let calls = strided::calls(p, dtype, from, to.place, &dims(p, to));
    p.step(&p.name(id), "slice", "strided copy".into(), calls, 0);
    super::finish(p, id, to, expr.stages)
}

/// Whether the slice takes whole blocks of channels of a blocked operand, the last with all that it holds.
fn takes_blocks(p: &Planner, operand: NodeId, slice: &Slice) -> bool {
    let lanes = p.target.lanes as i64;
    p.layout(operand) == Some(Layout::Blocked)
        && p.ty(operand).rank() == 4
        && slice.steps.get(1).is_none_or(|&step| step == 1)
        && slice.starts[1] % lanes == 0
        && (slice.ends[1] % lanes == 0 || slice.ends[1] == p.ty(operand).dims()[1] as i64)
}
