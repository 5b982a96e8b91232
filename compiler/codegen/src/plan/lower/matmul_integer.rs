//! `matmul_integer`: element by element.

use super::{gemm, scalar};
use crate::plan::Planner;
use cnnc_ir::{DType, NodeId};

/// Lowers a product of stacks of matrices of quantised integers and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let [a, b, a_zero, b_zero] = [0, 1, 2, 3].map(|k| e.operand(k));
        gemm::multiply(e, e.number(DType::I32, 0), |sum, a_at, b_at| {
            let a = a.stretched(a_at).to(DType::I32) - a_zero.stretched(a_at).to(DType::I32);
            let b = b.stretched(b_at).to(DType::I32) - b_zero.stretched(b_at).to(DType::I32);
            sum + a * b
        })
    })
}
