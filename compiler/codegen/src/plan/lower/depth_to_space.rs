//! `depth_to_space`: blocks of channels spread over the plane, row by row of the operand.

use super::conv::dims4;
use super::strided::{self, Dim};
use crate::plan::{Layout, Planner};
use cnnc_ir::NodeId;
use cnnc_ir::ops::{DepthMode, DepthToSpace};

/// Lowers a depth-to-space and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, op: &DepthToSpace) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let from = p.plain(expr.operands[0])?;
    let to = p.result(id, Layout::Plain);
    let [_, _, h, w] = dims4(p, expr.operands[0]);
    let [n, c, height, width] = dims4(p, id);
    let b = op.block as usize;
    let (plane, result) = (h * w, height * width);
    // Along a channel, a row and a column of the result's blocks, in channels of the operand.
    let (channel, u, v) = match op.mode {
        DepthMode::Dcr => (1, b * c, c),
        DepthMode::Crd => (b * b, b, 1),
    };
    let dim = |extent: usize, from: usize, to: usize| Dim { extent, from: from as i64, to: to as i64 };
    let dims = [
        dim(n, c * b * b * plane, c * result),
        dim(c, channel * plane, result),
        dim(h, w, b * width),
        dim(b, u * plane, width),
        dim(b, v * plane, 1),
        dim(w, 1, b),
    ];
    let calls = strided::calls(p, p.ty(id).dtype, from, to.place, &dims);
    p.step(&p.name(id), "depth_to_space", "strided copy".into(), calls, 0);
    super::finish(p, id, to, expr.stages)
}
