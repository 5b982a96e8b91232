//! drop-identity: remove nodes that compute their operand.
//!
//!     %a = conv %x, %w   =>   %a = conv %x, %w
//!     %b = dropout %a         %y = relu %a
//!     %y = relu %b
//!
//! Such are identity and dropout; cast, reshape and pad to the type that the operand has; transpose that leaves the
//! dimensions where they are; slice of everything; concat of one. What they computed goes by the operand's name.
//!
//! A slice that runs backwards keeps the type but is none.

use crate::{Decline, Patch, Rule, facts};
use cnnc_ir::{Module, NodeId, Op};

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let in_place = match graph[node].op() {
        Op::Identity(_) | Op::Dropout(_) | Op::Cast(_) | Op::Reshape(_) | Op::Padding(_) | Op::Concat(_) => {
            true
        }
        Op::Transpose(transpose) => transpose.perm.is_sorted(),
        Op::Slice(slice) => slice.steps.iter().all(|&step| step > 0),
        _ => false,
    };
    match graph.operands(node)[..] {
        [x] if in_place && graph.ty(x) == graph.ty(node) && facts::is_bare(graph, node) => {
            Ok(Patch::replace_by(x))
        }
        _ => Err(Decline::NoMatch),
    }
}
