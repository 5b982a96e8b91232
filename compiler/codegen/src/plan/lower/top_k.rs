//! `top_k`: the places of each line's greatest elements are found first, and elements taken from there.

use super::scalar::order::{self, Keys};
use super::scalar::{self, lines};
use crate::plan::Planner;
use crate::scalar::Value;
use cnnc_ir::ops::TopK;
use cnnc_ir::{DType, NodeId};

/// Lowers the greatest or least elements along an axis, or their places, and the pipe behind them.
pub(super) fn lower(p: &mut Planner, id: NodeId, op: &TopK) -> Result<(), String> {
    let axis = op.axis as usize;
    let mut lines = p.ty(p.module.graph.operands(id)[0]).dims().to_vec();
    let keys = Keys { n: lines.remove(axis), lines, operand: 0 };
    let places =
        order::order(p, id, &keys, op.k, |e, at| key(e.operand(0).at(&lines::straight(at, axis)), op.least))?;
    scalar::lower_by(p, id, vec![places], |e| {
        let (x, mut at) = (e.operand(0), e.coordinates());
        let place = e.table(0).at(&lines::lined(at.clone(), axis));
        if op.places {
            return Ok(place);
        }
        at[axis] = x.within(axis, place);
        Ok(x.at(&at))
    })
}

/// A number that is greater the earlier an element comes, and the same of equal elements; that of NaN is the least.
fn key<'k>(x: Value<'k>, least: bool) -> Value<'k> {
    let turned = |key: Value<'k>| if least { !key } else { key };
    let (bits, size) = match x.dtype() {
        DType::F32 => (x.bits(DType::I32).to(DType::I64), i64::from(i32::MAX)),
        DType::F64 => (x.bits(DType::I64), i64::MAX),
        _ => return turned(x.to(DType::I64)),
    };
    // Sign and size become a number, which is 0 for both zeros.
    let size = bits & size;
    let number = bits.lt(0).select(-size, size);
    x.differs(x).select(number.like(i64::MIN), turned(number))
}
