//! activate-parts: an activation behind a concatenation goes in front of it.
//!
//!     %a = conv %x, %v                =>   %a = conv %x, %v
//!     %b = conv %x, %w                     %b = conv %x, %w
//!     %c = concat %a, %b, axis=1           %y.in = relu %a
//!     %y = relu %c                         %y.in.2 = relu %b
//!                                          %y = concat %y.in, %y.in.2, axis=1
//!
//! There each part becomes an epilogue, and the concatenation, which then has nothing to compute, is left to the
//! planner, which makes its operands where it wants them. It stands for every element-wise operator of one operand.
//! (Behind a max pool a relu stays: a pool has epilogues too, and fewer elements.)
//!
//! Declines when the concatenation or one of its operands has another reader or is a result, and when an operand
//! could not take it.

use crate::{Decline, New, Patch, Rule, facts, fuse_epilogue};
use cnnc_ir::{Expr, Module, NodeId, Op};

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let Expr { op, operands, stages } = graph.expr(node);
    let [whole] = operands[..] else { return Err(Decline::NoMatch) };
    let parts = matches!(graph[whole].op(), Op::Concat(_)) && facts::is_bare(graph, whole);
    if !parts || !op.is_elementwise() || !stages.is_empty() {
        return Err(Decline::NoMatch);
    }
    facts::read_once(graph, whole)?;
    let mut new = New::default();
    let mut active = Vec::new();
    for part in graph.operands(whole) {
        facts::read_once(graph, part)?;
        if fuse_epilogue::weight(graph, part) == 0 && !matches!(graph[part].op(), Op::Concat(_)) {
            let (name, op) = (graph[part].name(), graph[part].op().name());
            return Err(Decline::Because(format!("%{name}, a part of it, is {op} and takes no epilogue")));
        }
        active.push(new.add("in", op.clone(), [part.into()]));
    }
    Ok(new.becomes(Expr::new(graph[whole].op().clone(), active)))
}
