//! `gather`: runs of 4-byte elements that constant indices name, through a table of their offsets.
//!
//! By indices that are computed at run time, or of other elements, each element is fetched by itself.

use super::index;
use super::pieces::pieces;
use super::pipe::{read, write};
use crate::kernels::map::Map;
use crate::kernels::pointwise::Source;
use crate::plan::{Call, Layout, Place, Planner, Term};
use cnnc_ir::ops::Gather;
use cnnc_ir::{DType, Data, NodeId};

/// Elements of a unit of a long run.
const RUN: usize = 4096;

/// Lowers a gather and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, gather: &Gather) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let (x, indices) = (expr.operands[0], expr.operands[1]);
    let indices = match p.constant(indices) {
        Some(indices) if p.ty(x).dtype.bytes() == 4 => indices?,
        _ => return index::gather(p, id, gather),
    };
    let (shape, axis) = (p.ty(x).dims(), gather.axis as usize);
    let (extent, inner) = (shape[axis] as i64, shape[axis + 1..].iter().product::<usize>());
    let outer: usize = shape[..axis].iter().product();
    // As the operator has it: negative ones count from the end, those out of range are clamped to it.
    let wide = indices.cast(DType::I64);
    let bytes = 4 * inner as i64;
    let table: Vec<i64> = wide
        .slice::<i64>()
        .iter()
        .map(|&i| if i < 0 { i.saturating_add(extent) } else { i }.clamp(0, extent - 1) * bytes)
        .collect();
    let (count, least, most) = (table.len(), table.iter().min().copied(), table.iter().max().copied());

    let from = p.plain(x)?;
    let to = p.result(id, Layout::Plain);
    let table = p.weights(&format!("{}.offsets", p.name(id)), Data::I64(table));
    let lookup = Term::Lookup { dim: 1, table, least: least.unwrap_or(0), most: most.unwrap_or(0) };
    let lanes = p.target.lanes;
    let mut calls = Vec::new();
    for (first, runs, length) in pieces(inner, RUN) {
        let shifted = |place: Place| place.moved((4 * first * RUN) as i64);
        let index = |dim, stride| Term::Index { dim, stride };
        let (piece, span) = (index(2, 4 * RUN as i64), 0..4 * length as i64);
        let kernel = Map {
            vectors: length / lanes,
            rest: length % lanes,
            lanes,
            from: Source::Same(1),
            pipe: Vec::new(),
        };
        calls.push(Call {
            kernel: kernel.into(),
            extents: vec![outer as u64, count as u64, runs as u64],
            window: None,
            args: vec![
                write(
                    shifted(to.place),
                    vec![index(0, bytes * count as i64), index(1, bytes), piece],
                    span.clone(),
                ),
                read(shifted(from), vec![index(0, bytes * extent), lookup, piece], span),
            ],
        });
    }
    p.step(&p.name(id), "gather", "runs by a table".into(), calls, 0);
    super::finish(p, id, to, expr.stages)
}
