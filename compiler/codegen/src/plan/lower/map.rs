//! Element-wise operators, with broadcasting: one map kernel over runs of elements.
//!
//! A blocked value is mapped plane by plane of a channel block, so that an operand of one number a channel is one
//! vector. A plain one is mapped over its extents, neighbours merged as far as every operand allows; along the
//! innermost run an operand either moves with the result or stands still.
//!
//! Pipes that hold anything but f32, or an operator without vector form, are scalar code.

use super::image::Image;
use super::pieces::{Pieces, pieces};
use super::pipe::{CHANNELS, Role, is_vector, pointwise, read, role, write};
use super::runs::{Run, Walk, runs};
use super::{elementwise, scalar};
use crate::kernels::map::Map;
use crate::kernels::pointwise::{Pointwise, Source};
use crate::plan::{Call, Home, Layout, Place, Planner, Term};
use cnnc_ir::{DType, NodeId, Op, Stage};

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

/// Whether a node runs plane by plane of channel blocks, as its operands do where they are computed so.
pub(super) fn fits_blocks(p: &Planner, id: NodeId) -> bool {
    let expr = p.module.graph.expr(id);
    let mut values = expr.all_operands().chain([&id]);
    let source = (expr.operands.len() > 1).then_some(Source::Constant(0));
    p.ty(id).rank() == 4
        && values.all(|&v| p.ty(v).dtype == DType::F32)
        && pointwise(&expr.op, source, false).is_some()
        && are_vectors(p, &expr.stages)
        && p.ty(expr.operands[0]).shape == p.ty(id).shape
        && expr.all_operands().all(|&v| !matches!(role(p, v, id, CHANNELS), Role::Other))
}

/// Runs a value that lies at `home` through stages that its producer could not take.
pub(super) fn lower_rest(p: &mut Planner, id: NodeId, home: Home, stages: Vec<Stage>) -> Result<(), String> {
    if p.ty(id).dtype != DType::F32 || !are_vectors(p, &stages) {
        let home = leave_blocks(p, id, home)?;
        return scalar::lower_rest(p, id, home.place, &stages);
    }
    pipe(p, id, From::Home(home), stages.into_iter().map(Step::from).collect())
}

/// Whether all stages have a vector form.
fn are_vectors(p: &Planner, stages: &[Stage]) -> bool {
    stages.iter().all(|stage| is_vector(p, &stage.op, &stage.operands))
}

/// The plain home of a value that its kernel left at `home`.
fn leave_blocks(p: &mut Planner, id: NodeId, home: Home) -> Result<Home, String> {
    if home.layout == Layout::Plain {
        return Ok(home);
    }
    let plain = p.result(id, Layout::Plain);
    super::reorder(p, &p.name(id), p.ty(id), home, plain)?;
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
    Home(Home),
}

