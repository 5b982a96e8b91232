//! `max_pool` and `avg_pool`: channel block by channel block, a unit is one row of one block.

use super::conv::dims4;
use super::image::Image;
use super::pieces::{Pieces, pieces};
use super::pipe::{self, View, read, write};
use crate::kernels::fold::Fold;
use crate::kernels::pool::Pool;
use crate::kernels::row::Columns;
use crate::plan::{Arg, Call, Layout, Over, Planner, Term, Window};
use cnnc_ir::ops::{AvgPool, MaxPool, Sliding};
use cnnc_ir::{Data, NodeId};

/// Lowers a max pool and the pipe behind it.
pub(super) fn lower_max(p: &mut Planner, id: NodeId, pool: &MaxPool) -> Result<(), String> {
    let [.., height, width] = dims4(p, p.module.graph.operands(id)[0]);
    lower(p, id, "max_pool", pool.window().over(height, width), None)
}

/// Lowers an average pool and the pipe behind it.
pub(super) fn lower_avg(p: &mut Planner, id: NodeId, pool: &AvgPool) -> Result<(), String> {
    let [.., height, width] = dims4(p, p.module.graph.operands(id)[0]);
    lower(p, id, "avg_pool", pool.window().over(height, width), Some(pool.count_include_pad))
}

/// `mean` is none for a max pool, else whether padding counts.
fn lower(
    p: &mut Planner,
    id: NodeId,
    op: &str,
    [rows, columns]: [Sliding; 2],
    mean: Option<bool>,
) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let lanes = p.target.lanes;
    let [n, channels, oh, ow] = dims4(p, id);
    let vector = 4 * lanes as i64;
    let (from, result) = (Image::blocked(p, expr.operands[0]), Image::blocked(p, id));
    let input = p.operand(expr.operands[0], Layout::Blocked)?;
    let count = |side: &Sliding, i: usize| match mean {
        Some(true) => side.padded_taps(i),
        _ => side.taps(i).len(),
    };
    let index = |dim, stride| Term::Index { dim, stride };
    let counts = match mean {
        Some(_) => {
            let words: Vec<f32> = (0..oh).map(|i| count(&rows, i) as f32).collect();
            let place = p.weights(&format!("{}.rows", p.name(id)), Data::F32(words));
            read(place, vec![index(2, 4)], 0..4)
        }
        None => Arg::Unread,
    };
    let fold = if mean.is_some() { Fold::Sum } else { Fold::Max };
    let columns_counted: Option<Vec<usize>> = mean.map(|_| (0..ow).map(|i| count(&columns, i)).collect());
    let channel = vec![index(1, vector)];
    let view = View {
        layout: Layout::Blocked,
        same: &|image| result.terms(image),
        same_span: 0..result.row,
        axis: pipe::CHANNELS,
        channel: Some((&channel, 0..vector)),
        first_arg: 5,
    };
    let (pipe, taken) = pipe::fuse(p, id, &expr.stages, &view)?;
    let to = p.result_over(id, Layout::Blocked, pipe.replaceable());
    let window = Window {
        over: Over::Operand,
        dim: 2,
        stride: rows.stride as u64,
        pad: rows.before as u64,
        dilation: rows.dilation as u64,
        kernel: rows.kernel as u64,
        extent: rows.extent as u64,
        ring: from.ring,
    };
    let (step, table) = from.step(p, &p.name(id), &window);
    let mut args = vec![
        write(to.place, result.terms(to.image), 0..result.row),
        read(input.place, from.window_terms(input.image), 0..from.row),
        Arg::Taps,
        counts,
        table,
    ];
    args.extend(pipe.args);
    let call = |(first, count, lanes): Pieces| Call {
        kernel: Pool {
            fold,
            counts: columns_counted.clone(),
            columns: Columns {
                pixels: ow,
                taps: columns.kernel,
                stride: columns.stride,
                pad: columns.before,
                dilation: columns.dilation,
                width: columns.extent,
            },
            tile: p.target.accumulators,
            row: step,
            lanes,
            pipe: pipe.functions.clone(),
        }
        .into(),
        extents: vec![n as u64, count as u64, oh as u64],
        window: Some(window),
        args: args.iter().map(|arg| arg.skipping(1, first)).collect(),
    };
    let calls = pieces(channels, lanes).map(call).collect();
    p.step(&p.name(id), op, "row by row".into(), calls, 0);
    super::finish(p, id, to, expr.stages[taken..].to_vec())
}
