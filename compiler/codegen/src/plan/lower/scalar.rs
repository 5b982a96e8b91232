//! Scalar lowering: a node as a formula for one element of its result, for any operator and element type.
//!
//! This is the way to compile whatever is no hot loop over f32. A lowering says how an element comes from the
//! operands, and nothing about memory, runs, threads or the pipe behind the node:
//!
//! ```text
//! // y[n,c] = x[n, c, last row, last column] + b[c]
//! pub(super) fn lower(p: &mut Planner, id: NodeId) -> Result<(), String> {
//!     scalar::lower(p, id, |e| {
//!         let (x, b) = (e.operand(0), e.operand(1));       // operands of the node
//!         let [n, c] = e.at()?;                            // where the element stands: i64 values
//!         let [_, _, h, w] = *x.dims() else { return Err("x is no image".into()) };
//!         Ok(x.at(&[n, c, e.i64(h - 1), e.i64(w - 1)]) + b.at(&[c]))
//!     })
//! }
//! ```
//!
//! - An [`Operand`] is read by coordinates ([`Operand::at`]), by its place in row-major order ([`Operand::flat`]), or
//!   at the element that broadcasts to the result's ([`Operand::here`]).
//! - A [`Value`] has `+ - * / % & | ^ << >> ! -`, `min max abs sqrt floor ceil trunc round_even mul_add`,
//!   `lt le gt ge equals differs` and `condition.select(then, otherwise)`, `to(dtype)` as `cast` has it, `bits(dtype)`.
//!   Plain numbers take the type of the value they meet: `x * 2.0 + 1.0`. Two values must have one type: say `to`.
//!   Arithmetic is that of the evaluator: integers wrap, `x / 0 = 0`, nothing traps.
//! - Sums and other loops are folds: `e.sum(trips, first, |i| term)`, or [`Builder::fold`] with any accumulators
//!   `e.fold(n, [first, second], |i, [a, b]| [.., ..])`; what does not depend on `i` is computed outside of the loop
//!   by itself. Folds nest; the count of iterations may be computed, such as `i + 1`. Sum reals in `to(DType::F64)`
//!   where the order is free.
//! - An f16 is read as f32 and rounded when it is written: a formula never sees one.
//! - *Safety*: the checker bounds every place that is read. A coordinate that comes from data must be bounded by
//!   `min` and `max`: [`Operand::clamped`] does it for all, [`Operand::has`] says whether they lay inside. Both sides
//!   of a `select` are computed, so a condition protects no read.
//! - Types that do not fit, wrong coordinates and their like are collected and told when the formula is done: they
//!   are bugs of the lowering and end up in the error of the node.
//!
//! Functions such as `exp` are formulas too, see [`math`](crate::scalar::math); [`elementwise`](super::elementwise)
//! holds the operators of pipes, and one that is added there works as a node and as a stage, for every type it is
//! written for. Elements are shared out in runs; a run that has more to do is shorter.

pub(super) mod lines;
pub(super) mod order;

use super::elementwise;
use super::pieces::{Pieces, pieces};
use super::pipe::{read, write};
use crate::kernels::scalar::Scalar;
use crate::plan::{Arg, Call, Layout, Place, Planner, Space, Term, at};
use crate::scalar::{Body, Builder, Interval, Value};
use cnnc_ir::{DType, Data, NodeId, Stage, Tensor, Type};
use std::ops::Deref;

/// Elements of a run at most.
const RUN: usize = 4096;

/// Operations of a run at most, where it has more than one element.
const WORK: u64 = 1 << 16;

/// Lowers a node and the pipe behind it, by a formula for an element of what the node alone computes.
pub(super) fn lower<F>(p: &mut Planner, id: NodeId, formula: F) -> Result<(), String>
where
    F: for<'e> FnOnce(&'e Element<'e>) -> Result<Value<'e>, String>,
{
    lower_by(p, id, Vec::new(), formula)
}