fn pipe(p: &mut Planner, id: NodeId, from: From, steps: Vec<Step>) -> Result<(), String> {
    let values: Vec<NodeId> = match from {
        From::Value(v) => std::iter::once(v).chain(steps.iter().filter_map(|s| s.operand)).collect(),
        From::Home(_) => steps.iter().filter_map(|s| s.operand).collect(),
    };
    let wanted = match from {
        From::Home(home) => home.layout,
        From::Value(_) if values.iter().any(|&v| p.layout(v) == Some(Layout::Blocked)) => Layout::Blocked,
        From::Value(_) => Layout::Plain,
    };
    let fits_blocks =
        p.ty(id).rank() == 4 && values.iter().all(|&v| !matches!(role(p, v, id, CHANNELS), Role::Other));
    let wanted = if p.rings.contains_key(&id) { Layout::Blocked } else { wanted };
    let layout = if fits_blocks { wanted } else { Layout::Plain };
    let (to, start) = match from {
        From::Home(home) if home.layout == layout => (home, Some(home)),
        From::Home(home) => {
            let plain = leave_blocks(p, id, home)?;
            (plain, Some(plain))
        }
        From::Value(_) if p.rings.contains_key(&id) => (p.result(id, layout), None),
        From::Value(v) => (p.result_over(id, layout, &[v]), None),
    };
    let mut operands = Vec::new();
    for &value in &values {
        let source = match role(p, value, id, CHANNELS) {
            Role::Number(x) => Operand::Number(x.to_bits()),
            Role::Channel if layout == Layout::Blocked => Operand::Channel(super::pipe::channels(p, value)?),
            _ => Operand::Tensor(value, p.operand(value, layout)?),
        };
        operands.push(source);
    }
    if let Some(home) = start {
        operands.insert(0, Operand::Tensor(id, home));
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
    /// A tensor, which broadcasts to the result.
    Tensor(NodeId, Home),
}

/// Strides of a value along the extents of the result it broadcasts to.
pub(super) fn strides(p: &Planner, value: NodeId, result: NodeId) -> Vec<i64> {
    let (shape, rank) = (&p.ty(value).shape, p.ty(result).rank());
    let missing = rank - shape.rank();
    let own = shape.strides();
    let stride = |d: usize| match d.checked_sub(missing) {
        Some(k) if shape[k] != 1 => own[k] as i64,
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
    to: Home,
    operands: &[Operand],
    steps: &[Step],
) -> Result<Vec<Call>, String> {
    let lanes = p.target.lanes;
    let [n, channels, height, width] = super::conv::dims4(p, id);
    // By planes, or by rows where some of them are a ring's.
    let in_ring = |value: &NodeId| p.rings.contains_key(value);
    let by_rows = in_ring(&id) || operands.iter().any(|o| matches!(o, Operand::Tensor(v, _) if in_ring(v)));
    let (rows, vectors) = if by_rows { (height, width) } else { (1, height * width) };
    let (vector, unit) = (4 * lanes as i64, (4 * lanes * vectors) as i64);
    let index = |dim, stride| Term::Index { dim, stride };
    let moving = |value: NodeId, home: &Home| {
        let mut terms = Image::blocked(p, value).terms(home.image);
        terms.truncate(if by_rows { 3 } else { 2 });
        terms
    };
    let mut args = vec![write(to.place, moving(id, &to), 0..unit)];
    let mut sources = Vec::new();
    for operand in operands {
        let next = args.len() as u32;
        sources.push(match operand {
            Operand::Number(bits) => Source::Constant(*bits),
            Operand::Channel(place) => {
                args.push(read(*place, vec![index(1, vector)], 0..vector));
                Source::Channel(next)
            }
            Operand::Tensor(value, home) => {
                args.push(read(home.place, moving(*value, home), 0..unit));
                Source::Same(next)
            }
        });
    }
    let pipe = functions(steps, &sources[1..])?;
    let call = |(first, count, lanes): Pieces| {
        let kernel = Map { vectors, rest: 0, lanes, from: sources[0], pipe: pipe.clone() };
        let extents = [n, count, rows].map(|extent| extent as u64);
        let extents = extents[..if by_rows { 3 } else { 2 }].to_vec();
        let args = args.iter().map(|arg| arg.skipping(1, first)).collect();
        Call { kernel: kernel.into(), extents, window: None, args }
    };
    Ok(pieces(channels, lanes).map(call).collect())
}

fn plain(
    p: &Planner,
    id: NodeId,
    to: Home,
    operands: &[Operand],
    steps: &[Step],
) -> Result<Vec<Call>, String> {
    let lanes = p.target.lanes;
    let walk = |place: Place, strides: Vec<i64>| Walk { place, bytes: 4, strides };
    let mut walks = vec![walk(to.place, strides(p, id, id))];
    walks.extend(operands.iter().filter_map(|operand| match operand {
        Operand::Tensor(value, home) => Some(walk(home.place, strides(p, *value, id))),
        _ => None,
    }));
    let mut calls = Vec::new();
    for Run { length, strides, extents, args } in runs(p.ty(id).dims(), &walks) {
        let mut tensors = (1..).zip(&strides[1..]);
        let mut source = |operand: &Operand| match operand {
            Operand::Number(bits) => Ok(Source::Constant(*bits)),
            Operand::Channel(_) => Err("an operand of channels in a plain nest"),
            Operand::Tensor(..) => match tensors.next() {
                Some((arg, 0)) => Ok(Source::Scalar(arg)),
                Some((arg, 1)) => Ok(Source::Same(arg)),
                _ => Err("an operand that is neither a run nor one element"),
            },
        };
        let sources = operands.iter().map(&mut source).collect::<Result<Vec<_>, _>>()?;
        let kernel = Map {
            vectors: length / lanes,
            rest: length % lanes,
            lanes,
            from: sources[0],
            pipe: functions(steps, &sources[1..])?,
        };
        calls.push(Call { kernel: kernel.into(), extents, window: None, args });
    }
    Ok(calls)
}
