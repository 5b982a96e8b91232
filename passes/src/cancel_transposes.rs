//! cancel-transposes: one transpose for a chain of them, and none where they cancel.
//!
//!     %a = transpose %x, perm=[0,2,3,1]   =>   %y = relu %x
//!     %b = relu %a
//!     %y = transpose %b, perm=[0,3,1,2]
//!
//! Two rules, each of which brings a transpose nearer to the results. A transpose of a transpose reads what that
//! reads, by both orders at once. An element-wise operator on transposed operands works on what they read, and its
//! result is transposed; constants go the other way, single numbers as they are.
//!
//! Declines where a transpose before an element-wise operator has another reader or is a result, for then there would
//! be one more, and where it meets an operand that is in another order.

use crate::{Decline, New, Patch, Rule, Value, facts};
use cnnc_ir::ops::{Reshape, Transpose};
use cnnc_ir::{Expr, Graph, Module, NodeId, Op};

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    match graph[node].op() {
        Op::Transpose(transpose) if facts::is_bare(graph, node) => compose(graph, node, &transpose.perm),
        op if op.is_elementwise() && facts::is_bare(graph, node) => sink(graph, node),
        _ => Err(Decline::NoMatch),
    }
}

/// The order in which a node transposes its operand, if that is all it does.
fn perm(graph: &Graph, id: NodeId) -> Option<&[i64]> {
    match graph[id].op() {
        Op::Transpose(transpose) if facts::is_bare(graph, id) => Some(&transpose.perm),
        _ => None,
    }
}

/// A transpose of a transpose.
fn compose(graph: &Graph, node: NodeId, outer: &[i64]) -> Result<Patch, Decline> {
    let inner = graph.operands(node)[0];
    let perm = perm(graph, inner).ok_or(Decline::NoMatch)?;
    let x = graph.operands(inner)[0];
    let both: Vec<i64> = outer.iter().map(|&d| perm[d as usize]).collect();
    match both.is_sorted() {
        true => Ok(Patch::replace_by(x)),
        false => Ok(Patch::becomes(Expr::new(Transpose { perm: both }, vec![x]))),
    }
}

/// An element-wise operator on transposed operands.
fn sink(graph: &Graph, node: NodeId) -> Result<Patch, Decline> {
    let Expr { op, operands, .. } = graph.expr(node);
    let ty = graph.ty(node);
    let transposed = |&o: &NodeId| Some((o, perm(graph, o).filter(|_| graph.ty(o).dims() == ty.dims())?));
    let (first, perm) = operands.iter().find_map(transposed).ok_or(Decline::NoMatch)?;
    let mut new = New::default();
    let mut straight = Vec::new();
    for &operand in &operands {
        let name = graph[operand].name();
        let moved = if self::perm(graph, operand) == Some(perm) && graph.ty(operand).dims() == ty.dims() {
            // Both operands may be the same transpose: then it has two readers, and both are this node.
            let others = graph.readers(operand).any(|reader| reader != node) || graph.is_output(operand);
            if others {
                facts::read_once(graph, operand)?;
            }
            graph.operands(operand)[0].into()
        } else if graph.ty(operand).elements() == 1 {
            operand.into()
        } else if facts::is_constant(graph, operand) {
            inverse(graph, &mut new, operand, perm)
        } else {
            let first = graph[first].name();
            return Err(Decline::Because(format!("%{name} is not in the order of %{first}")));
        };
        straight.push(moved);
    }
    let transposed = new.add("straight", op, straight);
    Ok(new.becomes(Expr::new(Transpose { perm: perm.to_vec() }, vec![transposed])))
}

/// A constant that broadcasts, in the order from which `perm` brings it back.
fn inverse(graph: &Graph, new: &mut New, constant: NodeId, perm: &[i64]) -> Value {
    let dims = graph.ty(constant).dims();
    let missing = perm.len() - dims.len();
    let mut value = constant.into();
    if missing > 0 {
        let shape = std::iter::repeat_n(1, missing).chain(dims.iter().map(|&n| n as i64)).collect();
        value = new.add("wide", Reshape { shape }, [value]);
    }
    let mut back = vec![0; perm.len()];
    for (d, &source) in perm.iter().enumerate() {
        back[source as usize] = d as i64;
    }
    new.add("turned", Transpose { perm: back }, [value])
}
