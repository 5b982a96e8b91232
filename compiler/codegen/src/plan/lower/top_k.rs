//! `top_k`: the element of each rank is chosen among those that come behind the one of the rank before.
//!
//! That takes k walks along the axis for the k-th element: made for few elements, right for all.

use super::scalar;
use crate::plan::Planner;
use crate::scalar::Value;
use cnnc_ir::ops::TopK;
use cnnc_ir::{DType, NodeId};

/// Lowers the greatest or least elements along an axis, or their places, and the pipe behind them.
pub(super) fn lower(p: &mut Planner, id: NodeId, op: &TopK) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let (x, axis) = (e.operand(0), op.axis as usize);
        let at = e.coordinates();
        let rank = at[axis];
        let none = [e.number(x.dtype(), 0), e.number(DType::I64, -1)];
        let [best, place] = e.fold(rank + 1, none, |_, chosen| {
            e.fold(x.dims()[axis], none, |i, best| {
                let mut at = at.clone();
                at[axis] = i;
                let candidate = [x.at(&at), i];
                let is_left = chosen[1].lt(0) | comes_first(chosen, candidate, op.least);
                let is_better = best[1].lt(0) | comes_first(candidate, best, op.least);
                let wins = is_left & is_better;
                [wins.select(candidate[0], best[0]), wins.select(candidate[1], best[1])]
            })
        });
        Ok(if op.places { place } else { best })
    })
}

/// Whether the first of two elements with their places comes before the second: NaN last, of equal ones the lower
/// place.
fn comes_first<'k>([a, i]: [Value<'k>; 2], [b, j]: [Value<'k>; 2], rising: bool) -> Value<'k> {
    let is_before = |a: Value<'k>, b: Value<'k>| {
        let wins = if rising { a.lt(b) } else { a.gt(b) };
        wins | b.differs(b) & a.equals(a)
    };
    let is_behind = is_before(b, a);
    is_before(a, b) | !is_behind & i.lt(j)
}
