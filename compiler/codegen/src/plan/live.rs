//! How many bytes of values are alive while each node is computed: what the plan knows of memory before there are
//! buffers.
//!
//! ```text
//! alive at n = bytes of all values computed up to n that n or a later node reads
//! ```
//!
//! A sum that replaces an operand takes nothing more, nor does a concatenation, whose operands are computed in its
//! place. Constants, and what the caller owns, count nothing. Groups would need less.

use cnnc_ir::{Graph, NodeId, Op};
use std::collections::HashMap;

/// The bytes alive at each node of a graph.
pub(super) struct Live {
    alive: HashMap<NodeId, u64>,
    /// The position of the last reader of each value.
    last: HashMap<NodeId, usize>,
    position: HashMap<NodeId, usize>,
    /// The most of all nodes.
    pub peak: u64,
}

impl Live {
    /// Looks at a graph.
    pub(super) fn of(graph: &Graph) -> Live {
        let order = graph.order();
        let position: HashMap<NodeId, usize> = order.iter().enumerate().map(|(i, &id)| (id, i)).collect();
        let mut last: HashMap<NodeId, usize> = HashMap::new();
        for &id in order.iter().rev() {
            let end = |reader: NodeId| match graph[reader].op() {
                Op::Concat(_) => last[&reader],
                _ => position[&reader],
            };
            let end = graph.readers(id).map(end).max().unwrap_or(position[&id]);
            last.insert(id, end);
        }
        let mut live = Live { alive: HashMap::new(), last, position, peak: 0 };
        let mut freed = vec![0; order.len()];
        let mut sum = 0u64;
        for (i, &id) in order.iter().enumerate() {
            let expr = graph.expr(id);
            let stages = || expr.stages.iter().flat_map(|stage| stage.operands.iter().copied());
            let replaced =
                stages().any(|o| live.ends(o, id) && graph.ty(o) == graph.ty(id) && bytes(graph, o) > 0);
            let bytes = bytes(graph, id);
            sum = sum.saturating_add(bytes);
            freed[live.last[&id]] += bytes;
            let alive = if replaced { sum - bytes } else { sum };
            live.alive.insert(id, alive);
            live.peak = live.peak.max(alive);
            sum -= freed[i];
        }
        live
    }

    /// The bytes alive while a node is computed, its operands and its result among them.
    pub(super) fn at(&self, id: NodeId) -> u64 {
        self.alive[&id]
    }

    /// Whether a value is not read after a node.
    pub(super) fn ends(&self, value: NodeId, at: NodeId) -> bool {
        self.last[&value] <= self.position[&at]
    }
}

/// Bytes of the workspace that a value takes.
pub(super) fn bytes(graph: &Graph, id: NodeId) -> u64 {
    match graph[id].op() {
        Op::Input(_) | Op::Const(_) | Op::Concat(_) => 0,
        _ if graph.is_output(id) => 0,
        _ => graph.ty(id).bytes() as u64,
    }
}
