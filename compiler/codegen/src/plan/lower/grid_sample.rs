//! `grid_sample`: each element by itself, the taps along all dimensions written out.

use super::scalar::{self, Element};
use crate::plan::Planner;
use crate::scalar::Value;
use cnnc_ir::ops::{Beyond, GridSample, ResizeMode};
use cnnc_ir::{DType, NodeId};

/// Lowers a grid_sample and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, op: &GridSample) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let at = e.coordinates();
        let [n, c, ref place @ ..] = at[..] else { return Err("the result has no places".into()) };
        let extents = &e.operand(0).dims()[2..];
        let along = |(d, &extent): (usize, &usize)| {
            let g = [&[n], place, &[e.i64(extents.len() - 1 - d)]].concat();
            taps(op, e.operand(1).at(&g), extent)
        };
        let taps: Vec<_> = extents.iter().enumerate().map(along).collect();
        Ok(sum(e, op.beyond, &taps, vec![n, c]))
    })
}

/// An index along a dimension, and its share.
type Tap<'e> = (Value<'e>, Value<'e>);

/// The taps of a place along a dimension of `n` elements, as the operator has them.
fn taps<'e>(op: &GridSample, g: Value<'e>, n: usize) -> Vec<Tap<'e>> {
    let extent = n as f64;
    let mut t = match op.corners {
        true => (g + 1) / 2 * (extent - 1.0),
        false => ((g + 1) * extent - 1) / 2,
    };
    if op.mode == ResizeMode::Nearest {
        t = t.round_even();
    }
    let (least, most) = op.borders(n);
    let clamped = |least: f64, most: f64| {
        let above = t.lt(least).select(t.like(least), t);
        above.gt(most).select(t.like(most), above)
    };
    let moved = match op.beyond {
        Beyond::Border if op.mode != ResizeMode::Cubic => clamped(0.0, extent - 1.0),
        Beyond::Zero | Beyond::Border => clamped(-4.0, extent + 3.0),
        Beyond::Mirror => mirrored(t, least, most),
    };
    let t = (t.lt(least) | t.gt(most)).select(moved, t);
    let first = t.floor();
    let f = t - first;
    let tap = |k: i64, share: Value<'e>| {
        let index = first.to(DType::I64) + k;
        let inside = index.ge(0) & index.lt(n);
        let index = match op.beyond {
            Beyond::Mirror => inside.select(index, mirrored(index.to(t.dtype()), least, most).to(DType::I64)),
            Beyond::Zero | Beyond::Border => index,
        };
        (index, share)
    };
    match op.mode {
        ResizeMode::Nearest => vec![tap(0, t.like(1))],
        ResizeMode::Linear => vec![tap(0, t.like(1) - f), tap(1, f)],
        ResizeMode::Cubic => {
            let distance = |k: i64| if k > 0 { t.like(k) - f } else { f - t.like(k) };
            (-1..3).map(|k| tap(k, cubic(distance(k)))).collect()
        }
    }
}

/// A place reflected at the borders, as the operator has it.
fn mirrored<'e>(t: Value<'e>, least: f64, most: f64) -> Value<'e> {
    let length = most - least;
    if length <= 0.0 {
        return t.like(least);
    }
    let distance = t.lt(least).select(t.like(least) - t, t - least);
    let turns = (distance / length).floor();
    let rest = distance - turns * length;
    let even = (turns - (turns / 2).floor() * 2).equals(0);
    even.select(rest + least, t.like(most) - rest)
}

/// The share of an element at that distance, of a cubic with the coefficient -0.75.
fn cubic<'e>(x: Value<'e>) -> Value<'e> {
    let c = -0.75;
    let near = (x * (c + 2.0) - (c + 3.0)) * x * x + 1;
    let far = ((x * c - 5.0 * c) * x + 8.0 * c) * x - 4.0 * c;
    x.le(1).select(near, far)
}

/// The sum of the taps along the dimensions that are left, the innermost first.
fn sum<'e>(e: &'e Element<'e>, beyond: Beyond, taps: &[Vec<Tap<'e>>], at: Vec<Value<'e>>) -> Value<'e> {
    let x = e.operand(0);
    let Some((along, inner)) = taps.split_first() else {
        return match beyond {
            Beyond::Zero => x.or(e.number(x.dtype(), 0), &at),
            Beyond::Border | Beyond::Mirror => x.clamped(&at),
        };
    };
    let term = |&(index, share): &Tap<'e>| share * sum(e, beyond, inner, [&at[..], &[index]].concat());
    let [first, rest @ ..] = &along[..] else { return e.number(x.dtype(), 0) };
    rest.iter().fold(term(first), |sum, tap| sum + term(tap))
}
