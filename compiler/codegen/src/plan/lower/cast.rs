//! `cast`: element by element; one that changes nothing is the operand's own bytes.

use super::{reshape, scalar};
use crate::plan::Planner;
use cnnc_ir::NodeId;

/// Lowers a cast and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId) -> Result<(), String> {
    let (from, to) = (p.ty(p.module.graph.operands(id)[0]).dtype, p.ty(id).dtype);
    match from == to {
        true => reshape::lower(p, id),
        false => scalar::lower(p, id, |e| Ok(e.operand(0).here().to(to))),
    }
}
