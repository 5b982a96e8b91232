//! `arg_max`: one walk along the axis for each element.

use super::scalar;
use crate::plan::Planner;
use cnnc_ir::ops::ArgMax;
use cnnc_ir::{DType, NodeId};

/// Lowers the place of the greatest or least element along an axis and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, op: &ArgMax) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let (x, axis) = (e.operand(0), op.axis as usize);
        let mut at = e.coordinates();
        if !op.keep {
            at.insert(axis, e.i64(0));
        }
        let none = if op.least { e.greatest(x.dtype()) } else { e.least(x.dtype()) };
        let [_, place] = e.fold(x.dims()[axis], [none, e.number(DType::I64, 0)], |i, [best, place]| {
            at[axis] = i;
            let element = x.at(&at);
            let wins = match (op.least, op.last) {
                (false, false) => element.gt(best),
                (false, true) => element.ge(best),
                (true, false) => element.lt(best),
                (true, true) => element.le(best),
            };
            [wins.select(element, best), wins.select(i, place)]
        });
        Ok(place)
    })
}
