//! fold-batch-norm: a batch norm of constants behind a convolution becomes part of its weights.
//!
//!     %a = conv %x, %w, %b                            =>   %y.rstd = rsqrt %var, eps=..
//!     %y = batch_norm %a, %gamma, %beta, %mean, %var       %y.s = mul %gamma, %y.rstd
//!                                                          %y.s4 = reshape %y.s, shape=[O,1,1,1]
//!                                                          %y.w = mul %w, %y.s4
//!                                                          %y.c = sub %mean, %b
//!                                                          %y.m = mul %y.c, %y.s
//!                                                          %y.b = sub %beta, %y.m
//!                                                          %y = conv %x, %y.w, %y.b
//!
//! All but the last are arithmetic on constants. Declines when the convolution has another reader or is a result,
//! when weights or statistics are not constant, and when the weights would leave their element type. (In
//! front of a rounding it is folded all the same: statistics of training make no ties, see fold-affine.)

use crate::magnitude::{self, Magnitude};
use crate::{Decline, New, Patch, Rule, Value, facts};
use cnnc_ir::ops::{BatchNorm, Mul, Reshape, Rsqrt, Sub};
use cnnc_ir::{Expr, Module, NodeId, Op};

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let Op::BatchNorm(norm) = graph[node].op() else { return Err(Decline::NoMatch) };
    let Expr { operands, stages, .. } = graph.expr(node);
    let conv = operands[0];
    if !matches!(graph[conv].op(), Op::Conv(_)) || !facts::is_bare(graph, conv) || !stages.is_empty() {
        return Err(Decline::NoMatch);
    }
    facts::read_once(graph, conv)?;
    if !operands[1..].iter().all(|&id| facts::is_constant(graph, id)) {
        return Err(Decline::Because("its statistics are not constant".into()));
    }
    let Expr { op, operands: of_conv, .. } = graph.expr(conv);
    if !of_conv[1..].iter().all(|&id| facts::is_constant(graph, id)) {
        return Err(Decline::Because(format!("the weights of %{} are not constant", graph[conv].name())));
    }
    let (x, w, channels) = (of_conv[0], of_conv[1], graph.ty(node).dims()[1]);
    let of = |id| Magnitude::of(module, id);
    let [gamma, beta, mean, var] = [1, 2, 3, 4].map(|place| of(operands[place]));
    let factor = gamma.times(var.inverse_root(norm.eps));
    let moved = of_conv.get(2).map_or(mean, |&bias| mean.plus(of(bias)));
    magnitude::check(graph.ty(node).dtype, of(w).times(factor), moved.times(factor).plus(beta))?;
    let mut new = New::default();
    let s = scale(&mut new, norm, &operands);
    let s4 = new.add("s4", Reshape { shape: vec![channels as i64, 1, 1, 1] }, [s]);
    let w = new.add("w", Mul, [w.into(), s4]);
    let b = shift(&mut new, &operands, of_conv.get(2).copied(), s);
    Ok(new.becomes(Expr::new(op, vec![x.into(), w, b])))
}

/// What a batch norm multiplies each channel by.
pub(crate) fn scale(new: &mut New, norm: &BatchNorm, operands: &[NodeId]) -> Value {
    let rstd = new.add("rstd", Rsqrt { eps: norm.eps }, [operands[4].into()]);
    new.add("s", Mul, [operands[1].into(), rstd])
}

/// What a batch norm adds to each channel of a tensor that still lacks `bias`.
pub(crate) fn shift(new: &mut New, operands: &[NodeId], bias: Option<NodeId>, scale: Value) -> Value {
    let mean = match bias {
        Some(b) => new.add("c", Sub, [operands[3].into(), b.into()]),
        None => operands[3].into(),
    };
    let m = new.add("m", Mul, [mean, scale]);
    new.add("b", Sub, [operands[2].into(), m])
}
