//! `concat`: operands one behind the other, each copied to its place unless it was computed there.
//!
//! Along channels, blocked operands stay blocked where every one but the last fills its blocks: the blocked
//! result is then, image by image, their blocked forms one behind the other, and most of them are
//! [views](crate::plan::views) of it.

use super::strided::{self, Dim};
use crate::plan::{Layout, Planner, Topic, views};
use cnnc_ir::NodeId;
use cnnc_ir::ops::Concat;

/// Lowers a concatenation and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, concat: &Concat) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let axis = concat.axis as usize;
    let in_blocks = expr.operands.iter().any(|&o| p.layout(o) == Some(Layout::Blocked))
        && views::fills_blocks(&p.module.graph, &expr.operands, concat.axis, p.target.lanes);
    let layout = if in_blocks { Layout::Blocked } else { Layout::Plain };
    let to = p.result(id, layout);
    let dtype = p.ty(id).dtype;
    let mut place = to.place;
    let mut calls = Vec::new();
    for operand in expr.operands {
        let from = p.operand(operand, layout)?;
        let own = strided::extents(p, operand, layout);
        let (source, result) = (strided::strides(p, operand, from), strided::strides(p, id, to));
        if from.place != place {
            let dim = |d: usize| Dim { extent: own[d], from: source[d], to: result[d] };
            let dims: Vec<Dim> = (0..own.len()).map(dim).collect();
            calls.extend(strided::calls(p, dtype, from.place, place, &dims));
        }
        place = place.moved(dtype.bytes() as i64 * own[axis] as i64 * result[axis]);
    }
    let name = p.name(id);
    match views::hindrance(&p.module.graph, id, concat, p.target.lanes) {
        _ if calls.is_empty() => {
            p.decisions.did(Topic::Concats, name.clone(), "all operands are computed in it")
        }
        Some(why) => p.decisions.left(Topic::Concats, name.clone(), why),
        None => p.decisions.left(Topic::Concats, name.clone(), "some operands are wanted elsewhere too"),
    }
    p.step(&name, "concat", "copy".into(), calls, 0);
    super::finish(p, id, to, expr.stages)
}
