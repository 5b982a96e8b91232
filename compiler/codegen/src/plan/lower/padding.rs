//! `pad`: the operand copied into the middle, and the border filled, in one step.
//!
//! The border is two boxes a dimension: before and behind the operand along it, within the operand along the
//! dimensions outside, and the whole of the dimensions inside. A blocked operand stays blocked where its
//! blocks do not shift and the lanes that do not exist stay zero.

use super::strided::{self, Dim};
use crate::plan::{Layout, Place, Planner};
use cnnc_ir::ops::Padding;
use cnnc_ir::{Data, NodeId};

/// Lowers a pad and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, pad: &Padding) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let operand = expr.operands[0];
    let layout = if keeps_blocks(p, id, operand, pad) { Layout::Blocked } else { Layout::Plain };
    let from = p.operand(operand, layout)?;
    let dtype = p.ty(id).dtype;
    let border = Data::splat(dtype, 1, pad.value.into());
    let border = p.weights(&format!("{}.border", p.name(id)), border);
    let to = p.result(id, layout);

    let (inner, whole) = (strided::extents(p, operand, layout), strided::extents(p, id, layout));
    let (source, result) = (strided::strides(p, operand, from), strided::strides(p, id, to));
    let mut before: Vec<usize> = pad.before.iter().map(|&n| n as usize).collect();
    before.resize(inner.len(), 0);
    if layout == Layout::Blocked {
        before[1] /= p.target.lanes;
    }
    let moved = |d: usize, by: usize, place: Place| Place {
        offset: place.offset + (dtype.bytes() * by) as u64 * result[d] as u64,
        ..place
    };
    // Where the operand's first element goes, seen from the first dimension up to `d`.
    let corner = |d: usize| (0..d).fold(to.place, |place, d| moved(d, before[d], place));

    let rank = inner.len();
    let copied: Vec<Dim> =
        (0..rank).map(|d| Dim { extent: inner[d], from: source[d], to: result[d] }).collect();
    let mut calls = strided::calls(p, dtype, from.place, corner(rank), &copied);
    for d in 0..rank {
        let behind = before[d] + inner[d];
        for (start, extent) in [(0, before[d]), (behind, whole[d] - behind)] {
            let side = |e: usize| match e.cmp(&d) {
                std::cmp::Ordering::Less => inner[e],
                std::cmp::Ordering::Equal => extent,
                std::cmp::Ordering::Greater => whole[e],
            };
            let filled: Vec<Dim> =
                (0..rank).map(|e| Dim { extent: side(e), from: 0, to: result[e] }).collect();
            calls.extend(strided::calls(p, dtype, border, moved(d, start, corner(d)), &filled));
        }
    }
    p.step(&p.name(id), "pad", "strided copy, filled border".into(), calls, 0);
    super::finish(p, id, to, expr.stages)
}

fn keeps_blocks(p: &Planner, id: NodeId, operand: NodeId, pad: &Padding) -> bool {
    let lanes = p.target.lanes;
    let full = |v: NodeId| p.ty(v).dims()[1].is_multiple_of(lanes);
    p.layout(operand) == Some(Layout::Blocked)
        && p.ty(operand).rank() == 4
        && pad.before[1] % lanes as i64 == 0
        && (pad.value.to_bits() == 0 || full(operand) && full(id))
}
