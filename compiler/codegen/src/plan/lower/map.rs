//! Element-wise operators, with broadcasting: one map kernel over runs of elements.
//!
//! A blocked value is mapped plane by plane of a channel block, so that an operand of one number a channel is one
//! vector. A plain one is mapped over its extents, neighbours merged as far as every operand allows; along the
//! innermost run an operand either moves with the result or stands still.
//!
//! Pipes that hold anything but f32, or an operator without vector form, are scalar code.

use super::pipe::{Role, is_vector, pointwise, read, role, write};
use super::{elementwise, scalar};
use crate::kernels::map::Map;
use crate::kernels::pointwise::{Pointwise, Source};
use crate::plan::{Arg, Call, Layout, Place, Planner, Term};
use cnnc_ir::{DType, NodeId, Op, Stage};

/// Elements of a unit of a long run: small enough to share out, long enough to be worth a call.
const RUN: usize = 4096;

/// Lowers a node whose operator is element-wise.
pub(super) fn lower(p: &mut Planner, id: NodeId) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    // The pipe starts from an operand of the result's shape, so that the result may take its place.
    let turns = || pointwise(&expr.op, Some(Source::Scalar(0)), true).is_some();
    let shape = |v: NodeId| &p.ty(v).shape;
    let from = match expr.operands[..] {
        [a, b] if shape(a) != shape(id) && shape(b) == shape(id) && turns() => (b, Some(a), true),
        [a, b] => (a, Some(b), false),
        _ => (expr.operands[0], None, false),
    };
    let source = from.1.map(|_| Source::Constant(0));
    let has_vectors = pointwise(&expr.op, source, from.2).is_some() && {
        let mut values = expr.all_operands().chain([&id]);
        values.all(|&v| p.ty(v).dtype == DType::F32)
    };
    if !has_vectors || !are_vectors(p, &expr.stages) {
        return scalar::lower(p, id, |e| {
            let operands: Vec<_> = (0..expr.operands.len()).map(|i| e.operand(i).here()).collect();
            elementwise::function(&expr.op, &operands)
        });
    }
    let first = Step { op: expr.op, operand: from.1, swapped: from.2 };
    let stages = expr.stages.into_iter().map(Step::from);
    pipe(p, id, From::Value(from.0), std::iter::once(first).chain(stages).collect())
}

/// Runs a value that lies at `place` through stages that its producer could not take.
pub(super) fn lower_rest(
    p: &mut Planner,
    id: NodeId,
    home: Place,
    layout: Layout,
    stages: Vec<Stage>,
) -> Result<(), String> {
    if p.ty(id).dtype != DType::F32 || !are_vectors(p, &stages) {
        let home = leave_blocks(p, id, home, layout)?;
        return scalar::lower_rest(p, id, home, &stages);
    }
    pipe(p, id, From::Place(home, layout), stages.into_iter().map(Step::from).collect())
}

/// Whether all stages have a vector form.
fn are_vectors(p: &Planner, stages: &[Stage]) -> bool {
    stages.iter().all(|stage| is_vector(p, &stage.op, &stage.operands))
}

/// The plain home of a value that its kernel left at `home`.
fn leave_blocks(p: &mut Planner, id: NodeId, home: Place, layout: Layout) -> Result<Place, String> {
    if layout == Layout::Plain {
        return Ok(home);
    }
    let plain = p.result(id, Layout::Plain);
    super::reorder(p, id, home, plain, false)?;
    Ok(plain)
}

/// One function of the pipe.
struct Step {
    op: Op,
    operand: Option<NodeId>,
    /// Whether the piped value is the second operand.
    swapped: bool,
}

impl std::convert::From<Stage> for Step {
    fn from(stage: Stage) -> Step {
        Step { op: stage.op, operand: stage.operands.first().copied(), swapped: false }
    }
}

/// Where the pipe starts.
#[derive(Clone, Copy)]
enum From {
    Value(NodeId),
    /// The result's own home, already written once.
    Place(Place, Layout),
}

