//! fold-affine: a constant for each channel that scales or shifts a linear operator moves into its operands.
//!
//!     %a = conv %x, %w, %b   =>   %y.w = mul %w, %k       (of %k as [O,1,1,1])
//!     %y = mul %a, %k             %y.b = mul %b, %k       (of %k as [O])
//!                                 %y = conv %x, %y.w, %y.b
//!
//!     %a = conv %x, %w, %b   =>   %y.b = add %b, %k
//!     %y = add %a, %k             %y = conv %x, %w, %y.b
//!
//! Linear are conv, gemm, a matmul of matrices, which becomes a gemm, and batch_norm. `div` goes as `mul`, `sub` as
//! `add`. A convolution without bias gets one: this is also how a bias that stands as a node of its own is found.
//!
//! Declines when the linear node has another reader or is a result; when what would change is not constant, or would
//! leave its element type; and a scale in front of a rounding, where ties of the network would be none any more:
//!
//!     %a = conv %x, %w     in steps of 0.01, here 0.05
//!     %b = div %a, %s      by 0.1: 0.5
//!     %y = round %b        0, but 1 of the sum of products with 0.01 / 0.1 where that is 0.5000001

use crate::magnitude::{self, Magnitude};
use crate::{Decline, New, Patch, Rule, Value, facts};
use cnnc_ir::ops::{Const, Gemm, Init, Reshape};
use cnnc_ir::{Expr, Graph, Module, NodeId, Op, Type};

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let op = graph[node].op();
    let (scales, commutes) = match op {
        Op::Mul(_) => (true, true),
        Op::Div(_) => (true, false),
        Op::Add(_) => (false, true),
        Op::Sub(_) => (false, false),
        _ => return Err(Decline::NoMatch),
    };
    let Expr { operands, stages, .. } = graph.expr(node);
    let (a, b) = (operands[0], operands[1]);
    let matches = |&(y, k): &(NodeId, NodeId)| {
        is_linear(graph, y)
            && facts::per_channel(graph.ty(k), graph.ty(y)).is_some()
            && facts::is_constant(graph, k)
    };
    let pair = [(a, b), (b, a)].into_iter().take(if commutes { 2 } else { 1 }).find(matches);
    let (Some((y, k)), true) = (pair, stages.is_empty()) else { return Err(Decline::NoMatch) };
    facts::read_once(graph, y)?;
    let linear = graph.expr(y);
    let changes = if scales { &linear.operands[1..] } else { linear.operands.get(2..).unwrap_or(&[]) };
    if !changes.iter().all(|&id| facts::is_constant(graph, id)) {
        return Err(Decline::Because(format!("the weights of %{} are not constant", graph[y].name())));
    }

    if scales {
        facts::not_rounded(graph, node)?;
    }
    check(module, op, &linear.operands, k)?;

    let count = graph.ty(k).elements();
    let channels = graph.ty(y).dims()[1];
    let mut new = New::default();
    let mut operands: Vec<Value> = linear.operands.iter().map(|&id| id.into()).collect();
    if scales {
        let k = broadcasting(graph, &mut new, "k", k, weight_shape(&linear.op, count));
        operands[1] = new.add("w", op.clone(), [operands[1], k]);
    }
    let bias = operands.get(2).copied();
    if bias.is_none() && matches!(op, Op::Add(_)) && count == channels {
        operands.push(shaped(graph, &mut new, "b", k, vec![channels]));
    } else if bias.is_some() || !scales {
        let old = bias.map_or_else(|| zeros(&mut new, graph.ty(y), channels), Ok)?;
        let k = broadcasting(graph, &mut new, "k1", k, vec![count]);
        operands.splice(2..operands.len().min(3), [new.add("b", op.clone(), [old, k])]);
    }
    let op = match linear.op {
        Op::Matmul(_) => Gemm::default().into(),
        op => op,
    };
    Ok(new.becomes(Expr::new(op, operands)))
}

/// Declines unless the operands that change stay in their type.
fn check(module: &Module, op: &Op, linear: &[NodeId], k: NodeId) -> Result<(), Decline> {
    let (of, dtype) = (|id| Magnitude::of(module, id), module.graph.ty(k).dtype);
    let (weights, bias) = (linear[1], linear.get(2).copied());
    let k = of(k);
    let scaled = |factor: Magnitude| {
        let scaled = |id| of(id).times(factor);
        magnitude::check(dtype, scaled(weights), bias.map_or(Magnitude::ZERO, scaled))
    };
    match (op, bias) {
        (Op::Mul(_), _) => scaled(k),
        (Op::Div(_), _) => scaled(k.inverse()),
        // Without a bias it becomes one as it is.
        (_, None) => Ok(()),
        (_, Some(bias)) => magnitude::check(dtype, Magnitude::ZERO, of(bias).plus(k)),
    }
}

/// Whether a node is linear in its operand 0 and, as operands 1 and 2, has what it multiplies and adds.
fn is_linear(graph: &Graph, id: NodeId) -> bool {
    let is = match graph[id].op() {
        Op::Conv(_) | Op::Gemm(_) | Op::BatchNorm(_) => true,
        Op::Matmul(_) => graph.operands(id).iter().all(|&operand| graph.ty(operand).rank() == 2),
        _ => false,
    };
    is && facts::is_bare(graph, id)
}

/// The shape in which `count` numbers for the channels of the result scale the operator's weights.
fn weight_shape(op: &Op, count: usize) -> Vec<usize> {
    match op {
        Op::Conv(_) => vec![count, 1, 1, 1],
        Op::Gemm(gemm) if gemm.trans_b => vec![count, 1],
        Op::Gemm(_) | Op::Matmul(_) => vec![1, count],
        _ => vec![count],
    }
}

/// A value in a shape of as many elements.
fn shaped(graph: &Graph, new: &mut New, suffix: &'static str, value: NodeId, dims: Vec<usize>) -> Value {
    if graph.ty(value).dims() == dims {
        return value.into();
    }
    let shape = dims.into_iter().map(|n| n as i64).collect();
    new.add(suffix, Reshape { shape }, [value.into()])
}

/// A value in a shape of as many elements, or as it is if it is a single number that broadcasts to it anyway.
fn broadcasting(
    graph: &Graph,
    new: &mut New,
    suffix: &'static str,
    value: NodeId,
    dims: Vec<usize>,
) -> Value {
    let ty = graph.ty(value);
    match ty.elements() == 1 && ty.rank() <= dims.len() {
        true => value.into(),
        false => shaped(graph, new, suffix, value, dims),
    }
}

/// A bias that changes nothing.
fn zeros(new: &mut New, ty: &Type, channels: usize) -> Result<Value, Decline> {
    let ty = ty.with_dims([channels])?;
    Ok(new.add("zero", Const { ty, init: Init::Splat(0.0) }, []))
}
