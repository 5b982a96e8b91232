//! sum-convolutions: the sum of two convolutions of one value is one convolution.
//!
//!     %a = conv %x, %v, %c, pad=1   =>   %y.p = pad %w, before=[0,0,1,1], after=[0,0,1,1]
//!     %b = conv %x, %w                   %y.w = add %v, %y.p
//!     %y = add %a, %b                    %y = conv %x, %y.w, %c, pad=1
//!
//! A kernel that is smaller, as in networks that are trained with branches of 3x3 and 1x1, is first padded with
//! zeros to the larger: with equal strides and dilations its taps are some of those. All but the last are arithmetic
//! on constants.
//!
//! Declines when a convolution has another reader or is a result, when weights are not constant or would leave their
//! element type, and when the windows do not lie on each other.

use crate::magnitude::{self, Magnitude};
use crate::{Decline, New, Patch, Rule, Value, facts};
use cnnc_ir::ops::{Add, Conv, Padding};
use cnnc_ir::{Expr, Graph, Module, NodeId, Op};

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let (Op::Add(_), true) = (graph[node].op(), facts::is_bare(graph, node)) else {
        return Err(Decline::NoMatch);
    };
    let operands = graph.operands(node);
    let (a, b) = (operands[0], operands[1]);
    let (Some(mut large), Some(mut small)) = (bare(graph, a), bare(graph, b)) else {
        return Err(Decline::NoMatch);
    };
    if large.operands[0] != small.operands[0] || a == b || graph.ty(a) != graph.ty(b) {
        return Err(Decline::NoMatch);
    }
    facts::read_once(graph, a)?;
    facts::read_once(graph, b)?;
    let mut constants = large.operands[1..].iter().chain(&small.operands[1..]);
    if !constants.all(|&id| facts::is_constant(graph, id)) {
        return Err(Decline::Because("their weights are not constant".into()));
    }
    if kernel(graph, &large) < kernel(graph, &small) {
        std::mem::swap(&mut large, &mut small);
    }
    let of = |e: &Expr, place: usize| {
        e.operands.get(place).map_or(Magnitude::ZERO, |&id| Magnitude::of(module, id))
    };
    let [weights, biases] = [1, 2].map(|place| of(&large, place).plus(of(&small, place)));
    magnitude::check(graph.ty(node).dtype, weights, biases)?;
    let mut new = New::default();
    let (before, after) = border(graph, &large, &small).ok_or_else(|| {
        Decline::Because(format!("the windows of %{} and %{} do not match", graph[a].name(), graph[b].name()))
    })?;
    let mut w = small.operands[1].into();
    if before.iter().chain(&after).any(|&n| n > 0) {
        w = new.add("p", Padding { before: before.to_vec(), after: after.to_vec(), value: 0.0 }, [w]);
    }
    let w = new.add("w", Add, [large.operands[1].into(), w]);
    let biases: Vec<Value> =
        [&large, &small].iter().filter_map(|e| e.operands.get(2)).map(|&id| id.into()).collect();
    let bias = match biases.len() {
        2 => vec![new.add("b", Add, biases)],
        _ => biases,
    };
    let operands = [large.operands[0].into(), w].into_iter().chain(bias).collect();
    Ok(new.becomes(Expr::new(large.op, operands)))
}

/// A convolution and nothing else.
fn bare(graph: &Graph, id: NodeId) -> Option<Expr> {
    (matches!(graph[id].op(), Op::Conv(_)) && facts::is_bare(graph, id)).then(|| graph.expr(id))
}

/// Taps of a convolution: rows and columns.
fn kernel(graph: &Graph, conv: &Expr) -> [usize; 2] {
    let dims = graph.ty(conv.operands[1]).dims();
    [dims[2], dims[3]]
}

/// The zeros by which the small kernel grows to the large one, before and after each dimension of the weights.
fn border(graph: &Graph, large: &Expr, small: &Expr) -> Option<([i64; 4], [i64; 4])> {
    let (Op::Conv(l), Op::Conv(s)) = (&large.op, &small.op) else { return None };
    let (ours, theirs) = (kernel(graph, large), kernel(graph, small));
    if l.stride != s.stride || l.groups != s.groups {
        return None;
    }
    let [dilation, other] = [l, s].map(|conv: &Conv| [conv.dilation.0, conv.dilation.1]);
    let [top, left] = [[l.pad.top, s.pad.top], [l.pad.left, s.pad.left]];
    let along = |d: usize, [padded, by]: [usize; 2]| {
        let rows = padded.checked_sub(by).filter(|rows| rows.is_multiple_of(dilation[d]))?;
        let first = rows / dilation[d];
        let spread = theirs[d] == 1 || other[d] == dilation[d];
        let rest = ours[d].checked_sub(theirs[d])?.checked_sub(first)?;
        spread.then_some((first as i64, rest as i64))
    };
    let (rows, columns) = (along(0, top)?, along(1, left)?);
    Some(([0, 0, rows.0, columns.0], [0, 0, rows.1, columns.1]))
}
