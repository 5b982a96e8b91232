//! Lines: what is found by walking a value along a dimension, line by line, before the elements of a result are made.
//!
//! ```text
//! x[2,5,3] along 1   =>   lines[2,3,5], each in one piece, a unit each   =>   y[a,i,b] = .. lines[a,b,i] ..
//! ```
//!
//! A line may also become one number, its maximum or its sum, in a table where it is one element.
//!
//! A walk takes time that grows with the line, where a formula for each element would walk it anew.

use super::{Element, Table};
use crate::plan::Planner;
use crate::scalar::Value;
use cnnc_ir::{DType, NodeId, Type};

/// The lines of a node's first operand along a dimension, element by element from the start of each: the formula gets
/// the coordinates of an element, and may carry numbers from it to the next.
pub(in crate::plan::lower) fn scan<F>(
    p: &mut Planner,
    id: NodeId,
    axis: usize,
    formula: F,
) -> Result<Table, String>
where
    F: for<'e> FnOnce(&'e Element<'e>, Vec<Value<'e>>) -> Value<'e>,
{
    let x = p.ty(p.module.graph.operands(id)[0]);
    let ty = Type::new(computed(x), lined(x.dims().to_vec(), axis)).map_err(|mismatch| mismatch.0)?;
    Table::computed(p, id, ("lines", ty), 0, &[], |e| Ok(formula(e, straight(e.coordinates(), axis))))
}

/// A number for each line of a node's first operand along a dimension, whose extent becomes 1: the formula gets how
/// many elements a line has and what reads one of them, and may read tables that were made before.
pub(in crate::plan::lower) fn fold<F>(
    p: &mut Planner,
    id: NodeId,
    axis: usize,
    (what, tables): (&str, &[Table]),
    formula: F,
) -> Result<Table, String>
where
    F: for<'e> FnOnce(&'e Element<'e>, usize, &dyn Fn(Value<'e>) -> Value<'e>) -> Value<'e>,
{
    let x = p.ty(p.module.graph.operands(id)[0]);
    let (extent, mut dims) = (x.dims()[axis], x.dims().to_vec());
    dims[axis] = 1;
    let ty = Type::new(computed(x), dims).map_err(|mismatch| mismatch.0)?;
    Table::computed(p, id, (what, ty), 0, tables, |e| {
        let (x, own) = (e.operand(0), e.coordinates());
        let along = |j| {
            let mut at = own.clone();
            at[axis] = j;
            x.at(&at)
        };
        Ok(formula(e, extent, &along))
    })
}

/// The element type that a formula for a value is in: of f16 f32, which is rounded once, at the end.
fn computed(ty: &Type) -> DType {
    if ty.dtype == DType::F16 { DType::F32 } else { ty.dtype }
}

/// What a value has for each of its dimensions, extents or coordinates, as its lines along one have it: that one last.
pub(in crate::plan::lower) fn lined<T>(mut of: Vec<T>, axis: usize) -> Vec<T> {
    let along = of.remove(axis);
    of.push(along);
    of
}

/// The coordinates in a value, of those in its lines along a dimension.
pub(in crate::plan::lower) fn straight<'e>(mut at: Vec<Value<'e>>, axis: usize) -> Vec<Value<'e>> {
    let along = at.pop();
    at.splice(axis..axis, along);
    at
}
