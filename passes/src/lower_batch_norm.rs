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
//! Never declines: after it there is no batch_norm.

use crate::fold_batch_norm::{scale, shift};
use crate::{Decline, New, Patch, Rule, Value};
use cnnc_ir::ops::{Add, Mul, Reshape};
use cnnc_ir::{Expr, Module, NodeId, Op, Stage};

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let Op::BatchNorm(norm) = graph[node].op() else { return Err(Decline::NoMatch) };
    let Expr { operands, stages, .. } = graph.expr(node);
    let mut shape = vec![1; graph.ty(node).rank()];
    shape[1] = graph.ty(node).dims()[1] as i64;
    let mut new = New::default();
    let s = scale(&mut new, norm, &operands);
    let b = shift(&mut new, &operands, None, s);
    let scale = new.add("scale", Reshape { shape: shape.clone() }, [s]);
    let shift = new.add("shift", Reshape { shape }, [b]);
    let mut expr = Expr::new(Mul, vec![operands[0].into(), scale]);
    expr.stages.push(Stage { op: Add.into(), operands: vec![shift] });
    expr.stages.extend(
        stages.into_iter().map(|stage| Stage {
            op: stage.op,
            operands: stage.operands.into_iter().map(Value::Old).collect(),
        }),
    );
    Ok(new.becomes(expr))
}
