//! The pipe behind a node, as pointwise functions of a kernel and the arguments that they read.

use super::reorder;
use crate::kernels::pointwise::{Binary, Pointwise, Source};
use crate::plan::{Access, Arg, Layout, Place, Planner, Term, weights};
use crate::vasm::math::Function;
use cnnc_ir::{DType, NodeId, Op, Stage, Type};
use std::ops::Range;

/// How a kernel's unit sees the operands of a pipe.
pub(super) struct View<'a> {
    /// The layout of the result.
    pub layout: Layout,
    /// How the address of the result moves where its images are so many bytes apart: operands of the same shape move
    /// alike, but that their images are as far apart as their own homes say.
    pub same: &'a dyn Fn(i64) -> Vec<Term>,
    /// Bytes that a unit touches there.
    pub same_span: Range<i64>,
    /// The dimension of the result that its channels are.
    pub axis: usize,
    /// How the address of a vector of channels moves, and the bytes touched; `None`: a unit has no fixed channels.
    pub channel: Option<(&'a [Term], Range<i64>)>,
    /// The argument that the first operand of the pipe will be.
    pub first_arg: u32,
}

/// Stages as a kernel takes them: its functions, and the arguments behind its own.
#[derive(Default)]
pub(super) struct Pipe {
    pub functions: Vec<Pointwise>,
    pub args: Vec<Arg>,
    /// Operands read at the very place that is written: the result may take the place of one.
    pub same: Vec<NodeId>,
}

impl Pipe {
    /// Operands whose place the result may take. A heavy function takes results back after storing them: they must
    /// not overwrite what it still reads.
    pub(super) fn replaceable(&self) -> &[NodeId] {
        if self.functions.iter().any(Pointwise::is_heavy) { &[] } else { &self.same }
    }
}

/// The function of an operator whose second operand, if it has one, is `source`; `swapped` when the piped value is
/// the second operand.
pub(super) fn pointwise(op: &Op, source: Option<Source>, swapped: bool) -> Option<Pointwise> {
    let binary = |straight, turned| {
        let op = if swapped { turned } else { straight };
        source.map(|s| Pointwise::Binary(op, s))
    };
    match op {
        Op::Relu(_) => Some(Pointwise::Relu),
        Op::Clip(c) => Some(Pointwise::Clip(c.min.to_bits(), c.max.to_bits())),
        Op::LeakyRelu(l) => Some(Pointwise::LeakyRelu(l.alpha.to_bits())),
        Op::Elu(e) => Some(Pointwise::Elu(e.alpha.to_bits())),
        Op::Sqrt(_) => Some(Pointwise::Sqrt),
        Op::Rsqrt(r) => Some(Pointwise::Rsqrt(r.eps.to_bits())),
        Op::Add(_) => binary(Binary::Add, Binary::Add),
        Op::Sub(_) => binary(Binary::Sub, Binary::SubFrom),
        Op::Mul(_) => binary(Binary::Mul, Binary::Mul),
        Op::Div(_) => binary(Binary::Div, Binary::DivInto),
        Op::Max(_) if !swapped => binary(Binary::Max, Binary::Max),
        Op::Min(_) if !swapped => binary(Binary::Min, Binary::Min),
        Op::Prelu(_) if !swapped => binary(Binary::Prelu, Binary::Prelu),
        Op::Pow(_) => binary(Binary::Pow, Binary::PowOf),
        Op::Abs(_) => Some(Pointwise::Abs),
        Op::Neg(_) => Some(Pointwise::Neg),
        Op::Sign(_) => Some(Pointwise::Sign),
        Op::Floor(_) => Some(Pointwise::Floor),
        Op::Ceil(_) => Some(Pointwise::Ceil),
        Op::Round(_) => Some(Pointwise::Round),
        _ => function(op).map(Pointwise::Function),
    }
}

/// The function of many instructions that an operator is.
fn function(op: &Op) -> Option<Function> {
    Some(match op {
        Op::Exp(_) => Function::Exp,
        Op::Log(_) => Function::Log,
        Op::Sigmoid(_) => Function::Sigmoid,
        Op::Softplus(_) => Function::Softplus,
        Op::Erf(_) => Function::Erf,
        Op::Sin(_) => Function::Sin,
        Op::Cos(_) => Function::Cos,
        Op::Tan(_) => Function::Tan,
        Op::Asin(_) => Function::Asin,
        Op::Acos(_) => Function::Acos,
        Op::Atan(_) => Function::Atan,
        Op::Sinh(_) => Function::Sinh,
        Op::Cosh(_) => Function::Cosh,
        Op::Tanh(_) => Function::Tanh,
        Op::Asinh(_) => Function::Asinh,
        Op::Acosh(_) => Function::Acosh,
        Op::Atanh(_) => Function::Atanh,
        _ => return None,
    })
}

/// Whether a kernel can apply an operator to what it computes, its operands apart from the piped value being these.
pub(super) fn is_vector(p: &Planner, op: &Op, operands: &[NodeId]) -> bool {
    let source = (!operands.is_empty()).then_some(Source::Constant(0));
    operands.iter().all(|&o| p.ty(o).dtype == DType::F32) && pointwise(op, source, false).is_some()
}

