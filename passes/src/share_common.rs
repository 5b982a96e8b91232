//! share-common: what is computed twice is computed once.
//!
//!     %a = relu %x            =>   %a = relu %x
//!     %b = relu %x                 %y = add %a, %a
//!     %y = add %a, %b
//!
//! Alike are nodes of one operator with equal attributes, operands and stages; the operands of `add` and `mul` in
//! either order. What is computed from what turned out alike is compared as such. The first of them stays.
//!
//! Constants are alike that say the same elements, and those that stand for one tensor. They are compared and no
//! more: two of them are no work, and folding makes others all the time.
//!
//! Never declines. Inputs are the caller's, and never alike. Numbers are compared by what they print: 0 is not -0.

use crate::{Edits, Patch, Rule};
use cnnc_ir::ops::Init;
use cnnc_ir::{Expr, Module, NodeId, Op, Stage};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) const RULE: Rule = Rule::Graph(rule);

fn rule(module: &Module) -> Edits {
    let graph = &module.graph;
    let mut edits = Edits::default();
    // What stands for a node that is not the first of its kind.
    let mut first: HashMap<NodeId, NodeId> = HashMap::new();
    let mut seen: HashMap<(String, Vec<NodeId>), NodeId> = HashMap::new();
    for &id in graph.order() {
        let Expr { op, operands, stages } = graph.expr(id);
        let Some(words) = words(module, id, &op, &stages) else { continue };
        let extra = stages.into_iter().flat_map(|stage| stage.operands);
        let mut operands: Vec<NodeId> =
            operands.into_iter().chain(extra).map(|o| first.get(&o).copied().unwrap_or(o)).collect();
        if matches!(op, Op::Add(_) | Op::Mul(_)) {
            operands[..2].sort_unstable();
        }
        match seen.get(&(words.clone(), operands.clone())) {
            Some(&other) => {
                first.insert(id, other);
                if !graph[id].is_const() {
                    edits.patches.push((id, Patch::replace_by(other)));
                }
            }
            None => {
                seen.insert((words, operands), id);
            }
        }
    }
    edits
}

/// What a node computes of its operands; nothing for what is like no other.
fn words(module: &Module, id: NodeId, op: &Op, stages: &[Stage]) -> Option<String> {
    let stages: Vec<&Op> = stages.iter().map(|stage| &stage.op).collect();
    match op {
        Op::Input(_) => None,
        Op::Const(constant) if constant.init == Init::Weights => {
            let tensor = module.weights.get(module.graph[id].name())?;
            Some(format!("{op:?} {:p}", Arc::as_ptr(tensor)))
        }
        _ => Some(format!("{op:?} {stages:?}")),
    }
}
