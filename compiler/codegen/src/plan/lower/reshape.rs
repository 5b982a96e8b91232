//! `reshape` and what changes nothing: the same bytes under another type.

use crate::plan::{Layout, Planner};
use cnnc_ir::NodeId;

/// Gives the node the plain home of its operand. Blocked values whose bytes are plain too, vectors of whole channel
/// blocks, need no reordering.
pub(super) fn lower(p: &mut Planner, id: NodeId) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let operand = expr.operands[0];
    let ty = p.ty(operand);
    let is_vector = ty.rank() >= 2
        && ty.dims()[2..].iter().all(|&d| d == 1)
        && ty.dims()[1].is_multiple_of(p.target.lanes);
    let place = match p.homes.get(&operand) {
        Some(home) if home.layout == Layout::Blocked && is_vector => home.place,
        _ => p.operand(operand, Layout::Plain)?,
    };
    if expr.stages.is_empty() {
        p.alias(id, place, Layout::Plain);
        return Ok(());
    }
    let to = p.result(id, Layout::Plain);
    super::copy(p, &p.name(id), place, to, p.ty(id));
    super::finish(p, id, to, Layout::Plain, expr.stages)
}
