//! `conv_integer`: element by element, taps on the padding left out: what counts as the zero point adds nothing.

use super::{correlation, scalar};
use crate::plan::Planner;
use cnnc_ir::ops::ConvInteger;
use cnnc_ir::{DType, NodeId};

/// Lowers a convolution of quantised integers and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, op: &ConvInteger) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let [x, w, x_zero, w_zero] = [0, 1, 2, 3].map(|k| e.operand(k));
        correlation::correlate(e, &op.conv, e.number(DType::I32, 0), |sum, x_at, w_at| {
            let x = x.at(x_at).to(DType::I32) - x_zero.stretched(x_at).to(DType::I32);
            let w = w.at(w_at).to(DType::I32) - w_zero.stretched(w_at).to(DType::I32);
            sum + x * w
        })
    })
}
