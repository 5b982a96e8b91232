//! `concat`: operands one behind the other, each copied to its place unless it was computed there.
//!
//! Along channels, blocked operands stay blocked where every one but the last fills its blocks: the blocked
//! result is then their blocked forms one behind the other, and of a single image most of them are
//! [views](crate::plan::views) of it.

use super::strided::{self, Dim};
use crate::plan::{Layout, Place, Planner, Topic, views};
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
    let outer: usize = p.ty(id).dims()[..axis].iter().product();
    // Elements of one iteration of the extents outside the axis.
    let inner = |p: &Planner, v: NodeId| p.elements(p.ty(v), layout) / outer.max(1);
    let (whole, dtype) = (inner(p, id), p.ty(id).dtype);
    let (mut calls, mut before) = (Vec::new(), 0);
    for operand in expr.operands {
        let own = inner(p, operand);
        let place = Place { offset: to.offset + (dtype.bytes() * before) as u64, ..to };
        before += own;
        let from = p.operand(operand, layout)?;
        if from == place {
            continue;
        }
        let dims =
            [Dim { extent: outer, from: own as i64, to: whole as i64 }, Dim { extent: own, from: 1, to: 1 }];
        calls.extend(strided::calls(p, dtype, from, place, &dims));
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
    super::finish(p, id, to, layout, expr.stages)
}
