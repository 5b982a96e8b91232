//! Indices that come as tensors of i64 or i32: a negative one counts from the end, one out of range is
//! clamped to it, so that no index leaves what it counts along.

use crate::error::require;
use crate::{DType, Mismatch, Tensor, Type};

/// Checks that a tensor can hold indices; `rule` is the constraint that asks for it.
pub(super) fn check(rule: &str, indices: &Type) -> Result<(), Mismatch> {
    let legal = matches!(indices.dtype, DType::I64 | DType::I32);
    require!(legal, "{rule}: the indices {indices} must be i64 or i32");
    Ok(())
}

/// The indices as they are given.
pub(super) fn given(indices: &Tensor) -> Vec<i64> {
    indices.cast(DType::I64).slice::<i64>().to_vec()
}

/// The element of `extent` that an index names; there is one at least.
pub(super) fn place(index: i64, extent: usize) -> usize {
    let from_start = if index < 0 { index.saturating_add(extent as i64) } else { index };
    from_start.clamp(0, extent as i64 - 1) as usize
}
