//! `conv_transpose`: ordinary convolutions, whose results stand a stride apart.
//!
//! ```text
//! result i meets tap u where i + before - u * dilation is a multiple of the stride
//! ```
//!
//! So results that leave the same remainder, a *phase*, meet the same taps, and their neighbours meet neighbouring
//! elements: each phase is a convolution by the taps that it meets, in reverse, written a stride apart. Phases one
//! behind the other that meet as many taps in the same way are a loop: no tap is computed in vain, and the number
//! of kernels does not grow with the stride. Where taps meet in more ways than [`PHASES`], where code would be [too
//! long](unrolled), and for other element types than f32, results are summed one by one.

use super::conv::dims4;
use super::direct::{self, Along, Direct, Phase};
use super::filter::Filter;
use super::scalar::{self, Operand};
use super::unrolled;
use crate::plan::Planner;
use crate::scalar::Value;
use cnnc_ir::NodeId;
use cnnc_ir::ops::{ConvTranspose, Spread};

/// The most kinds of phases along one dimension; where taps are dilated, each phase may be one of its own.
const PHASES: usize = 32;

/// Lowers a transposed convolution and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, conv: &ConvTranspose) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let (x, w) = (expr.operands[0], expr.operands[1]);
    let [_, _, oh, ow] = dims4(p, id);
    let [all, outputs, kh, kw] = dims4(p, w);
    let (groups, inputs) = (conv.groups, all / conv.groups);
    let [rows, columns] = conv.spread(p.ty(x), p.ty(w));
    let (Some(rows), Some(columns)) = (phases(&rows, oh), phases(&columns, ow)) else {
        return lower_each(p, id, conv);
    };
    let width = p.ty(x).dims()[3];
    let is_too_long = |c: &Series| !c.is_empty && unrolled::is_phase_too_long(p, &c.along, width, inputs);
    if columns.iter().any(is_too_long) {
        return lower_each(p, id, conv);
    }
    let plane = (kh * kw) as i64;
    let (output, input) = (plane, plane * outputs as i64);
    let mut list = Vec::new();
    for row in &rows {
        for column in &columns {
            // A tap that meets nothing along one dimension meets nothing at all.
            let is_empty = row.is_empty || column.is_empty;
            let [row, column] = if is_empty { [row.none(), column.first()] } else { [*row, *column] };
            list.push(Phase {
                rows: row.along,
                columns: column.along,
                filter: Filter {
                    weights: w,
                    transform: None,
                    outer: vec![
                        (groups, inputs as i64 * input),
                        (row.along.series, row.next_tap * kw as i64),
                        (column.along.series, column.next_tap),
                    ],
                    outputs,
                    inputs,
                    taps: (row.along.taps, column.along.taps),
                    block: 1,
                    first: row.first_tap * kw as i64 + column.first_tap,
                    strides: [output, input, row.tap * kw as i64, column.tap],
                },
            });
        }
    }
    let macs = p.module.graph.cost(id).macs;
    direct::lower(p, id, Direct { op: "conv_transpose", groups, inputs, outputs, phases: list, macs })
}

/// Phases along one dimension that meet their taps in the same way.
#[derive(Clone, Copy)]
struct Series {
    along: Along,
    /// The tap that meets the first element, that of the next element less it, and that of the next phase less it.
    first_tap: i64,
    tap: i64,
    next_tap: i64,
    /// Whether they meet no tap: one stands there that never lies on an element.
    is_empty: bool,
}

impl Series {
    /// The same results, without a tap that meets them.
    fn none(&self) -> Series {
        self.by_one_tap(1, self.along.count + 1)
    }

    /// The same results, all of the first element: where no row is met, the columns do not matter, and those that are
    /// alike are a loop.
    fn first(&self) -> Series {
        self.by_one_tap(0, 0)
    }

    fn by_one_tap(&self, stride: usize, pad: usize) -> Series {
        let along = Along { taps: 1, stride, dilation: 1, pad, skip: 0, ..self.along };
        Series { along, first_tap: 0, tap: 0, next_tap: 0, is_empty: true }
    }
}

