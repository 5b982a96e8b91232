//! `resize`: all modes come down to tables made now, of the elements that each result is made from along a dimension,
//! and of their shares.
//!
//! Planes whose elements are made of one row and column, or of two, go channel block by channel block: a unit is one
//! row of one block. All else is summed element by element.

use super::conv::dims4;
use super::image::Image;
use super::pipe::{read, write};
use super::scalar::{self, Element};
use crate::kernels::resize::Resize;
use crate::plan::{Call, Layout, Place, Planner, Term};
use crate::scalar::Value;
use cnnc_ir::ops::{self, Coordinate, ResizeMode, Taps};
use cnnc_ir::{DType, Data, NodeId, Shape, Tensor, Type};

/// Lowers a resize and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, resize: &ops::Resize) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let x = expr.operands[0];
    if !is_blend(resize, p.ty(x)) {
        return lower_each(p, id, resize);
    }
    let [n, channels, height, width] = dims4(p, x);
    let [.., oh, ow] = dims4(p, id);
    let linear = resize.mode == ResizeMode::Linear;
    let from = p.operand(x, Layout::Blocked)?;
    let to = p.result(id, Layout::Blocked);
    let lanes = p.target.lanes;
    let blocks = channels.div_ceil(lanes);
    let vector = 4 * lanes as i64;
    let (source, result) = (Image::blocked(p, x), Image::blocked(p, id));
    let order = resize.order(p.ty(x).dims());
    let taps = |d: usize, extent: usize| match order.contains(&d) {
        true => resize.taps(d, extent),
        false => themselves(extent, if linear { 2 } else { 1 }),
    };
    let (rows, columns) = (taps(2, height), taps(3, width));

    let name = p.name(id);
    let entries = each(&columns).map(|taps| entry(taps, vector)).collect::<Result<Vec<_>, _>>()?;
    let table = p.weights(&format!("{name}.columns"), Data::F32(entries.concat()));
    let index = |dim, stride| Term::Index { dim, stride };
    let looked_up = |p: &mut Planner, suffix: &str, tap: usize| {
        let words: Vec<i64> = each(&rows).map(|taps| taps[tap].0 as i64 * source.row).collect();
        let most = words.iter().max().copied().unwrap_or(0);
        let table: Place = p.weights(&format!("{name}.{suffix}"), Data::I64(words));
        let line = Term::Lookup { dim: 2, table, least: 0, most };
        read(from.place, vec![index(0, from.image), index(1, source.plane), line], 0..source.row)
    };
    let lower = looked_up(p, "rows", 0);
    let columns = read(table, Vec::new(), 0..ow as i64 * Resize::entry(linear));
    let mut args = vec![write(to.place, result.terms(to.image), 0..result.row), lower, columns];
    if linear {
        args.push(looked_up(p, "rows_behind", 1));
        let words: Vec<f32> = rows.entries.iter().map(|&(_, share)| share).collect();
        let table = p.weights(&format!("{name}.shares"), Data::F32(words));
        args.push(read(table, vec![index(2, 8)], 0..8));
    }
    let kernel = Resize { pixels: ow, linear };
    let call =
        Call { kernel: kernel.into(), extents: vec![n as u64, blocks as u64, oh as u64], window: None, args };
    p.step(&name, "resize", if linear { "linear" } else { "nearest" }.into(), vec![call], 0);
    super::finish(p, id, to, expr.stages)
}

/// Sums the taps of each element by itself.
fn lower_each(p: &mut Planner, id: NodeId, resize: &ops::Resize) -> Result<(), String> {
    let extents = p.ty(p.module.graph.operands(id)[0]).dims();
    let order = resize.order(extents);
    let taps: Vec<Taps> = order.iter().map(|&d| resize.taps(d, extents[d])).collect();
    let tables = taps.iter().map(tables).collect::<Result<Vec<_>, _>>()?.concat();
    // Dimensions, and how many taps they have.
    let counts: Vec<(usize, usize)> = order.into_iter().zip(taps.iter().map(|t| t.count)).collect();
    let tables = scalar::Table::known(p, id, &tables);
    scalar::lower_by(p, id, tables, |e| Ok(tapped(e, resize, &counts, e.coordinates())))
}

/// The elements and the shares of taps.
fn tables(taps: &Taps) -> Result<[Tensor; 2], String> {
    let shape = Shape::new([taps.entries.len()]).map_err(|m| m.0)?;
    let (elements, shares) = taps.entries.iter().map(|&(element, share)| (element as i64, share)).unzip();
    Ok([Tensor::of::<i64>(&shape, elements), Tensor::of::<f32>(&shape, shares)])
}

/// The element of x at these coordinates, those along the given dimensions in the result and not in x. The last
/// dimension is the last that is resized: its sum stands outside of the others.
fn tapped<'e>(
    e: &'e Element<'e>,
    resize: &ops::Resize,
    dimensions: &[(usize, usize)],
    at: Vec<Value<'e>>,
) -> Value<'e> {
    let x = e.operand(0);
    let Some((&(d, count), inner)) = dimensions.split_last() else {
        return x.or(e.number(x.dtype(), resize.value), &at);
    };
    let first = at[d] * count;
    let term = |k: Value<'e>| {
        let [element, share] = [0, 1].map(|table| e.table(2 * inner.len() + table).at(&[first + k]));
        let mut at = at.clone();
        at[d] = element;
        let x = tapped(e, resize, inner, at);
        if resize.mode == ResizeMode::Nearest { x } else { share.to(x.dtype()) * x }
    };
    let [sum] = e.fold(count - 1, [term(e.i64(0))], |k, [sum]| [sum + term(k + 1)]);
    sum
}

/// Whether each result is made of one row and column of a plane, or of two.
fn is_blend(resize: &ops::Resize, x: &Type) -> bool {
    let order = resize.order(x.dims());
    x.rank() == 4
        && x.dtype == DType::F32
        && order.iter().all(|&d| d >= 2)
        && order.iter().all(|&d| resize.count(d) <= 2)
        && resize.mode != ResizeMode::Cubic
        && resize.coordinate != Coordinate::Crop
}

/// The taps of results that are the elements: of each as many equal shares.
fn themselves(extent: usize, count: usize) -> Taps {
    let entries = (0..extent).flat_map(|i| std::iter::repeat_n((i, 1.0 / count as f32), count));
    Taps { count, entries: entries.collect() }
}

/// The taps of each result.
fn each(taps: &Taps) -> impl Iterator<Item = &[(usize, f32)]> {
    taps.entries.chunks_exact(taps.count)
}

/// The entry of a column in the table of the kernel, as the bits of f32: the distances of its taps, then the shares if
/// there are two.
fn entry(taps: &[(usize, f32)], vector: i64) -> Result<Vec<f32>, String> {
    let bytes = |&(column, _): &(usize, f32)| {
        let distance = i32::try_from(column as i64 * vector);
        distance.map(|d| f32::from_bits(d as u32)).map_err(|_| "rows are too wide".to_string())
    };
    let mut words = taps.iter().map(bytes).collect::<Result<Vec<f32>, _>>()?;
    if taps.len() > 1 {
        words.extend(taps.iter().map(|&(_, share)| share));
    }
    Ok(words)
}
