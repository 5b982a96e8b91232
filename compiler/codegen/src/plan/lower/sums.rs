//! Sums over the pixels of a map, taken by the convolution that computes it.
//!
//! ```text
//! %y = conv %x     %m = reduce_mean %y over pixels   =>   conv writes %y and, for each of its rows, the sum of every
//!                                                         channel; the mean adds up those of all rows
//! ```
//!
//! The map is not read again; one that only the mean reads is never stored. A row is what the plan cuts the pixels
//! into, for every machine alike, and is summed from left to right, so the order of summation is fixed. Declines
//! convolutions by tiles and in groups, and pipes whose functions run on stored results.

use super::pipe::pointwise;
use crate::kernels::pointwise::Source;
use crate::plan::{Layout, Place, Planner, Space, Topic, at};
use cnnc_ir::{NodeId, Op, Stage, Type};

/// The sums of the rows of a map, plain `[N, rows, C]`, channels filled up to whole vectors.
#[derive(Clone, Copy)]
pub(in crate::plan) struct Sums {
    pub place: Place,
    /// Rows of an image.
    pub rows: usize,
}

impl Sums {
    /// Bytes of the channels of a row.
    pub(super) fn row_bytes(p: &Planner, map: NodeId) -> i64 {
        4 * p.ty(map).dims()[1].next_multiple_of(p.target.lanes) as i64
    }
}

/// That the pixels of a map are summed by a reduction.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Whether nothing else reads them.
    pub is_alone: bool,
}

/// What reductions want of the map of a convolution; `None` where none does, or its kernel cannot.
pub(super) fn wanted(p: &Planner, id: NodeId) -> Option<Wanted> {
    let graph = &p.module.graph;
    let is_sum = |reader: NodeId| match graph[reader].op() {
        Op::ReduceMean(r) => is_over_pixels(&r.axes) && graph.operands(reader).first() == Some(&id),
        Op::ReduceSum(r) => is_over_pixels(&r.axes) && graph.operands(reader).first() == Some(&id),
        _ => false,
    };
    if !graph.readers(id).any(is_sum) || !p.target.does(Topic::Sums) {
        return None;
    }
    let is_grouped = p.rings.contains_key(&id) || p.groups.values().any(|group| group.nodes.contains(&id));
    let is_heavy = |stage: &Stage| {
        pointwise(&stage.op, Some(Source::Constant(0)), false).is_none_or(|function| function.is_heavy())
    };
    let hindrance = match () {
        () if is_grouped => Some("it runs by blocks of rows"),
        () if !super::takes_pipe(p, id) || graph.expr(id).stages.iter().any(is_heavy) => {
            Some("functions run on its stored results")
        }
        () => None,
    };
    if let Some(why) = hindrance {
        p.decisions.left(Topic::Sums, p.name(id), why);
        return None;
    }
    // A reduction may read the map besides, as an operand of its pipe.
    let reads = |reader: NodeId| graph.operands(reader).iter().filter(|&&operand| operand == id).count();
    let is_alone = !graph.is_output(id) && graph.readers(id).all(|r| is_sum(r) && reads(r) == 1);
    let what =
        if is_alone { "summed by its convolution, and never stored" } else { "summed by its convolution" };
    p.decisions.did(Topic::Sums, p.name(id), what);
    Some(Wanted { is_alone })
}

fn is_over_pixels(axes: &[i64]) -> bool {
    axes.len() == 2 && axes.contains(&2) && axes.contains(&3)
}

/// A buffer for the sums of so many rows of an image of a map.
pub(super) fn buffer(p: &mut Planner, map: NodeId, rows: usize) -> Result<Sums, String> {
    let [n, channels, ..] = super::dims4(p, map);
    let ty =
        Type::new(p.ty(map).dtype, [n, rows, channels.next_multiple_of(p.target.lanes)]).map_err(|m| m.0)?;
    let name = format!("{}.sums", p.name(map));
    let sums = Sums { place: at(p.buffer(&name, &ty, Layout::Plain, Space::Arena)), rows };
    p.sums.insert(map, sums);
    Ok(sums)
}
