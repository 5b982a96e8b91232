//! Lines: what is found by walking a value along a dimension, line by line, before the elements of a result are made.
//!
//! ```text
//! x[2,5,3] along 1   =>   lines[2,3,5], each in one piece, a unit each   =>   y[a,i,b] = .. lines[a,b,i] ..
//! ```
//!
//! A line may also become one number, its maximum or its sum, in a table where it is one element.
//!
//! A walk takes time that grows with the line, where a formula for each element would walk it anew.

use super::{Element, From, Source, Table, To, compute};
use crate::kernels::order::Order;
use crate::plan::lower::pipe::write;
use crate::plan::{Arg, Call, Layout, Planner, Space, Term, at};
use crate::scalar::{Builder, Value};
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
    let source = Source::of(p, p.module.graph.operands(id)[0])?;
    let name = format!("{}.lines", p.name(id));
    let ty = lines(&source.ty, axis, source.ty.dims()[axis], computed(&source.ty))?;
    let table = Table { place: at(p.buffer(&name, &ty, Layout::Plain, Space::Arena)), ty: ty.clone() };
    let op = p.module.graph[id].op().name();
    compute(p, &To { place: table.place, ty, name }, &[source], (op, 0), |e| {
        Ok(formula(e, straight(e.coordinates(), axis)))
    })?;
    Ok(table)
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
    let source = Source::of(p, p.module.graph.operands(id)[0])?;
    let (extent, dtype) = (source.ty.dims()[axis], computed(&source.ty));
    let mut dims = source.ty.dims().to_vec();
    dims[axis] = 1;
    let ty = Type::new(dtype, dims).map_err(|mismatch| mismatch.0)?;
    let name = format!("{}.{what}", p.name(id));
    let place = at(p.buffer(&name, &ty, Layout::Plain, Space::Arena));
    let table =
        |table: &Table| Source { ty: table.ty.clone(), from: From::Place(table.place), is_table: true };
    let sources: Vec<Source> = std::iter::once(source).chain(tables.iter().map(table)).collect();
    let op = p.module.graph[id].op().name();
    compute(p, &To { place, ty: ty.clone(), name }, &sources, (op, 0), |e| {
        let (x, own) = (e.operand(0), e.coordinates());
        let along = |j| {
            let mut at = own.clone();
            at[axis] = j;
            x.at(&at)
        };
        Ok(formula(e, extent, &along))
    })?;
    Ok(Table { ty, place })
}

/// For each line of a node's first operand along a dimension the places of the `k` elements with the greatest keys, an
/// i64 that the formula makes of the element at some coordinates: the greatest first, of equal ones the lower place.
pub(in crate::plan::lower) fn order<F>(
    p: &mut Planner,
    id: NodeId,
    (axis, k): (usize, usize),
    key: F,
) -> Result<Table, String>
where
    F: for<'e> FnOnce(&'e Element<'e>, Vec<Value<'e>>) -> Value<'e>,
{
    let sources = [Source::of(p, p.module.graph.operands(id)[0])?];
    let n = sources[0].ty.dims()[axis];
    let walked = lines(&sources[0].ty, axis, n, DType::I64)?;
    let (name, ty) = (format!("{}.lines", p.name(id)), lines(&walked, walked.rank() - 1, k, DType::I64)?);
    let element = Element { builder: Builder::new(), ty: &walked, sources: &sources, values: 1 };
    let value = key(&element, straight(element.coordinates(), axis));
    let key = element.builder.finish(value)?;
    let place = at(p.buffer(&name, &ty, Layout::Plain, Space::Arena));
    let bytes = (k * DType::I64.bytes()) as i64;
    let mut args = vec![
        write(place, vec![Term::Index { dim: 0, stride: bytes }], 0..bytes),
        Arg::Number { from: 0, dim: 0, step: n as i64 },
    ];
    let operands = sources.each_ref().map(|source| source.arg(&args[0]));
    args.extend(operands);
    if let Some(count) = ty.elements().checked_div(k) {
        let kernel = Order { key, n: n as i64, k: k as i64 }.into();
        let call = Call { kernel, extents: vec![count as u64], window: None, args };
        p.step(&name, p.module.graph[id].op().name(), format!("heaps of {k}"), vec![call], 0);
    }
    Ok(Table { ty, place })
}

/// The element type that a formula for a value is in: of f16 f32, which is rounded once, at the end.
fn computed(ty: &Type) -> DType {
    if ty.dtype == DType::F16 { DType::F32 } else { ty.dtype }
}

/// The coordinates in lines along a dimension, of those in a value.
pub(in crate::plan::lower) fn lined<'e>(mut at: Vec<Value<'e>>, axis: usize) -> Vec<Value<'e>> {
    let along = at.remove(axis);
    at.push(along);
    at
}

/// The coordinates in a value, of those in its lines along a dimension.
fn straight<'e>(mut at: Vec<Value<'e>>, axis: usize) -> Vec<Value<'e>> {
    let along = at.pop();
    at.splice(axis..axis, along);
    at
}

/// The type of lines along a dimension, of so many elements each.
fn lines(ty: &Type, axis: usize, extent: usize, dtype: DType) -> Result<Type, String> {
    let mut dims = ty.dims().to_vec();
    dims.remove(axis);
    dims.push(extent);
    Type::new(dtype, dims).map_err(|mismatch| mismatch.0)
}
