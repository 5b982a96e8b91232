//! `reshape` and what changes nothing: the same bytes under another type.

use crate::plan::{Home, Layout, Planner};
use cnnc_ir::NodeId;

/// Gives the node the plain home of its operand. Blocked values whose bytes are plain too, vectors of whole channel
/// blocks one behind the other, need no reordering.
pub(super) fn lower(p: &mut Planner, id: NodeId) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let operand = expr.operands[0];
    let ty = p.ty(operand);
    let is_vector = |home: &&Home| {
        ty.rank() >= 2
            && ty.dims()[2..].iter().all(|&d| d == 1)
            && ty.dims()[1].is_multiple_of(p.target.lanes)
            && home.image == p.home(home.place, ty, Layout::Plain).image
    };
    let place = match p.homes.get(&operand).filter(is_vector) {
        Some(home) => home.place,
        None => p.plain(operand)?,
    };
    if expr.stages.is_empty() {
        p.alias(id, p.home(place, p.ty(id), Layout::Plain));
        return Ok(());
    }
    let to = p.result(id, Layout::Plain);
    super::copy(p, &p.name(id), place, to.place, p.ty(id));
    super::finish(p, id, to, expr.stages)
}
