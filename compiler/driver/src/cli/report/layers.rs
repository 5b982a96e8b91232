//! The layers of a network and what each costs.
//!
//! A layer is a node and what runs on its result element by element, so that a convolution, its batch norm and its
//! activation are one row: `conv batch_norm relu`. Its volume is that of the last node. A parameter that two nodes
//! share is counted for the first; running statistics and the numbers of formulas are none (see
//! [`Module::parameters`]).

use std::collections::{HashMap, HashSet};

use cnnc_ir::{Graph, Module, NodeId, Op, Type};

use super::receptive::{self, Field};

/// A layer.
pub(super) struct Layer {
    /// The names of its nodes.
    pub(super) nodes: Vec<String>,
    /// Their operators.
    pub(super) ops: Vec<&'static str>,
    /// What it gives.
    pub(super) output: Type,
    /// Parameters that multiply.
    pub(super) weights: u64,
    /// Parameters that are added: biases, and the shifts of batch norms.
    pub(super) biases: u64,
    /// Multiply-adds of convolutions and matrix products.
    pub(super) macs: u64,
    /// Other arithmetic.
    pub(super) flops: u64,
    /// What part of the input an element of the result depends on.
    pub(super) field: Option<Field>,
}

impl Layer {
    /// All its parameters.
    pub(super) fn parameters(&self) -> u64 {
        self.weights.saturating_add(self.biases)
    }

    /// The volume as the papers write it, `55x55x96`, with the batch in front where it is not 1.
    pub(super) fn volume(&self) -> String {
        let dims = self.output.dims();
        let batch = dims.first().filter(|&&n| n != 1 && dims.len() > 1);
        let rest = if dims.len() > 1 { &dims[1..] } else { dims };
        let channels_last = rest.iter().skip(1).chain(rest.first());
        batch.into_iter().chain(channels_last).map(usize::to_string).collect::<Vec<_>>().join("x")
    }
}

/// The layers of a network, in order.
pub(super) fn layers(module: &Module) -> Vec<Layer> {
    let graph = &module.graph;
    let fields = receptive::fields(graph);
    let mut counted = HashSet::new();
    let mut layers: Vec<Layer> = Vec::new();
    let mut place: HashMap<NodeId, usize> = HashMap::new();
    for &id in graph.order().iter().filter(|&&id| !graph[id].is_const() && !graph.inputs().contains(&id)) {
        let node = &graph[id];
        let at = host(graph, id).and_then(|host| place.get(&host).copied()).unwrap_or(layers.len());
        place.insert(id, at);
        if at == layers.len() {
            layers.push(Layer {
                nodes: Vec::new(),
                ops: Vec::new(),
                output: node.ty().clone(),
                weights: 0,
                biases: 0,
                macs: 0,
                flops: 0,
                field: None,
            });
        }
        let layer = &mut layers[at];
        layer.nodes.push(node.name().to_string());
        layer.ops.push(node.op().name());
        layer.field = fields.get(&id).copied();
        let cost = graph.cost(id);
        layer.macs = layer.macs.saturating_add(cost.macs);
        layer.flops = layer.flops.saturating_add(cost.flops);
        for (slot, operand) in graph.operands(id).into_iter().enumerate() {
            if module.is_parameter(operand) && counted.insert(operand) {
                let sum = if is_shift(node.op(), slot) { &mut layer.biases } else { &mut layer.weights };
                *sum = sum.saturating_add(graph.ty(operand).elements() as u64);
            }
        }
    }
    layers
}

/// The node whose layer this one belongs to: the one value that it changes element by element, and alone.
fn host(graph: &Graph, id: NodeId) -> Option<NodeId> {
    let op = graph[id].op();
    let by_element = op.is_elementwise() || matches!(op, Op::BatchNorm(_) | Op::Dropout(_) | Op::Identity(_));
    let mut computed = graph.operands(id).into_iter().filter(|&operand| !graph[operand].is_const());
    let x = computed.next().filter(|_| by_element && computed.next().is_none())?;
    (graph.only_reader(x) == Some(id) && graph.ty(x) == graph.ty(id)).then_some(x)
}

/// Whether a constant in that place is added, not multiplied.
fn is_shift(op: &Op, slot: usize) -> bool {
    match op {
        Op::Conv(_) | Op::ConvTranspose(_) | Op::Gemm(_) | Op::BatchNorm(_) => slot == 2,
        Op::Add(_) | Op::Sub(_) => true,
        _ => false,
    }
}