/// Lowers as [`lower`], by a formula that also reads tables: [`Element::table`].
pub(super) fn lower_by<F>(p: &mut Planner, id: NodeId, tables: Vec<Table>, formula: F) -> Result<(), String>
where
    F: for<'e> FnOnce(&'e Element<'e>) -> Result<Value<'e>, String>,
{
    let expr = p.module.graph.expr(id);
    let values: Vec<NodeId> = expr.all_operands().copied().collect();
    let mut sources = values.iter().map(|&value| Source::of(p, value)).collect::<Result<Vec<_>, _>>()?;
    sources.extend(tables.iter().map(Source::table));
    let to = To { place: p.result(id, Layout::Plain).place, ty: p.ty(id).clone(), name: p.name(id) };
    let words = words(expr.op.name(), &expr.stages);
    let macs = p.module.graph.cost(id).macs;
    compute(p, &to, &sources, (&words, macs), |e| {
        let value = formula(e)?;
        staged(e, value, &expr.stages, expr.operands.len())
    })
}

/// Runs what a node computed, which lies plain at `home`, through stages that its kernel did not take.
pub(super) fn lower_rest(p: &mut Planner, id: NodeId, home: Place, stages: &[Stage]) -> Result<(), String> {
    let values = stages.iter().flat_map(|stage| &stage.operands);
    let others = values.map(|&value| Source::of(p, value)).collect::<Result<Vec<_>, _>>()?;
    let own = Source { ty: p.ty(id).clone(), from: From::Run, is_table: false };
    let sources: Vec<Source> = std::iter::once(own).chain(others).collect();
    let to = To { place: home, ty: p.ty(id).clone(), name: p.name(id) };
    let mut calls = Vec::new();
    for piece @ (first, count, _) in pieces(to.ty.elements(), RUN) {
        // An element is read where it is written, and nowhere else: by its place in its run.
        let body = body(&to.ty, &sources, |e| {
            let place = if count > 1 { e.index() % RUN } else { e.index() - first * RUN };
            staged(e, e.operand(0).flat(place), stages, 1)
        })?;
        calls.push(call(&to, &sources, &body, piece, RUN));
    }
    p.step(&to.name, "map", format!("scalar {}", words("map", stages)), calls, 0);
    Ok(())
}

/// What a step is called: its operator and the stages.
pub(super) fn words(op: &str, stages: &[Stage]) -> String {
    std::iter::once(op).chain(stages.iter().map(|stage| stage.op.name())).collect::<Vec<_>>().join(" ")
}

/// A value behind stages, the operands of which start at `first`.
fn staged<'e>(
    e: &'e Element<'e>,
    value: Value<'e>,
    stages: &[Stage],
    first: usize,
) -> Result<Value<'e>, String> {
    let mut next = first;
    let dtype = e.ty().dtype;
    stages.iter().try_fold(value, |value, stage| {
        // What an operator gives is rounded before the next takes it.
        let value = if dtype == DType::F16 { value.to(dtype).to(DType::F32) } else { value };
        let others = stage.operands.iter().map(|_| {
            next += 1;
            e.operand(next - 1).here()
        });
        let operands: Vec<Value> = std::iter::once(value).chain(others).collect();
        elementwise::function(&stage.op, &operands)
    })
}

/// The numbers of a scalar kernel that is given a run by itself: its first element and how many.
pub(super) fn run(length: usize) -> [Arg; 2] {
    [0, length as i64].map(|from| Arg::Number { from, dim: 0, step: 0 })
}

/// A value as it is stored: formulas for f16 are in f32.
fn stored(value: Value, dtype: DType) -> Value {
    if dtype == DType::F16 && value.dtype() == DType::F32 { value.to(dtype) } else { value }
}

/// Where an operand is read.
struct Source {
    ty: Type,
    from: From,
    is_table: bool,
}

enum From {
    Place(Place),
    /// Where the run goes that is computed.
    Run,
    /// Of one element that is known.
    Number(Data),
}

impl Source {
    fn of(p: &mut Planner, value: NodeId) -> Result<Source, String> {
        let ty = p.ty(value).clone();
        let from = match p.constant(value).filter(|_| ty.elements() == 1).transpose()? {
            Some(tensor) => From::Number(tensor.data().clone()),
            None => From::Place(p.plain(value)?),
        };
        Ok(Source { ty, from, is_table: false })
    }

