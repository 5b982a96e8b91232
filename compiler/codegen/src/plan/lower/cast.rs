//! `cast`: element by element; one that changes nothing is the operand's own bytes.
//!
//! One to f32 sees through transposes and slices that nothing else reads: they are not computed, it finds the elements
//! where they were. What pictures go through, `transpose |> slice |> cast |> mul |> add`, is then a single pass:
//!
//! ```text
//! y[n,c,h,w] = f32(x[n,h,w,C-1-c]) * k[c] + b[c]
//! ```
//!
//! Where a convolution reads its result plane by plane, the two are a group: the rows that a block of the convolution
//! sees go into a ring right before it loads them, and the network's picture never exists as a whole.

use super::image::Image;
use super::runs::{self, Run, Walk, runs};
use super::{conv, elementwise, map, reach, reshape, scalar};
use crate::kernels::scalar::Scalar;
use crate::plan::{Call, Layout, Planner};
use crate::scalar::{Body, Builder};
use cnnc_ir::{DType, Data, Graph, NodeId, Op, Stage};
use std::collections::HashSet;

/// Lowers a cast and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId) -> Result<(), String> {
    let (from, to) = (p.ty(p.module.graph.operands(id)[0]).dtype, p.ty(id).dtype);
    match to {
        _ if from == to => reshape::lower(p, id),
        DType::F32 => to_f32(p, id),
        _ => scalar::lower(p, id, |e| Ok(e.operand(0).here().to(to))),
    }
}

/// The values of a graph that are not computed, because all that reads each of them is a cast that sees through it.
pub(in crate::plan) fn seen_through(graph: &Graph) -> HashSet<NodeId> {
    let mut seen = HashSet::new();
    for &id in graph.order().iter().rev() {
        let reorders = matches!(graph[id].op(), Op::Transpose(_) | Op::Slice(_));
        let Some(reader) = graph.only_reader(id).filter(|_| reorders) else { continue };
        let is_seen = match graph[reader].op() {
            Op::Cast(cast) => cast.to == DType::F32 && graph.ty(id).dtype != DType::F32,
            _ => seen.contains(&reader),
        };
        if is_seen && graph[id].stages().len() == 0 {
            seen.insert(id);
        }
    }
    seen
}

/// Whether a node is a cast to f32 of what a convolution reads plane by plane: it may run row by row before it.
pub(in crate::plan) fn is_picture(p: &Planner, id: NodeId) -> bool {
    let graph = &p.module.graph;
    let casts = matches!(graph[id].op(), Op::Cast(_)) && p.ty(id).dtype == DType::F32;
    let is_convolved = |reader: NodeId| match graph[reader].op() {
        Op::Conv(conv) => reach(p, reader).is_some() && !conv::is_grouped(p, reader, conv),
        _ => false,
    };
    casts
        && p.ty(graph.operands(id)[0]).dtype != DType::F32
        && p.ty(id).dims().get(1).is_some_and(|&channels| channels < p.target.lanes)
        && graph.only_reader(id).is_some_and(is_convolved)
}

/// A value as a view of one that is computed.
struct View {
    of: NodeId,
    /// The place of its first element there, in elements.
    first: i64,
    /// Along each of its extents, in elements.
    strides: Vec<i64>,
}

fn view(p: &Planner, id: NodeId) -> View {
    let graph = &p.module.graph;
    let mut chain = Vec::new();
    let mut of = id;
    while p.seen_through.contains(&of) {
        chain.push(of);
        of = graph.operands(of)[0];
    }
    let (mut first, mut strides) = (0, map::strides(p, of, of));
    for &id in chain.iter().rev() {
        match graph[id].op() {
            Op::Transpose(transpose) => {
                strides = transpose.perm.iter().map(|&axis| strides[axis as usize]).collect();
            }
            Op::Slice(slice) => {
                first += strides.iter().zip(&slice.starts).map(|(stride, start)| stride * start).sum::<i64>();
                // A step that is not taken may be of any size.
                let taken =
                    p.ty(id).dims().iter().zip(&slice.steps).map(|(&n, &step)| if n > 1 { step } else { 1 });
                strides.iter_mut().zip(taken).for_each(|(stride, step)| *stride *= step);
            }
            _ => {}
        }
    }
    View { of, first, strides }
}

/// Where a stage finds an operand.
enum Source {
    Number(Data),
    /// That operand of the kernel.
    Operand(usize),
}

fn to_f32(p: &mut Planner, id: NodeId) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let View { of, first, strides } = view(p, expr.operands[0]);
    let dtype = p.ty(of).dtype;
    let place = p.plain(of)?.moved(dtype.bytes() as i64 * first);
    let mut operands = vec![Walk { place, bytes: dtype.bytes(), strides }];
    let mut sources = Vec::new();
    for &value in expr.stages.iter().flat_map(|stage| &stage.operands) {
        let number = p.constant(value).filter(|_| p.ty(value).elements() == 1).transpose()?;
        sources.push(match number {
            Some(tensor) => Source::Number(tensor.data().clone()),
            None => {
                let (place, strides) = (p.plain(value)?, map::strides(p, value, id));
                operands.push(Walk { place, bytes: DType::F32.bytes(), strides });
                Source::Operand(operands.len() - 1)
            }
        });
    }
    let to = p.result(id, Layout::Plain);
    let mut result = Walk { place: to.place, bytes: DType::F32.bytes(), strides: map::strides(p, id, id) };
    let runs = match p.rings.get(&id) {
        Some(&ring) => {
            let Image { row, plane, .. } = Image::of(p, id, 1);
            result.strides =
                [to.image, plane, row, result.bytes as i64].map(|b| b / result.bytes as i64).to_vec();
            operands.insert(0, result);
            vec![runs::row(p.ty(id).dims(), &operands, ring)]
        }
        None => {
            operands.insert(0, result);
            runs(p.ty(id).dims(), &operands)
        }
    };
    let mut calls = Vec::new();
    for Run { length, strides, extents, mut args } in runs {
        args.splice(1..1, scalar::run(length));
        let body = element(dtype, &strides[1..], &expr.stages, &sources)?;
        let kernel = Scalar { body, stride: DType::F32.bytes() as i64 * strides[0] };
        calls.push(Call { kernel: kernel.into(), extents, window: None, args });
    }
    let words = scalar::words("cast", &expr.stages);
    p.step(&p.name(id), "cast", format!("scalar {words}"), calls, 0);
    Ok(())
}

/// An element of the result; the strides are those of the operands along a run.
fn element(dtype: DType, strides: &[i64], stages: &[Stage], sources: &[Source]) -> Result<Body, String> {
    let k = Builder::new();
    let load = |operand: usize, dtype| k.load(operand, dtype, k.index() * strides[operand]).to(DType::F32);
    let mut others = sources.iter().map(|source| match source {
        Source::Number(data) => k.constant(data),
        Source::Operand(operand) => load(*operand, DType::F32),
    });
    let value = stages.iter().try_fold(load(0, dtype), |value, stage| {
        let operands: Vec<_> =
            std::iter::once(value).chain(others.by_ref().take(stage.operands.len())).collect();
        elementwise::function(&stage.op, &operands)
    })?;
    k.finish(value)
}
