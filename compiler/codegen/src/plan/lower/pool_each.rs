//! Pools in scalar code: `max_pool` and `avg_pool` of other types than f32, and `arg_max_pool`.

use super::scalar::{self, Element};
use super::taps::{self, Tap};
use crate::plan::Planner;
use crate::scalar::Value;
use cnnc_ir::ops::{ArgMaxPool, AvgPool, MaxPool, Window};
use cnnc_ir::{DType, NodeId};

/// Lowers a max pool and the pipe behind it.
pub(super) fn lower_max(p: &mut Planner, id: NodeId, pool: &MaxPool) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let least = e.least(e.operand(0).dtype());
        // A NaN never wins.
        let [max] =
            fold(e, &pool.window(), [least], |x, tap, [max]| [tap.is_inside.select(x.max(max), max)])?;
        Ok(max)
    })
}

/// Lowers an average pool and the pipe behind it.
pub(super) fn lower_avg(p: &mut Planner, id: NodeId, pool: &AvgPool) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let zero = e.number(e.operand(0).dtype(), 0);
        let [sum, count] = fold(e, &pool.window(), [zero, zero], |x, tap, [sum, count]| {
            let counts = if pool.count_include_pad { tap.is_padded } else { tap.is_inside };
            [tap.is_inside.select(sum + x, sum), count + counts.to(x.dtype())]
        })?;
        Ok(sum / count)
    })
}

/// Lowers the places of the greatest elements and the pipe behind it.
pub(super) fn lower_arg_max(p: &mut Planner, id: NodeId, op: &ArgMaxPool) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let x = e.operand(0);
        let &[_, channels, height, width] = x.dims() else { return Err("the operand is no image".into()) };
        let first = [e.least(x.dtype()), e.number(DType::I64, -1)];
        let [_, at] = fold(e, &op.pool.window(), first, |x, tap, [max, at]| {
            let [row, column] = tap.place;
            let place = if op.column_major { column * height + row } else { row * width + column };
            let is_greater = tap.is_inside & x.gt(max);
            // The first element stands there until one is greater.
            let is_chosen = is_greater | tap.is_inside & at.lt(0);
            [is_greater.select(x, max), is_chosen.select(place, at)]
        })?;
        let [n, c, ..] = e.at::<4>()?;
        Ok((n * channels + c) * (height * width) + at.max(0))
    })
}

/// What is held after all taps of the window of an element; `next` gets the element of x at a tap.
fn fold<'e, const N: usize>(
    e: &'e Element<'e>,
    window: &Window,
    first: [Value<'e>; N],
    next: impl Fn(Value<'e>, Tap<'e>, [Value<'e>; N]) -> [Value<'e>; N],
) -> Result<[Value<'e>; N], String> {
    let x = e.operand(0);
    let [n, c, i, j] = e.at()?;
    let &[_, _, height, width] = x.dims() else { return Err("the operand is no image".into()) };
    Ok(taps::fold(e, window, [height, width], [i, j], first, |tap, held| {
        let [row, column] = tap.place;
        next(x.at(&[n, c, row, column]), tap, held)
    }))
}