    fn table(table: &Table) -> Source {
        Source { ty: table.ty.clone(), from: From::Place(table.place), is_table: true }
    }

    /// The argument that names it, beside the one that is written.
    fn arg(&self, written: &Arg) -> Arg {
        match (&self.from, written) {
            (&From::Place(place), _) => read(place, Vec::new(), 0..self.ty.bytes() as i64),
            (From::Run, Arg::Address { place, terms, span, .. }) => read(*place, terms.clone(), span.clone()),
            _ => Arg::Unread,
        }
    }
}

/// A table that a formula reads beside the operands.
pub(super) struct Table {
    /// Its type.
    pub(super) ty: Type,
    /// Where it lies.
    pub(super) place: Place,
}

impl Table {
    /// The tables that are known now.
    pub(super) fn known(p: &mut Planner, id: NodeId, tables: &[Tensor]) -> Vec<Table> {
        let name = p.name(id);
        let known = |(number, table): (usize, &Tensor)| {
            let place = p.weights(&format!("{name}.table{number}"), table.data().clone());
            Table { ty: table.ty(), place }
        };
        tables.iter().enumerate().map(known).collect()
    }

    /// A table of that name and type that a step computes before, by a formula that reads an operand of the node, as
    /// [`Element::operand`] 0, and other tables.
    fn computed<F>(
        p: &mut Planner,
        id: NodeId,
        (name, ty): (&str, Type),
        operand: usize,
        tables: &[Table],
        formula: F,
    ) -> Result<Table, String>
    where
        F: for<'e> FnOnce(&'e Element<'e>) -> Result<Value<'e>, String>,
    {
        let mut sources = vec![Source::of(p, p.module.graph.operands(id)[operand])?];
        sources.extend(tables.iter().map(Source::table));
        let name = format!("{}.{name}", p.name(id));
        let place = at(p.buffer(&name, &ty, Layout::Plain, Space::Arena));
        let op = p.module.graph[id].op().name();
        compute(p, &To { place, ty: ty.clone(), name }, &sources, (op, 0), formula)?;
        Ok(Table { ty, place })
    }
}

/// What a step computes.
struct To {
    place: Place,
    ty: Type,
    name: String,
}

/// Appends the step that computes every element of a value, by an operator's words and of so many multiply-adds.
fn compute<F>(
    p: &mut Planner,
    to: &To,
    sources: &[Source],
    (words, macs): (&str, u64),
    formula: F,
) -> Result<(), String>
where
    F: for<'e> FnOnce(&'e Element<'e>) -> Result<Value<'e>, String>,
{
    let body = body(&to.ty, sources, formula)?;
    let index = Interval::new(0, (to.ty.elements() as i64 - 1).max(0));
    let run = match body.carries() {
        // What is carried along a line goes from its start to its end.
        true => to.ty.dims().last().copied().unwrap_or(1).max(1),
        false => usize::try_from(WORK / body.cost(index).max(1)).unwrap_or(RUN).clamp(1, RUN),
    };
    let pieces = pieces(to.ty.elements(), run);
    let calls = pieces.map(|piece| call(to, sources, &body, piece, run)).collect();
    let op = words.split(' ').next().unwrap_or(words);
    p.step(&to.name, op, format!("scalar {words}"), calls, macs);
    Ok(())
}

/// What a formula computes for an element of that type.
fn body<F>(ty: &Type, sources: &[Source], formula: F) -> Result<Body, String>
where
    F: for<'e> FnOnce(&'e Element<'e>) -> Result<Value<'e>, String>,
{
    let values = sources.iter().filter(|source| !source.is_table).count();
    let element = Element { builder: Builder::new(), ty, sources, values };
    let value = stored(formula(&element)?, ty.dtype);
    if value.dtype() != ty.dtype {
        return Err(format!("computed as {}, but it is {}", value.dtype(), ty.dtype));
    }
    element.builder.finish(value)
}

