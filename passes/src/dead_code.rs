//! dead-code: remove what no result depends on.
//!
//!     %a = relu %x       =>   %y = tanh %x
//!     %y = tanh %x            return %y
//!     return %y
//!
//! Inputs stay: they are the signature of the graph.

use crate::{Edits, Rule};
use cnnc_ir::{Module, NodeId, Op};
use std::collections::HashSet;

pub(crate) const RULE: Rule = Rule::Graph(rule);

fn rule(module: &Module) -> Edits {
    let graph = &module.graph;
    let mut needed: HashSet<NodeId> = HashSet::new();
    let mut pending = graph.outputs().to_vec();
    while let Some(id) = pending.pop() {
        if needed.insert(id) {
            pending.extend(graph.operands(id));
        }
    }
    let dead = |id: &NodeId| !needed.contains(id) && !matches!(graph[*id].op(), Op::Input(_));
    Edits { dead: graph.order().iter().copied().filter(dead).collect(), ..Edits::default() }
}
