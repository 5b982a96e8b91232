//! `reduce_sum`, `reduce_mean`, `reduce_max` and their like.
//!
//! Over the pixels of a blocked value, a unit is one channel block, or a few where the convolution that computed it has
//! [summed](super::sums) its rows. In a plain one, extents that are kept and reduced
//! are merged until they are `[outer, reduced, inner]`, by a transposed copy where they are not so already; a unit is
//! then a line, or neighbouring lines, a few vectors of them.

use super::conv::dims4;
use super::pieces::{Pieces, pieces};
use super::pipe::{read, write};
use super::scalar;
use super::strided::{self, Dim};
use super::sums::Sums;
use crate::kernels::fold::{Fold, Lines};
use crate::kernels::reduce::Reduce;
use crate::plan::{Call, Home, Layout, Place, Planner, Space, Term, at};
use cnnc_ir::{DType, NodeId, Op};

/// Vectors of neighbouring lines in a unit.
const VECTORS: usize = 4;

/// Lowers a reduction and the pipe behind it; `is_mean`: the result is divided by how many elements it came from.
pub(super) fn lower(
    p: &mut Planner,
    id: NodeId,
    fold: Fold,
    axes: &[i64],
    is_mean: bool,
) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let x = expr.operands[0];
    let is_reduced: Vec<bool> = (0..p.ty(x).rank()).map(|d| axes.contains(&(d as i64))).collect();
    let reduced = p.ty(x).dims().iter().zip(&is_reduced).filter(|(_, r)| **r);
    let extent: usize = reduced.map(|(n, _)| n).product();
    if extent == 0 || p.ty(x).dtype != DType::F32 {
        return lower_each(p, id, fold, axes, is_mean);
    }
    let divisor = is_mean.then_some(extent);
    let kernel = |extent| Reduce { fold, extent, lines: Lines::Along, padded: false, divisor };
    let pixels = is_reduced == [false, false, true, true];
    let ((to, calls), extent, unit) = match p.sums.get(&x).copied() {
        Some(sums) if pixels && fold == Fold::Sum => (summed(p, id, x, sums, kernel), sums.rows, "lines"),
        _ if pixels && p.layout(x) == Some(Layout::Blocked) => {
            (blocked(p, id, x, kernel(extent))?, extent, "blocks")
        }
        _ => (plain(p, id, x, &is_reduced, kernel)?, extent, "lines"),
    };
    let op = p.module.graph[id].op().name();
    let algorithm = format!("{extent} to one, by {unit}");
    p.step(&p.name(id), op, algorithm, calls, 0);
    super::finish(p, id, to, expr.stages)
}

/// Reduces a value of any element type, element by element.
fn lower_each(p: &mut Planner, id: NodeId, fold: Fold, axes: &[i64], is_mean: bool) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let x = e.operand(0);
        let is_reduced = |d: &usize| axes.contains(&(*d as i64));
        let reduced: Vec<usize> = (0..x.dims().len()).filter(is_reduced).collect();
        let extents: Vec<usize> = reduced.iter().map(|&d| x.dims()[d]).collect();
        let count: usize = extents.iter().product();
        // The place among the elements that are kept is the same whether reduced extents stay as 1 or go away.
        let kept: Vec<usize> =
            (0..x.dims().len()).map(|d| if is_reduced(&d) { 1 } else { x.dims()[d] }).collect();
        let at = e.unravel(e.index(), &kept);
        let start = match fold {
            Fold::Sum | Fold::Squares => e.number(x.dtype(), 0),
            Fold::Product => e.number(x.dtype(), 1),
            Fold::Max => e.least(x.dtype()),
            Fold::Min => e.greatest(x.dtype()),
        };
        let [result] = e.fold(count, [start], |i, [held]| {
            let mut at = at.clone();
            for (&d, inner) in reduced.iter().zip(e.unravel(i, &extents)) {
                at[d] = inner;
            }
            let element = x.at(&at);
            [match fold {
                Fold::Sum => held + element,
                Fold::Squares => held + element * element,
                Fold::Product => held * element,
                // A NaN never wins.
                Fold::Max => element.max(held),
                Fold::Min => element.min(held),
            }]
        });
        Ok(match x.dtype().is_float() {
            _ if !is_mean => result,
            true => result / count,
            // The count may not fit the type of the elements.
            false => (result.to(DType::I64) / count).to(x.dtype()),
        })
    })
}

type Lowered = (Home, Vec<Call>);

/// The layout of a result of one element a channel: blocks are of use only to what reads blocks.
fn layout(p: &Planner, id: NodeId) -> Layout {
    let graph = &p.module.graph;
    let is_convolved = graph.readers(id).any(|r| matches!(graph[r].op(), Op::Conv(_)));
    if is_convolved { Layout::Blocked } else { Layout::Plain }
}

/// Reduces the pixels of a map whose rows are summed.
fn summed(p: &mut Planner, id: NodeId, map: NodeId, sums: Sums, kernel: impl Fn(usize) -> Reduce) -> Lowered {
    let layout = layout(p, id);
    let to = p.result(id, layout);
    let [images, channels, ..] = dims4(p, map);
    let padded = layout == Layout::Blocked;
    let row = Sums::row_bytes(p, map);
    let kernel = Reduce { padded, ..kernel(sums.rows) };
    let from = Side { place: sums.place, outer: sums.rows as i64 * row };
    let calls = lines(p, [Side { place: to.place, outer: to.image }, from], images, channels, row, kernel);
    (to, calls)
}