/// The call for a piece of the runs of that many elements.
fn call(to: &To, sources: &[Source], body: &Body, (first, count, length): Pieces, run: usize) -> Call {
    let bytes = to.ty.dtype.bytes();
    let first = first * run;
    let moved = vec![Term::Index { dim: 0, stride: (bytes * run) as i64 }];
    let to = write(to.place.moved((bytes * first) as i64), moved, 0..(bytes * length) as i64);
    let index = Interval::new(first as i64, (first + (count - 1) * run + length) as i64 - 1);
    let loads = body.loads(index);
    let operand = |(number, source): (usize, &Source)| match loads.iter().any(|load| load.operand == number) {
        true => source.arg(&to),
        false => Arg::Unread,
    };
    let operands: Vec<Arg> = sources.iter().enumerate().map(operand).collect();
    let number = |from: usize, step: usize| Arg::Number { from: from as i64, dim: 0, step: step as i64 };
    let args = [to, number(first, run), number(length, 0)].into_iter().chain(operands).collect();
    let kernel = Scalar { body: body.clone(), stride: bytes as i64 };
    Call { kernel: kernel.into(), extents: vec![count as u64], window: None, args }
}

/// One element of a node's result: a [`Builder`] that knows where it stands and what it is computed from.
pub(super) struct Element<'p> {
    builder: Builder,
    ty: &'p Type,
    sources: &'p [Source],
    /// How many of them are values; the others are tables.
    values: usize,
}

impl Deref for Element<'_> {
    type Target = Builder;
    fn deref(&self) -> &Builder {
        &self.builder
    }
}

