//! `expand`: a strided copy that stands still along what stretches.

use super::strided::{self, Dim};
use crate::plan::{Layout, Planner};
use cnnc_ir::NodeId;

/// Lowers an expansion and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let operand = expr.operands[0];
    let from = p.plain(operand)?;
    let to = p.result(id, Layout::Plain);
    let (own, ty) = (&p.ty(operand).shape, p.ty(id));
    let (source, result) = (own.strides(), ty.shape.strides());
    let missing = ty.rank() - own.rank();
    let stride = |d: usize| match d.checked_sub(missing) {
        Some(k) if own[k] != 1 => source[k] as i64,
        _ => 0,
    };
    let dims: Vec<Dim> =
        (0..ty.rank()).map(|d| Dim { extent: ty.dims()[d], from: stride(d), to: result[d] as i64 }).collect();
    let calls = strided::calls(p, ty.dtype, from, to.place, &dims);
    p.step(&p.name(id), "expand", "strided copy".into(), calls, 0);
    super::finish(p, id, to, expr.stages)
}