/// Reduces the pixels of a blocked value.
fn blocked(p: &mut Planner, id: NodeId, x: NodeId, kernel: Reduce) -> Result<Lowered, String> {
    let from = p.operand(x, Layout::Blocked)?;
    let layout = layout(p, id);
    let is_convolved = layout == Layout::Blocked;
    let to = p.result(id, layout);
    let [n, channels, height, width] = dims4(p, x);
    let lanes = p.target.lanes;
    let vector = 4 * lanes as i64;
    let plane = (height * width) as i64 * vector;
    let call = |(first, count, lanes): Pieces| {
        let stored = if is_convolved { vector } else { 4 * lanes as i64 };
        let index =
            |image, block| vec![Term::Index { dim: 0, stride: image }, Term::Index { dim: 1, stride: block }];
        let args = [
            write(to.place, index(to.image, vector), 0..stored),
            read(from.place, index(from.image, plane), 0..plane),
        ];
        Call {
            kernel: Reduce {
                lines: Lines::Across { count: lanes, stride: vector },
                padded: is_convolved,
                ..kernel.clone()
            }
            .into(),
            extents: vec![n as u64, count as u64],
            window: None,
            args: args.iter().map(|arg| arg.skipping(1, first)).collect(),
        }
    };
    Ok((to, pieces(channels, lanes).map(call).collect()))
}

/// Reduces any extents of a plain value.
fn plain(
    p: &mut Planner,
    id: NodeId,
    x: NodeId,
    is_reduced: &[bool],
    kernel: impl Fn(usize) -> Reduce,
) -> Result<Lowered, String> {
    let from = p.plain(x)?;
    let (from, outer, extent, inner) = grouped(p, x, from, is_reduced);
    let to = p.result(id, Layout::Plain);
    let stride = 4 * inner as i64;
    let sides =
        [Side { place: to.place, outer: stride }, Side { place: from, outer: stride * extent as i64 }];
    Ok((to, lines(p, sides, outer, inner, stride, kernel(extent))))
}

/// What is written or read of `[outer, reduced, inner]`.
struct Side {
    place: Place,
    /// Bytes along the outer extent.
    outer: i64,
}

/// The calls that reduce `[outer, reduced, inner]`, `stride` bytes from one of the reduced to the next.
fn lines(
    p: &Planner,
    [to, from]: [Side; 2],
    outer: usize,
    inner: usize,
    stride: i64,
    kernel: Reduce,
) -> Vec<Call> {
    let (lanes, most) = (p.target.lanes, VECTORS * p.target.lanes);
    let mut calls = Vec::new();
    for (first, count, width) in pieces(inner, most) {
        let (lines, read_bytes) = match inner {
            1 if stride == 4 => (Lines::Along, 4),
            _ => (Lines::Across { count: width, stride }, 4 * width as i64),
        };
        let written = 4 * if kernel.padded { width.next_multiple_of(lanes) } else { width } as i64;
        let terms = |outer| {
            vec![Term::Index { dim: 0, stride: outer }, Term::Index { dim: 1, stride: 4 * most as i64 }]
        };
        let span = (kernel.extent as i64 - 1) * stride + read_bytes;
        let args =
            [write(to.place, terms(to.outer), 0..written), read(from.place, terms(from.outer), 0..span)];
        calls.push(Call {
            kernel: Reduce { lines, ..kernel.clone() }.into(),
            extents: vec![outer as u64, count as u64],
            window: None,
            args: args.iter().map(|arg| arg.skipping(1, first)).collect(),
        });
    }
    calls
}

/// A plain value as `[outer, reduced, inner]`: where it lies, and those extents.
fn grouped(p: &mut Planner, x: NodeId, from: Place, is_reduced: &[bool]) -> (Place, usize, usize, usize) {
    let (dims, strides) = (p.ty(x).dims(), p.ty(x).shape.strides());
    let wide: Vec<usize> = (0..dims.len()).filter(|&d| dims[d] != 1).collect();
    // The innermost extents that are kept stay behind those that are reduced.
    let behind = wide.iter().rev().take_while(|&&d| !is_reduced[d]).count();
    let (front, inner) = wide.split_at(wide.len() - behind);
    let (reduced, outer): (Vec<usize>, Vec<usize>) = front.iter().partition(|&&d| is_reduced[d]);
    let order: Vec<usize> = [&outer[..], &reduced[..], inner].concat();
    let extent = |of: &[usize]| of.iter().map(|&d| dims[d]).product::<usize>();
    let place = if order.is_sorted() {
        from
    } else {
        let name = format!("{}.grouped", p.name(x));
        let to = at(p.buffer(&name, p.ty(x), Layout::Plain, Space::Arena));
        let mut behind = p.ty(x).elements() as i64;
        let walked: Vec<Dim> = order
            .iter()
            .map(|&d| {
                behind /= dims[d] as i64;
                Dim { extent: dims[d], from: strides[d] as i64, to: behind }
            })
            .collect();
        let calls = strided::calls(p, p.ty(x).dtype, from, to, &walked);
        p.step(&name, "transpose", "strided copy".into(), calls, 0);
        to
    };
    (place, extent(&outer), extent(&reduced), extent(inner))
}
