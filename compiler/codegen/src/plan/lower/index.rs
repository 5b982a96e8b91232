//! Indices that are computed, in scalar code: `gather`, `gather_elements`, `gather_nd` and `scatter` of them.
//!
//! A negative index counts from the end, and one out of range is clamped: what is read is always inside. A scattered
//! element walks over all updates that could be meant for it, in their order.

use super::elementwise;
use super::scalar::{self, Element};
use crate::plan::Planner;
use crate::scalar::Value;
use cnnc_ir::ops::{
    Add, Gather, GatherElements, GatherNd, Max, Min, Mul, Reduction, ScatterElements, ScatterNd,
};
use cnnc_ir::{DType, NodeId, Op};

/// The element of an extent that an index names.
fn named(index: Value, extent: usize) -> Value {
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
        let tuple = tuple(e, front, &x.dims()[op.batch..]);
        Ok(x.at(&[&front[..op.batch], &tuple, block].concat()))
    })
}

/// Lowers a scatter of single elements and the pipe behind it.
pub(super) fn scatter_elements(p: &mut Planner, id: NodeId, op: &ScatterElements) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let [x, indices, updates] = [0, 1, 2].map(|k| e.operand(k));
        let (axis, at) = (op.axis as usize, e.coordinates());
        // Updates may reach less far than x along the other dimensions.
        let lines = (0..at.len()).filter(|&d| d != axis);
        let has_line = e.all(lines.clone().map(|d| at[d].lt(indices.dims()[d])));
        let mut update: Vec<Value> = (0..at.len()).map(|d| indices.within(d, at[d])).collect();
        let count = has_line.select(e.i64(indices.dims()[axis]), 0);
        let [y] = e.fold(count, [x.here()], |i, [y]| {
            update[axis] = i;
            let is_meant = named(indices.at(&update), x.dims()[axis]).equals(at[axis]);
            [is_meant.select(combined(op.reduction, y, updates.at(&update)), y)]
        });
        Ok(y)
    })
}

/// Lowers a scatter of blocks and the pipe behind it.
pub(super) fn scatter_nd(p: &mut Planner, id: NodeId, op: &ScatterNd) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let [x, indices, updates] = [0, 1, 2].map(|k| e.operand(k));
        let at = e.coordinates();
        let &[ref front @ .., names] = indices.dims() else {
            return Err("indices without dimensions".into());
        };
        let (place, block) = at.split_at(names);
        let [y] = e.fold(front.iter().product::<usize>(), [x.here()], |t, [y]| {
            let t = e.unravel(t, front);
            let tuple = tuple(e, &t, x.dims());
            let is_meant = e.all(tuple.iter().zip(place).map(|(&named, &own)| named.equals(own)));
            [is_meant.select(combined(op.reduction, y, updates.at(&[&t, block].concat())), y)]
        });
        Ok(y)
    })
}

/// The indices of a tuple that stands at `front` in the second operand, along extents.
fn tuple<'e>(e: &'e Element<'e>, front: &[Value<'e>], extents: &[usize]) -> Vec<Value<'e>> {
    let indices = e.operand(1);
    let count = indices.dims().last().copied().unwrap_or(0);
    let index = |k: usize| named(indices.at(&[front, &[e.i64(k)]].concat()), extents[k]);
    (0..count).map(index).collect()
}

/// What an update makes of an element.
fn combined<'k>(reduction: Reduction, y: Value<'k>, update: Value<'k>) -> Value<'k> {
    let op: Op = match reduction {
        Reduction::Replace => return update,
        Reduction::Add => Add.into(),
        Reduction::Mul => Mul.into(),
        Reduction::Max => Max.into(),
        Reduction::Min => Min.into(),
    };
    elementwise::function(&op, &[y, update]).unwrap_or_else(|message| {
        y.builder().fault(&message);
        y
    })
}
