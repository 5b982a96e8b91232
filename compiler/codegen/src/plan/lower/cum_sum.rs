//! `cum_sum`: each line is added up once, and each element takes its sum from there.

use super::scalar::{self, lines};
use crate::plan::Planner;
use cnnc_ir::NodeId;
use cnnc_ir::ops::CumSum;

/// Lowers running sums and the pipe behind them.
pub(super) fn lower(p: &mut Planner, id: NodeId, op: &CumSum) -> Result<(), String> {
    let axis = op.axis as usize;
    let last = p.ty(id).dims()[axis].max(1) - 1;
    let sums = lines::scan(p, id, axis, |e, mut at| {
        let x = e.operand(0);
        if op.reverse {
            at[axis] = e.i64(last) - at[axis];
        }
        let [before, after] = e.carry(x.dtype(), 0, |sum| sum + x.at(&at));
        if op.exclusive { before } else { after }
    })?;
    scalar::lower_by(p, id, vec![sums], |e| {
        let mut at = e.coordinates();
        if op.reverse {
            at[axis] = e.i64(last) - at[axis];
        }
        Ok(e.table(0).at(&lines::lined(at, axis)))
    })
}
