//! Nodes in an order in which operands stand before their readers.
//!
//! ONNX asks files to be sorted; those that are not are sorted here, by Kahn's algorithm, the earliest node in
//! the file first, so that a sorted file stays as it is. Values that no node computes are not looked at.
//!
//! Refused: cycles.

use onnx_protobuf::NodeProto;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The indices of the nodes in order, and of those on a cycle or behind one.
pub(super) fn sorted(nodes: &[NodeProto]) -> (Vec<usize>, Vec<usize>) {
    let mut producer: HashMap<&str, usize> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            producer.entry(name).or_insert(index);
        }
    }
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut waits: Vec<usize> = vec![0; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for &from in node.input.iter().filter_map(|name| producer.get(name.as_str())) {
            readers[from].push(index);
            waits[index] += 1;
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..nodes.len()).filter(|&index| waits[index] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for &reader in &readers[index] {
            waits[reader] -= 1;
            if waits[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    let stuck = (0..nodes.len()).filter(|&index| waits[index] > 0).collect();
    (order, stuck)
}