impl<'e> Element<'e> {
    /// A number as a place, an extent or a coordinate.
    pub(super) fn i64(&'e self, x: usize) -> Value<'e> {
        self.builder.number(DType::I64, x)
    }

    /// What no element of a type is less than.
    pub(super) fn least(&'e self, dtype: DType) -> Value<'e> {
        match dtype {
            DType::Bool => self.builder.number(dtype, 0),
            _ => self.builder.number(dtype, f64::NEG_INFINITY),
        }
    }

    /// What no element of a type is greater than.
    pub(super) fn greatest(&'e self, dtype: DType) -> Value<'e> {
        self.builder.number(dtype, f64::INFINITY)
    }

    /// The type of the result.
    pub(super) fn ty(&self) -> &'e Type {
        self.ty
    }

    /// The operands of the node, those of its stages behind them.
    pub(super) fn operand(&'e self, number: usize) -> Operand<'e> {
        Operand { element: self, number, source: &self.sources[number] }
    }

    /// A table beside the operands.
    pub(super) fn table(&'e self, number: usize) -> Operand<'e> {
        self.operand(self.values + number)
    }

    /// Where the element stands along each of the extents of the result.
    pub(super) fn coordinates(&'e self) -> Vec<Value<'e>> {
        self.unravel(self.index(), self.ty.dims())
    }

    /// [`Element::coordinates`] of a result of `N` extents.
    ///
    /// # Errors
    /// When it has another number of them.
    pub(super) fn at<const N: usize>(&'e self) -> Result<[Value<'e>; N], String> {
        let rank = self.ty.rank();
        self.coordinates().try_into().map_err(|_| format!("a result of {rank} dimensions, not {N}"))
    }

    /// The coordinates of a place in a row-major order of those extents; it must lie in there.
    pub(super) fn unravel(&'e self, place: Value<'e>, dims: &[usize]) -> Vec<Value<'e>> {
        let mut inner = 1;
        let mut coordinates = Vec::with_capacity(dims.len());
        for (d, &extent) in dims.iter().enumerate().rev() {
            let counted = if inner == 1 { place } else { place / inner };
            // What lies outside of this extent counts further out; there is nothing outside of all.
            let is_outermost = dims[..d].iter().all(|&n| n == 1);
            coordinates.push(match extent {
                1 => self.i64(0),
                _ if is_outermost => counted,
                _ => counted % extent,
            });
            inner *= extent.max(1);
        }
        coordinates.reverse();
        coordinates
    }
}

/// An operand of the node.
#[derive(Clone, Copy)]
pub(super) struct Operand<'e> {
    element: &'e Element<'e>,
    number: usize,
    source: &'e Source,
}

impl<'e> Operand<'e> {
    /// Its type.
    pub(super) fn ty(self) -> &'e Type {
        &self.source.ty
    }

    /// Its extents.
    pub(super) fn dims(self) -> &'e [usize] {
        self.source.ty.dims()
    }

    /// The type in which its elements are computed with: their own, of f16 f32.
    pub(super) fn dtype(self) -> DType {
        match self.ty().dtype {
            DType::F16 => DType::F32,
            dtype => dtype,
        }
    }

    /// The element at a place in row-major order.
    pub(super) fn flat(self, place: Value<'e>) -> Value<'e> {
        let element = match &self.source.from {
            From::Place(_) | From::Run => self.element.load(self.number, self.ty().dtype, place),
            From::Number(data) => self.element.constant(data),
        };
        element.to(self.dtype())
    }

    /// The element at these coordinates, one for each of its extents, which must lie inside.
    pub(super) fn at(self, coordinates: &[Value<'e>]) -> Value<'e> {
        self.flat(self.place(coordinates))
    }

    /// A coordinate along a dimension, moved inside.
    pub(super) fn within(self, dimension: usize, i: Value<'e>) -> Value<'e> {
        let extent = self.dims().get(dimension).copied().unwrap_or(1);
        i.max(0).min(extent.max(1) - 1)
    }

    /// The element nearest to these coordinates.
    pub(super) fn clamped(self, coordinates: &[Value<'e>]) -> Value<'e> {
        let nearest = coordinates.iter().enumerate().map(|(d, &i)| self.within(d, i));
        self.at(&nearest.collect::<Vec<_>>())
    }

    /// Whether all coordinates lie inside.
    pub(super) fn has(self, coordinates: &[Value<'e>]) -> Value<'e> {
        let inside = |(&i, &extent): (&Value<'e>, &usize)| i.ge(0) & i.lt(extent);
        self.element.all(coordinates.iter().zip(self.dims()).map(inside))
    }

    /// The element at these coordinates, or `outside` where there is none.
    pub(super) fn or(self, outside: Value<'e>, coordinates: &[Value<'e>]) -> Value<'e> {
        self.has(coordinates).select(self.clamped(coordinates), outside)
    }

    /// The element that broadcasts to the one that is computed.
    pub(super) fn here(self) -> Value<'e> {
        let (own, result) = (&self.source.ty.shape, &self.element.ty.shape);
        match own == result {
            true => self.flat(self.element.index()),
            false => self.stretched(&self.element.coordinates()),
        }
    }

    /// The element that broadcasts to these coordinates, of which there may be more than it has extents.
    pub(super) fn stretched(self, coordinates: &[Value<'e>]) -> Value<'e> {
        let missing = coordinates.len().saturating_sub(self.dims().len());
        let inner = coordinates[missing..].iter().zip(self.dims());
        let own = inner.map(|(&i, &extent)| if extent == 1 { self.element.i64(0) } else { i });
        self.at(&own.collect::<Vec<_>>())
    }

    /// The place of these coordinates in row-major order.
    fn place(self, coordinates: &[Value<'e>]) -> Value<'e> {
        if coordinates.len() != self.dims().len() {
            self.element.fault(&format!("{} coordinates of {}", coordinates.len(), self.ty()));
        }
        let strides = self.source.ty.shape.strides();
        let moved = coordinates.iter().zip(self.dims()).zip(strides).filter(|((_, n), _)| **n != 1);
        let mut moved: Vec<(Value, usize)> = moved.map(|((&i, _), stride)| (i, stride)).collect();
        // The innermost loop's coordinate comes last, so that the sum of the others is computed outside of it.
        moved.sort_by_key(|(i, _)| i.x());
        let terms = moved.into_iter().map(|(i, stride)| if stride == 1 { i } else { i * stride });
        terms.reduce(|place, term| place + term).unwrap_or(self.element.i64(0))
    }
}
