//! Nodes in an order in which operands stand before their readers.
//!
//! ONNX asks files to be sorted; those that are not are sorted here, by Kahn's algorithm, the earliest node
//! in the file first, so that a sorted file stays as it is. Values that no node computes are not looked at.
//!
//! Refused: cycles.

use onnx_protobuf::NodeProto;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// An order of nodes, by their indices in the file.
pub(super) struct Order {
    /// Those that can be computed, operands before readers.
    pub(super) sorted: Vec<usize>,
    /// Those on a cycle or behind one.
    pub(super) stuck: Vec<usize>,
    /// One of the stuck nodes that is on a cycle.
    pub(super) cycle: Option<usize>,
}

/// Sorts nodes.
pub(super) fn sorted(nodes: &[NodeProto]) -> Order {
    let mut producer: HashMap<&str, usize> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            producer.entry(name).or_insert(index);
        }
    }
    let producers =
        |index: usize| nodes[index].input.iter().filter_map(|name| producer.get(name.as_str()).copied());
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut waits: Vec<usize> = vec![0; nodes.len()];
    for (index, wait) in waits.iter_mut().enumerate() {
        for from in producers(index) {
            readers[from].push(index);
            *wait += 1;
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..nodes.len()).filter(|&index| waits[index] == 0).map(Reverse).collect();
    let mut sorted = Vec::with_capacity(nodes.len());
    while let Some(Reverse(index)) = ready.pop() {
        sorted.push(index);
        for &reader in &readers[index] {
            waits[reader] -= 1;
            if waits[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    let stuck: Vec<usize> = (0..nodes.len()).filter(|&index| waits[index] > 0).collect();
    // Every stuck node waits for a stuck one: whoever walks from operand to operand comes back.
    let mut cycle = stuck.first().copied();
    let mut seen = HashSet::new();
    while let Some(index) = cycle.filter(|&index| seen.insert(index)) {
        cycle = producers(index).find(|&from| waits[from] > 0);
    }
    Order { sorted, stuck, cycle }
}
