//! The skeleton of a network: parameters, multiply-adds, and how often it has each kind of layer.
//!
//! ```text
//! conv 64x3x7x7 stride=2x2 pad=3,3,3,3 groups=1 -> 64x112x112      the weights' extents, the result's volume
//! linear 1000x2048                      a matrix product, or a 1x1 convolution of a single pixel
//! max_pool 3x3 stride=2x2 -> 64x56x56   avg_pool alike
//! mean 2048                             over the whole plane
//! relu 64x112x112                       whatever else computes, with the volume of its result
//! ```
//!
//! Two graphs of one network have the same skeleton, whatever their nodes are called and however their exporter
//! spells a mean, a flattening or nested concatenations. `tests/skeleton.py` prints the same lines of an ONNX file
//! without any of our code.

use cnnc_ir::{Graph, Module, NodeId, Op};
use std::collections::BTreeMap;
use std::fmt::{Display, Write};

/// What two graphs of one network have in common.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Skeleton {
    /// Elements of trained constants.
    pub parameters: u64,
    /// Multiply-adds of convolutions and matrix products.
    pub macs: u64,
    /// Each kind of layer, with its count.
    pub layers: BTreeMap<String, usize>,
}

impl Skeleton {
    /// The skeleton of a graph.
    pub fn of(module: &Module) -> Skeleton {
        let mut layers = BTreeMap::new();
        for layer in module.graph.order().iter().filter_map(|&id| layer(&module.graph, id)) {
            *layers.entry(layer).or_insert(0) += 1;
        }
        Skeleton { parameters: module.parameters(), macs: module.total_cost().macs, layers }
    }

    /// The skeleton that a text has: two lines of totals, then one a kind of layer, its count in front.
    pub fn parse(text: &str) -> Skeleton {
        let mut skeleton = Skeleton::default();
        for line in text.lines() {
            let (first, rest) = line.split_once(' ').expect("a count and a layer");
            match first {
                "parameters" => skeleton.parameters = rest.parse().expect("a number"),
                "multiply-adds" => skeleton.macs = rest.parse().expect("a number"),
                count => {
                    skeleton.layers.insert(rest.into(), count.parse().expect("a count"));
                }
            }
        }
        skeleton
    }

    /// Parameters, and the layers that have them without where they are applied. Graphs of one network for pictures
    /// of different sizes, or that round extents differently, have these in common.
    pub fn weights(&self) -> Skeleton {
        let mut layers = BTreeMap::new();
        for (layer, count) in &self.layers {
            if layer.starts_with("conv ") || layer.starts_with("linear ") {
                *layers.entry(layer.split(" -> ").next().unwrap_or(layer).to_string()).or_insert(0) += count;
            }
        }
        Skeleton { macs: 0, layers, ..*self }
    }

    /// What one has and the other has not, a line each; empty if they are equal.
    pub fn difference(&self, wanted: &Skeleton) -> String {
        let mut text = String::new();
        let mut line = |what: &str, got: u64, wanted: u64| {
            if got != wanted {
                let _ = writeln!(text, "  {what}: {got}, wanted {wanted}");
            }
        };
        line("parameters", self.parameters, wanted.parameters);
        line("multiply-adds", self.macs, wanted.macs);
        let of = |skeleton: &Skeleton, layer: &str| skeleton.layers.get(layer).map_or(0, |&n| n as u64);
        let all: BTreeMap<&String, ()> =
            self.layers.keys().chain(wanted.layers.keys()).map(|layer| (layer, ())).collect();
        for layer in all.into_keys() {
            line(layer, of(self, layer), of(wanted, layer));
        }
        text
    }
}

/// The line of a node; none for what only moves data.
fn layer(graph: &Graph, id: NodeId) -> Option<String> {
    let (op, y) = (graph[id].op(), graph.ty(id).dims());
    let w = || graph.ty(graph.operands(id)[1]).dims();
    let volume = extents(&y[1.min(y.len())..]);
    Some(match op {
        Op::Conv(_) if w()[2..] == [1, 1] && y[2..] == [1, 1] => format!("linear {}", extents(&w()[..2])),
        Op::Conv(c) => {
            let p = c.pad;
            let pad = format!("{},{},{},{}", p.top, p.left, p.bottom, p.right);
            format!("conv {} stride={} pad={pad} groups={} -> {volume}", extents(w()), c.stride, c.groups)
        }
        Op::Gemm(g) if g.trans_b => format!("linear {}", extents(w())),
        Op::Gemm(_) | Op::Matmul(_) => format!("linear {}x{}", w()[1], w()[0]),
        Op::AvgPool(_) if y[2..] == [1, 1] => format!("mean {}", y[1]),
        Op::ReduceMean(_) => format!("mean {}", y[1]),
        Op::AvgPool(p) if extents(&[p.kernel.0, p.kernel.1]) == "1x1" => return None,
        Op::AvgPool(p) => format!("avg_pool {} stride={} -> {volume}", p.kernel, p.stride),
        Op::MaxPool(p) => format!("max_pool {} stride={} -> {volume}", p.kernel, p.stride),
        Op::Concat(_) if is_part_of_concat(graph, id) => return None,
        Op::Input(_) | Op::Const(_) | Op::Dropout(_) | Op::Identity(_) => return None,
        Op::Reshape(_) | Op::Transpose(_) | Op::Softmax(_) => return None,
        op => format!("{} {volume}", op.name()),
    })
}

/// Whether a concatenation is of one value, or nothing but operands of others.
fn is_part_of_concat(graph: &Graph, id: NodeId) -> bool {
    let mut readers = graph.readers(id).peekable();
    let is_read_by_concats =
        readers.peek().is_some() && readers.all(|r| matches!(graph[r].op(), Op::Concat(_)));
    is_read_by_concats || graph.operands(id).len() == 1
}

fn extents(dims: &[impl Display]) -> String {
    dims.iter().map(|d| d.to_string()).collect::<Vec<_>>().join("x")
}
