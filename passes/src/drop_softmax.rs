//! drop-softmax: where the greatest element stands is not changed by a softmax.
//!
//!     %p = softmax %x, axis=1    =>   %y = arg_max %x, axis=1
//!     %y = arg_max %p, axis=1
//!
//! So it is for the place of the first of `top_k`, and for a logarithm of softmax, whose arithmetic is
//! `x - max(x) - log(sum(exp(x - max(x))))`: exponentials, and differences from the same number, keep the order of
//! elements. What may differ are ties that rounding makes: the first of two nearly equal elements would win, and now
//! the greater one does; and elements that are NaN or infinite, of which a softmax makes NaN: ONNX does not say where
//! the greatest of those stands.
//!
//! Declines when the softmax has another reader or is a result, and when it goes along another axis. Where the least
//! element stands is another matter: those far below the greatest are all zero behind a softmax.

use crate::{Decline, Patch, Rule, facts};
use cnnc_ir::{Expr, Graph, Module, NodeId, Op};

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let axis = match graph[node].op() {
        Op::ArgMax(op) if !op.least => op.axis,
        Op::TopK(op) if op.places && op.k == 1 && !op.least => op.axis,
        _ => return Err(Decline::NoMatch),
    };
    let expr = graph.expr(node);
    let normal = expr.operands[0];
    let (x, along) = logits(graph, normal).ok_or(Decline::NoMatch)?;
    if along != axis {
        let name = graph[normal].name();
        return Err(Decline::Because(format!("%{name} goes along axis {along}, not {axis}")));
    }
    facts::read_once(graph, normal)?;
    Ok(Patch::becomes(Expr { operands: vec![x], ..expr }))
}

/// What a softmax, a logarithm of one, or the difference in it from the greatest element was computed from, and along
/// which axis.
fn logits(graph: &Graph, normal: NodeId) -> Option<(NodeId, i64)> {
    let bare = |id: NodeId| facts::is_bare(graph, id).then(|| (graph[id].op(), graph.operands(id)));
    let (op, operands) = bare(normal)?;
    match (op, &operands[..]) {
        (Op::Softmax(softmax), &[x]) => Some((x, softmax.axis)),
        (Op::Sub(_), &[x, shift]) if graph.ty(x).dtype.is_float() && graph.ty(x) == graph.ty(normal) => {
            match bare(shift)? {
                (Op::ReduceMax(max), of) if of == [x] && max.keep => Some((x, only(&max.axes)?)),
                (Op::Log(_), sum) => {
                    let (Op::ReduceSum(reduce), powers) = bare(sum[0])? else { return None };
                    let (Op::Exp(_), of) = bare(powers[0])? else { return None };
                    (of == [x] && reduce.keep).then_some((x, only(&reduce.axes)?))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The axis, where there is only one.
fn only(axes: &[i64]) -> Option<i64> {
    match axes {
        &[axis] => Some(axis),
        _ => None,
    }
}