/// The phases of `count` results along one dimension, those that are alike together; `None`: they are too many.
fn phases(spread: &Spread, count: usize) -> Option<Vec<Series>> {
    // The last tap that meets the results of each remainder.
    let mut last = vec![None; spread.stride];
    for u in 0..spread.kernel {
        last[u * spread.dilation % spread.stride] = Some(u);
    }
    let mut all: Vec<Series> = Vec::new();
    for first in 0..spread.stride.min(count) {
        let phase = phase(spread, first, count, last[(first + spread.before) % spread.stride]);
        let count = all.len();
        match all.last_mut() {
            Some(series) if series.continues_as(&phase) => series.along.series += 1,
            _ if count == PHASES => return None,
            _ => all.push(phase),
        }
    }
    Some(all)
}

/// The phase of result `first`; `last` is the last tap that meets it.
fn phase(spread: &Spread, first: usize, count: usize, last: Option<usize>) -> Series {
    let Spread { extent, stride, dilation, before, .. } = *spread;
    let common = gcd(stride, dilation);
    let along = Along {
        taps: 1,
        stride: 1,
        dilation: dilation / common,
        pad: 0,
        skip: 0,
        first,
        count: (count - first).div_ceil(stride),
        step: stride,
        series: 1,
    };
    let phase = Series { along, first_tap: 0, tap: 0, next_tap: 0, is_empty: true };
    let Some(last) = last else { return phase.none() };
    // The last tap meets the first element.
    let element = ((first + before) as i64 - (last * dilation) as i64) / stride as i64;
    let (pad, skip) = (element.min(0).unsigned_abs() as usize, element.max(0) as usize);
    if skip >= extent {
        return phase.none();
    }
    let period = stride / common;
    let along = Along { taps: last / period + 1, pad, skip, ..along };
    Series { along, first_tap: last as i64, tap: -(period as i64), next_tap: 1, is_empty: false }
}

impl Series {
    /// Whether a phase is the next one of these.
    fn continues_as(&self, next: &Series) -> bool {
        let series = self.along.series;
        let alike = Along { first: next.along.first, series: 1, ..self.along };
        let follows = self.first_tap + series as i64 * self.next_tap == next.first_tap;
        alike == next.along && self.is_empty == next.is_empty && follows
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Lowers a transposed convolution of any element type and the pipe behind it, element by element.
pub(super) fn lower_each(p: &mut Planner, id: NodeId, conv: &ConvTranspose) -> Result<(), String> {
    let has_bias = p.module.graph.expr(id).operands.len() > 2;
    scalar::lower(p, id, |e| {
        let (x, w) = (e.operand(0), e.operand(1));
        let [n, o, i, j] = e.at()?;
        let &[channels, outputs, kh, kw] = w.dims() else { return Err("the weights are no filters".into()) };
        let inputs = channels / conv.groups;
        let first = o / outputs * inputs;
        let bias = if has_bias { e.operand(2).at(&[o]) } else { e.number(x.dtype(), 0) };
        let [sum] = e.fold(kh, [bias], |u, [sum]| {
            let (row_meets, row) = source(x, 2, i + conv.pad.top - u * conv.dilation.0, conv.stride.0);
            e.fold(kw, [sum], |v, [sum]| {
                let (column_meets, column) =
                    source(x, 3, j + conv.pad.left - v * conv.dilation.1, conv.stride.1);
                let terms = (row_meets & column_meets).select(e.i64(inputs), 0);
                e.fold(terms, [sum], |c, [sum]| {
                    let c = first + c;
                    [x.at(&[n, c, row, column]).mul_add(w.at(&[c, o % outputs, u, v]), sum)]
                })
            })
        });
        Ok(sum)
    })
}

/// Whether there is an element along a dimension whose tap lands at this place, and where.
fn source<'e>(x: Operand<'e>, d: usize, at: Value<'e>, stride: usize) -> (Value<'e>, Value<'e>) {
    let is_whole = at.ge(0) & (at % stride).equals(0);
    let at = at / stride;
    (is_whole & at.lt(x.dims()[d]), x.within(d, at))
}
