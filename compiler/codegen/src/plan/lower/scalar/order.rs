//! Order: the places of a line's elements by falling keys, found before the elements of a result are made.
//!
//! ```text
//! keys  3 0 3 1     =>   order   0 2 3 1       the greatest first, of equal ones the lower place
//!                        above   4 3 2 2 0     above[k] of them have the key k or a greater one
//! ```
//!
//! Those with the key k are `order[above[k + 1]..above[k]]`.

use super::{Element, Source, Table};
use crate::kernels::order::Order;
use crate::plan::lower::pipe::write;
use crate::plan::{Arg, Call, Layout, Planner, Space, Term, at};
use crate::scalar::{Builder, Value};
use cnnc_ir::{DType, NodeId, Type};

/// Lines with a key for each element.
pub(in crate::plan::lower) struct Keys {
    /// How many lines there are, by dimensions.
    pub(in crate::plan::lower) lines: Vec<usize>,
    /// Elements of a line: one at least.
    pub(in crate::plan::lower) n: usize,
    /// Which operand of the node the keys are made of.
    pub(in crate::plan::lower) operand: usize,
}

impl Keys {
    fn ty(&self, along: usize) -> Result<Type, String> {
        let dims = [&self.lines[..], &[along]].concat();
        Type::new(DType::I64, dims).map_err(|mismatch| mismatch.0)
    }
}

/// For each line the places of the `k` elements with the greatest keys. The formula gives the key, an i64, of the
/// element at some coordinates, its place in the line last; the operand is [`Element::operand`] 0 to it.
pub(in crate::plan::lower) fn order<F>(
    p: &mut Planner,
    id: NodeId,
    keys: &Keys,
    k: usize,
    key: F,
) -> Result<Table, String>
where
    F: for<'e> FnOnce(&'e Element<'e>, Vec<Value<'e>>) -> Value<'e>,
{
    let sources = [Source::of(p, p.module.graph.operands(id)[keys.operand])?];
    let (walked, ty) = (keys.ty(keys.n)?, keys.ty(k)?);
    let element = Element { builder: Builder::new(), ty: &walked, sources: &sources, values: 1 };
    let value = key(&element, element.coordinates());
    let key = element.builder.finish(value)?;
    let name = format!("{}.order", p.name(id));
    let place = at(p.buffer(&name, &ty, Layout::Plain, Space::Arena));
    let bytes = (k * DType::I64.bytes()) as i64;
    let mut args = vec![
        write(place, vec![Term::Index { dim: 0, stride: bytes }], 0..bytes),
        Arg::Number { from: 0, dim: 0, step: keys.n as i64 },
    ];
    let operands = sources.each_ref().map(|source| source.arg(&args[0]));
    args.extend(operands);
    if let Some(count) = ty.elements().checked_div(k) {
        let kernel = Order { key, n: keys.n as i64, k: k as i64 }.into();
        let call = Call { kernel, extents: vec![count as u64], window: None, args };
        p.step(&name, p.module.graph[id].op().name(), format!("heaps of {k}"), vec![call], 0);
    }
    Ok(Table { ty, place })
}

/// For each line and each number up to `end`, how many elements of the line have that key or a greater one, by halving
/// the whole order of the line.
pub(in crate::plan::lower) fn above<F>(
    p: &mut Planner,
    id: NodeId,
    keys: &Keys,
    (order, end): (&Table, usize),
    key: F,
) -> Result<Table, String>
where
    F: for<'e> FnOnce(&'e Element<'e>, Vec<Value<'e>>) -> Value<'e>,
{
    let ty = keys.ty(end + 1)?;
    Table::computed(p, id, ("above", ty), keys.operand, std::slice::from_ref(order), |e| {
        let (order, mut at) = (e.table(0), e.coordinates());
        let least = at.pop().unwrap_or(e.i64(0));
        let along = at.len();
        // Before `from` all have such keys, from `to` on none.
        let halvings = usize::BITS - keys.n.leading_zeros();
        let [from, _] = e.fold(halvings as usize, [e.i64(0), e.i64(keys.n)], |_, [from, to]| {
            let middle = (from + to) / 2;
            at.push(order.within(along, middle));
            at.push(order.within(along, order.at(&at)));
            at.remove(along);
            let is_above = from.lt(to) & key(e, at).ge(least);
            [is_above.select(middle + 1, from), is_above.select(to, middle)]
        });
        Ok(from)
    })
}
