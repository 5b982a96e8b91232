//! `quantize`, `dequantize` and `requantize`: element by element.

use super::scalar;
use crate::plan::Planner;
use crate::scalar::Value;
use cnnc_ir::{DType, NodeId};

/// Lowers `quantize` and the pipe behind it.
pub(super) fn quantize(p: &mut Planner, id: NodeId) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let [x, scale, zero] = [0, 1, 2].map(|k| e.operand(k).here());
        Ok(nearest(x / scale, zero))
    })
}

/// Lowers `dequantize` and the pipe behind it.
pub(super) fn dequantize(p: &mut Planner, id: NodeId) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let [x, scale, zero] = [0, 1, 2].map(|k| e.operand(k).here());
        Ok((x.to(DType::I64) - zero.to(DType::I64)).to(scale.dtype()) * scale)
    })
}

/// Lowers `requantize` and the pipe behind it.
pub(super) fn requantize(p: &mut Planner, id: NodeId) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let [x, scale, zero] = [0, 1, 2].map(|k| e.operand(k).here());
        Ok(nearest(x.to(scale.dtype()) * scale, zero))
    })
}

/// The nearest integer, of two the even one, plus the zero point, saturated; of NaN 0.
fn nearest<'k>(x: Value<'k>, zero: Value<'k>) -> Value<'k> {
    (x.to(DType::F64).round_even() + zero.to(DType::F64)).to(zero.dtype())
}