/// What an operand is to a result, apart from where it lies.
pub(super) enum Role {
    /// One number, known now.
    Number(f32),
    /// The shape of the result.
    Same,
    /// One number a channel: the other extents are 1.
    Channel,
    /// Anything else that broadcasts.
    Other,
}

/// The dimension that is the channels of an image, and the columns of a matrix.
pub(super) const CHANNELS: usize = 1;

/// The role of an operand, where dimension `axis` of the result is its channels.
pub(super) fn role(p: &Planner, operand: NodeId, result: NodeId, axis: usize) -> Role {
    let (ty, shape) = (p.ty(operand), &p.ty(result).shape);
    if ty.elements() == 1
        && let Some(Ok(tensor)) = p.constant(operand)
    {
        return Role::Number(tensor.slice::<f32>()[0]);
    }
    if ty.shape == *shape {
        return Role::Same;
    }
    // Seen from the innermost extent, all are 1 but the one that stands where the channels do.
    let behind = shape.rank().saturating_sub(axis + 1);
    let channels = shape.dims().get(axis).copied().unwrap_or(0);
    let is_channel = ty.rank() > behind
        && ty.dims().iter().rev().enumerate().all(|(i, &d)| d == if i == behind { channels } else { 1 });
    if is_channel { Role::Channel } else { Role::Other }
}

/// As many stages as the kernel can take; answers how many those are.
pub(super) fn fuse(
    p: &mut Planner,
    id: NodeId,
    stages: &[Stage],
    view: &View,
) -> Result<(Pipe, usize), String> {
    let mut pipe = Pipe::default();
    for (index, stage) in stages.iter().enumerate() {
        if !is_vector(p, &stage.op, &stage.operands) {
            return Ok((pipe, index));
        }
        let source = match stage.operands.first() {
            None => None,
            Some(&operand) => match source(p, id, operand, view, &mut pipe)? {
                Some(source) => Some(source),
                None => return Ok((pipe, index)),
            },
        };
        match pointwise(&stage.op, source, false) {
            Some(function) => pipe.functions.push(function),
            None => return Err(format!("stage {} is not compiled yet", stage.op.name())),
        }
    }
    Ok((pipe, stages.len()))
}

/// Where a kernel finds an operand; `None` when it cannot.
fn source(
    p: &mut Planner,
    id: NodeId,
    operand: NodeId,
    view: &View,
    pipe: &mut Pipe,
) -> Result<Option<Source>, String> {
    let next = view.first_arg + pipe.args.len() as u32;
    Ok(match role(p, operand, id, view.axis) {
        Role::Number(x) => Some(Source::Constant(x.to_bits())),
        Role::Same => {
            let home = p.operand(operand, view.layout)?;
            pipe.args.push(read(home.place, (view.same)(home.image), view.same_span.clone()));
            pipe.same.push(operand);
            Some(Source::Same(next))
        }
        Role::Channel => {
            let Some((terms, span)) = &view.channel else { return Ok(None) };
            let place = channels(p, operand)?;
            pipe.args.push(read(place, terms.to_vec(), span.clone()));
            Some(Source::Channel(next))
        }
        Role::Other => None,
    })
}

/// One number a channel, filled up to whole vectors.
pub(super) fn channels(p: &mut Planner, operand: NodeId) -> Result<Place, String> {
    if p.module.graph[operand].is_const() {
        let words = p.ty(operand).elements().next_multiple_of(p.target.lanes);
        return p.pack(operand, "channels", words, |t, words| weights::copy(t.slice(), words));
    }
    let channels = p.ty(operand).elements();
    if p.layout(operand) == Some(Layout::Blocked) && p.ty(operand).dims()[1] == channels {
        // Of a single image.
        return p.operand(operand, Layout::Blocked).map(|home| home.place);
    }
    let plain = p.plain(operand)?;
    if channels.is_multiple_of(p.target.lanes) {
        return Ok(plain);
    }
    let name = format!("{}.channels", p.name(operand));
    let ty = Type::new(DType::F32, [1, channels]).map_err(|m| m.0)?;
    let filled = p.arena(&name, &ty, Layout::Blocked);
    reorder::reorder(p, &name, &ty, p.home(plain, &ty, Layout::Plain), filled)?;
    Ok(filled.place)
}

/// An address that is read.
pub(super) fn read(place: Place, terms: Vec<Term>, span: Range<i64>) -> Arg {
    Arg::Address { place, terms, access: Access::Read, span }
}

/// An address that is written.
pub(super) fn write(place: Place, terms: Vec<Term>, span: Range<i64>) -> Arg {
    Arg::Address { place, terms, access: Access::Write, span }
}

/// An address that is read and written over.
pub(super) fn update(place: Place, terms: Vec<Term>, span: Range<i64>) -> Arg {
    Arg::Address { place, terms, access: Access::Update, span }
}
