//! Indices that are computed, in scalar code: `gather`, `gather_elements` and `gather_nd`.
//!
//! A negative index counts from the end, and one out of range is clamped: what is read is always inside.

use super::scalar::{self, Element, Operand};
use crate::plan::Planner;
use crate::scalar::Value;
use cnnc_ir::ops::{Gather, GatherElements, GatherNd};
use cnnc_ir::{DType, NodeId};

/// The element of an extent that an index names.
pub(super) fn named(index: Value, extent: usize) -> Value {
    let index = index.to(DType::I64);
    let from_start = index.lt(0).select(index + extent, index);
    from_start.max(0).min(extent.max(1) - 1)
}

/// Lowers a gather and the pipe behind it.
pub(super) fn gather(p: &mut Planner, id: NodeId, gather: &Gather) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let (x, indices, axis) = (e.operand(0), e.operand(1), gather.axis as usize);
        let at = e.coordinates();
        let (before, rest) = at.split_at(axis);
        let (own, behind) = rest.split_at(indices.dims().len());
        let index = named(indices.at(own), x.dims()[axis]);
        Ok(x.at(&[before, &[index], behind].concat()))
    })
}

/// Lowers a gather of single elements and the pipe behind it.
pub(super) fn gather_elements(p: &mut Planner, id: NodeId, op: &GatherElements) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let (x, axis) = (e.operand(0), op.axis as usize);
        let mut at = e.coordinates();
        at[axis] = named(e.operand(1).at(&at), x.dims()[axis]);
        Ok(x.at(&at))
    })
}

/// Lowers a gather of blocks and the pipe behind it.
pub(super) fn gather_nd(p: &mut Planner, id: NodeId, op: &GatherNd) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let (x, indices) = (e.operand(0), e.operand(1));
        let at = e.coordinates();
        let (front, block) = at.split_at(indices.dims().len() - 1);
        let tuple = tuple(e, indices, front, &x.dims()[op.batch..]);
        Ok(x.at(&[&front[..op.batch], &tuple, block].concat()))
    })
}

/// The indices of the tuple that stands at `front`, along extents.
pub(super) fn tuple<'e>(
    e: &'e Element<'e>,
    indices: Operand<'e>,
    front: &[Value<'e>],
    extents: &[usize],
) -> Vec<Value<'e>> {
    let count = indices.dims().last().copied().unwrap_or(0);
    let index = |k: usize| named(indices.at(&[front, &[e.i64(k)]].concat()), extents[k]);
    (0..count).map(index).collect()
}
