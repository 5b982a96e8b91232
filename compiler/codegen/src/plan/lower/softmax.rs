//! `softmax`: a unit is a line along the axis, or neighbouring lines, one for each lane.

use super::pieces::pieces;
use super::pipe::{read, write};
use super::scalar::{self, lines};
use crate::kernels::fold::Lines;
use crate::kernels::softmax::Softmax;
use crate::plan::{Call, Layout, Planner, Term};
use crate::scalar::math;
use cnnc_ir::{NodeId, ops};

/// Lowers a softmax and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, softmax: &ops::Softmax) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let x = expr.operands[0];
    let from = p.plain(x)?;
    let to = p.result_over(id, Layout::Plain, &[x]);
    let (lanes, axis, shape) = (p.target.lanes, softmax.axis as usize, &p.ty(id).shape);
    let (extent, inner) = (shape[axis], shape.strides()[axis]);
    let outer: usize = shape.dims()[..axis].iter().product();
    let stride = 4 * inner as i64;
    let mut calls = Vec::new();
    for (first, count, lines) in pieces(inner, lanes) {
        let (lines, span) = match inner {
            1 => (Lines::Along, 4 * extent as i64),
            _ => (Lines::Across { count: lines, stride }, (extent as i64 - 1) * stride + 4 * lines as i64),
        };
        let terms = vec![
            Term::Index { dim: 0, stride: stride * extent as i64 },
            Term::Index { dim: 1, stride: 4 * lanes as i64 },
        ];
        let args = [write(to.place, terms.clone(), 0..span), read(from, terms, 0..span)];
        calls.push(Call {
            kernel: Softmax { extent, lines }.into(),
            extents: vec![outer as u64, count as u64],
            window: None,
            args: args.iter().map(|arg| arg.skipping(1, first)).collect(),
        });
    }
    let algorithm = format!("{extent} apart by {inner}");
    p.step(&p.name(id), "softmax", algorithm, calls, 0);
    super::finish(p, id, to, expr.stages)
}

/// Lowers a softmax of other types than f32 and the pipe behind it, element by element: a line is walked before, once
/// for its maximum and once for its sum.
pub(super) fn lower_each(p: &mut Planner, id: NodeId, softmax: &ops::Softmax) -> Result<(), String> {
    let axis = softmax.axis as usize;
    let max = lines::fold(p, id, axis, ("max", &[]), |e, extent, along| {
        let least = e.least(e.operand(0).dtype());
        e.fold(extent, [least], |j, [max]| [along(j).max(max)])[0]
    })?;
    let tables = [max];
    let sum = lines::fold(p, id, axis, ("sum", &tables), |e, extent, along| {
        let max = e.table(0).here();
        e.sum(extent, max.like(0), |j| math::exp(along(j) - max))
    })?;
    let [max] = tables;
    scalar::lower_by(p, id, vec![max, sum], |e| {
        Ok(math::exp(e.operand(0).here() - e.table(0).here()) / e.table(1).here())
    })
}
