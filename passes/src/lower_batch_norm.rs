//! lower-batch-norm: a batch norm becomes a product and a sum.
//!
//!     %y = batch_norm %x, %gamma, %beta, %mean, %var   =>   %y.rstd = rsqrt %var, eps=..
//!                                                           %y.s = mul %gamma, %y.rstd
//!                                                           %y.m = mul %mean, %y.s
//!                                                           %y.b = sub %beta, %y.m
//!                                                           %y.scale = reshape %y.s, shape=[1,C,1,1]
//!                                                           %y.shift = reshape %y.b, shape=[1,C,1,1]
//!                                                           %y = mul %x, %y.scale |> add %y.shift
//!
//! Of f16 it becomes a difference, a product and a sum, for `mean * s` may be past its largest number, 65504:
//!
//!     %y = sub %x, %y.mean |> mul %y.scale |> add %y.shift
//!
//! Where the stages behind it leave no room for more in a pipe, the arithmetic is a node of its own, `%y.n`, and the
//! first of them the operator of `%y`.
//!
//! Of a channel whose mean is far larger than its deviation, `x * s` and `beta - mean * s` are large and cancel: their
//! sum is less precise than the difference first would be.
//!
//! Never declines: after it there is no batch_norm.

use crate::fold_batch_norm::{scale, shift};
use crate::{Decline, New, Patch, Rule, Value};
use cnnc_ir::ops::{Add, Mul, Reshape, Sub};
use cnnc_ir::{DType, Expr, LONGEST_PIPE, Module, NodeId, Op, Stage};
use std::iter::once;

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let Op::BatchNorm(norm) = graph[node].op() else { return Err(Decline::NoMatch) };
    let Expr { operands, stages, .. } = graph.expr(node);
    let mut shape = vec![1; graph.ty(node).rank()];
    shape[1] = graph.ty(node).dims()[1] as i64;
    let mut new = New::default();
    let s = scale(&mut new, norm, &operands);
    let is_half = graph.ty(node).dtype == DType::F16;
    let b = if is_half { operands[2].into() } else { shift(&mut new, &operands, None, s) };
    let reshape = Reshape { shape };
    let scale = new.add("scale", reshape.clone(), [s]);
    let shift = new.add("shift", reshape.clone(), [b]);
    let mut expr = if is_half {
        let mean = new.add("mean", reshape, [operands[3].into()]);
        let mut expr = Expr::new(Sub, vec![operands[0].into(), mean]);
        expr.stages.push(Stage { op: Mul.into(), operands: vec![scale] });
        expr
    } else {
        Expr::new(Mul, vec![operands[0].into(), scale])
    };
    expr.stages.push(Stage { op: Add.into(), operands: vec![shift] });
    let mut stages = stages
        .into_iter()
        .map(|stage| Stage { op: stage.op, operands: stage.operands.into_iter().map(Value::Old).collect() });
    if expr.stages.len() + stages.len() > LONGEST_PIPE
        && let Some(Stage { op, operands }) = stages.next()
    {
        let norm = new.add_pipe("n", expr);
        expr = Expr::new(op, once(norm).chain(operands).collect());
    }
    expr.stages.extend(stages);
    Ok(new.becomes(expr))
}