fn pipe(p: &mut Planner, id: NodeId, from: From, steps: Vec<Step>) -> Result<(), String> {
    let values: Vec<NodeId> = match from {
        From::Value(v) => std::iter::once(v).chain(steps.iter().filter_map(|s| s.operand)).collect(),
        From::Place(..) => steps.iter().filter_map(|s| s.operand).collect(),
    };
    let wanted = match from {
        From::Place(_, layout) => layout,
        From::Value(_) if values.iter().any(|&v| p.layout(v) == Some(Layout::Blocked)) => Layout::Blocked,
        From::Value(_) => Layout::Plain,
    };
    let fits_blocks = p.ty(id).rank() == 4 && values.iter().all(|&v| !matches!(role(p, v, id), Role::Other));
    let layout = if fits_blocks { wanted } else { Layout::Plain };
    let (to, start) = match from {
        From::Place(place, home) if home == layout => (place, Some(place)),
        From::Place(place, home) => {
            let plain = leave_blocks(p, id, place, home)?;
            (plain, Some(plain))
        }
        From::Value(v) => (p.result_over(id, layout, &[v]), None),
    };
    let mut operands = Vec::new();
    for &value in &values {
        let source = match role(p, value, id) {
            Role::Number(x) => Operand::Number(x.to_bits()),
            Role::Channel if layout == Layout::Blocked => Operand::Channel(super::pipe::channels(p, value)?),
            _ => Operand::Tensor(p.operand(value, layout)?, strides(p, value, id)),
        };
        operands.push(source);
    }
    if let Some(place) = start {
        operands.insert(0, Operand::Tensor(place, strides(p, id, id)));
    }
    let calls = match layout {
        Layout::Blocked => blocked(p, id, to, &operands, &steps)?,
        Layout::Plain => plain(p, id, to, &operands, &steps)?,
    };
    let words: Vec<&str> = steps.iter().map(|s| s.op.name()).collect();
    p.step(&p.name(id), words.first().unwrap_or(&"map"), format!("map {}", words.join(" ")), calls, 0);
    Ok(())
}

/// An operand as the nest sees it.
enum Operand {
    Number(u32),
    /// One number a channel, as vectors.
    Channel(Place),
    /// A tensor, and its strides along the extents of the result, in elements.
    Tensor(Place, Vec<usize>),
}

/// Strides of a value along the extents of the result it broadcasts to.
fn strides(p: &Planner, value: NodeId, result: NodeId) -> Vec<usize> {
    let (shape, rank) = (&p.ty(value).shape, p.ty(result).rank());
    let missing = rank - shape.rank();
    let own = shape.strides();
    let stride = |d: usize| match d.checked_sub(missing) {
        Some(k) if shape[k] != 1 => own[k],
        _ => 0,
    };
    (0..rank).map(stride).collect()
}

/// The functions of the steps; sources are those of the operands behind the first.
fn functions(steps: &[Step], sources: &[Source]) -> Result<Vec<Pointwise>, String> {
    let mut rest = sources.iter().copied();
    steps
        .iter()
        .map(|s| {
            let source = s.operand.and_then(|_| rest.next());
            pointwise(&s.op, source, s.swapped).ok_or_else(|| format!("{} is not compiled yet", s.op.name()))
        })
        .collect()
}

fn blocked(
    p: &Planner,
    id: NodeId,
    to: Place,
    operands: &[Operand],
    steps: &[Step],
) -> Result<Vec<Call>, String> {
    let lanes = p.target.lanes;
    let dims = p.ty(id).dims();
    let (n, c, plane) = (dims[0], dims[1], dims[2] * dims[3]);
    let blocks = c.div_ceil(lanes);
    let bytes = (4 * plane * lanes) as i64;
    let mut calls = Vec::new();
    // The last block has fewer channels when they do not fill it.
    for (first, count, channels) in [(0, c / lanes, lanes), (c / lanes, blocks - c / lanes, c % lanes)] {
        let moving = |place: Place, offset: i64| Place {
            offset: place.offset + (first as i64 * offset) as u64,
            ..place
        };
        let terms = |image: i64, block: i64| {
            vec![Term::Index { dim: 0, stride: image }, Term::Index { dim: 1, stride: block }]
        };
        let mut args = vec![write(moving(to, bytes), terms(bytes * blocks as i64, bytes), 0..bytes)];
        let mut sources = Vec::new();
        for operand in operands {
            let next = args.len() as u32;
            let vector = 4 * lanes as i64;
            sources.push(match operand {
                Operand::Number(bits) => Source::Constant(*bits),
                Operand::Channel(place) => {
                    args.push(read(moving(*place, vector), terms(0, vector), 0..vector));
                    Source::Channel(next)
                }
                Operand::Tensor(place, _) => {
                    args.push(read(moving(*place, bytes), terms(bytes * blocks as i64, bytes), 0..bytes));
                    Source::Same(next)
                }
            });
        }
        let kernel = Map {
            vectors: plane,
            rest: 0,
            lanes: channels,
            from: sources[0],
            pipe: functions(steps, &sources[1..])?,
        };
        calls.push(Call { kernel: kernel.into(), extents: vec![n as u64, count as u64], window: None, args });
    }
    Ok(calls)
}

