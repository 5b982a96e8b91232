//! `cum_sum`: each element adds up the elements before it anew.

use super::scalar;
use crate::plan::Planner;
use cnnc_ir::NodeId;
use cnnc_ir::ops::CumSum;

/// Lowers running sums and the pipe behind them.
pub(super) fn lower(p: &mut Planner, id: NodeId, op: &CumSum) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let (x, axis) = (e.operand(0), op.axis as usize);
        let mut at = e.coordinates();
        let last = e.i64(x.dims()[axis].max(1) - 1);
        let own = if op.reverse { last - at[axis] } else { at[axis] };
        let count = if op.exclusive { own } else { own + 1 };
        Ok(e.sum(count, e.number(x.dtype(), 0), |i| {
            at[axis] = if op.reverse { last - i } else { i };
            x.at(&at)
        }))
    })
}