fn plain(
    p: &Planner,
    id: NodeId,
    to: Place,
    operands: &[Operand],
    steps: &[Step],
) -> Result<Vec<Call>, String> {
    let result = p.ty(id).shape.strides();
    let mut all: Vec<&[usize]> = vec![&result];
    all.extend(operands.iter().filter_map(|o| match o {
        Operand::Tensor(_, strides) => Some(&strides[..]),
        _ => None,
    }));
    let (outer, run, inner) = merged(p.ty(id).dims(), &all);
    let lanes = p.target.lanes;
    let (piece, pieces) = if run > RUN { (RUN, run / RUN) } else { (run, 1) };
    let mut calls = Vec::new();
    // Whole pieces of a run, then what is left of it.
    for (offset, count, length) in [(0, pieces, piece), (pieces * piece, 1, run - pieces * piece)] {
        if length == 0 {
            continue;
        }
        let arg = |tensor: usize, place: Place, written: bool| -> Arg {
            let step = inner[tensor];
            let mut terms: Vec<Term> = outer
                .iter()
                .enumerate()
                .map(|(dim, (_, strides))| Term::Index { dim, stride: 4 * strides[tensor] as i64 })
                .collect();
            terms.push(Term::Index { dim: outer.len(), stride: (4 * piece * step) as i64 });
            let place = Place { offset: place.offset + (4 * offset * step) as u64, ..place };
            let span = 0..if step == 0 { 4 } else { 4 * length as i64 };
            if written { write(place, terms, span) } else { read(place, terms, span) }
        };
        let mut args = vec![arg(0, to, true)];
        let mut sources = Vec::new();
        let mut tensor = 0;
        for operand in operands {
            sources.push(match operand {
                Operand::Number(bits) => Source::Constant(*bits),
                Operand::Channel(_) => return Err("an operand of channels in a plain nest".into()),
                Operand::Tensor(place, _) => {
                    tensor += 1;
                    args.push(arg(tensor, *place, false));
                    let at = args.len() as u32 - 1;
                    if inner[tensor] == 0 { Source::Scalar(at) } else { Source::Same(at) }
                }
            });
        }
        let kernel = Map {
            vectors: length / lanes,
            rest: length % lanes,
            lanes,
            from: sources[0],
            pipe: functions(steps, &sources[1..])?,
        };
        let extents = outer.iter().map(|(extent, _)| *extent as u64).chain([count as u64]).collect();
        calls.push(Call { kernel: kernel.into(), extents, window: None, args });
    }
    Ok(calls)
}

/// An extent, and the stride of each tensor along it, in elements.
type Extent = (usize, Vec<usize>);

/// Extents with neighbours merged wherever every tensor walks them as one: the outer ones with their strides for each
/// tensor, the innermost run, and its stride for each tensor, 0 or 1.
fn merged(dims: &[usize], tensors: &[&[usize]]) -> (Vec<Extent>, usize, Vec<usize>) {
    let mut loops: Vec<Extent> = Vec::new();
    for (d, &extent) in dims.iter().enumerate() {
        if extent == 1 {
            continue;
        }
        let strides: Vec<usize> = tensors.iter().map(|t| t[d]).collect();
        match loops.last_mut() {
            Some((outer, outer_strides))
                if outer_strides.iter().zip(&strides).all(|(o, s)| *o == s * extent) =>
            {
                *outer *= extent;
                *outer_strides = strides;
            }
            _ => loops.push((extent, strides)),
        }
    }
    match loops.pop() {
        Some((run, inner)) => (loops, run, inner),
        // A single element: every tensor moves with it.
        None => (loops, 1, vec![1; tensors.len()]),
    }
}
