//! A module: a graph and the weights beside it.

use crate::ops::{Init, Op};
use crate::{Cost, Data, Graph, Mismatch, Name, NodeId, Tensor, ValueError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The elements of constants, by the name of their node.
#[derive(Clone, Debug, Default)]
pub struct Weights(BTreeMap<Name, Arc<Tensor>>);

impl Weights {
    /// The tensor of that name.
    pub fn get(&self, name: &Name) -> Option<&Arc<Tensor>> {
        self.0.get(name)
    }

    /// Every tensor, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Arc<Tensor>)> {
        self.0.iter()
    }
}

/// The magnitudes of elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Magnitudes {
    /// The smallest of those that are numbers; infinity of none.
    pub least: f64,
    /// The largest of those that are numbers; 0 of none.
    pub largest: f64,
    /// Whether some element is no number.
    pub any_nan: bool,
}

impl Magnitudes {
    /// Those of some elements.
    pub fn of(elements: impl IntoIterator<Item = f64>) -> Magnitudes {
        let none = Magnitudes { least: f64::INFINITY, largest: 0.0, any_nan: false };
        elements.into_iter().fold(none, |of, x| Magnitudes {
            least: of.least.min(x.abs()),
            largest: of.largest.max(x.abs()),
            any_nan: of.any_nan | x.is_nan(),
        })
    }
}

/// A graph, its weights, and the names its inputs and outputs have in the source.
#[derive(Clone, Debug)]
pub struct Module {
    /// The graph.
    pub graph: Graph,
    /// The elements of its constants.
    pub weights: Weights,
    /// Names of the inputs as the caller knows them, in order.
    pub input_names: Vec<String>,
    /// Names of the outputs as the caller knows them, in order.
    pub output_names: Vec<String>,
    /// Bytes of the weights that no file holds, because a frontend made them.
    pub generated: usize,
}

impl Module {
    /// A module around a finished graph, with the names that the graph itself uses.
    pub fn new(graph: Graph, weights: Weights) -> Module {
        let names = |ids: &[NodeId]| ids.iter().map(|&id| graph[id].name().to_string()).collect();
        let (input_names, output_names) = (names(graph.inputs()), names(graph.outputs()));
        Module { graph, weights, input_names, output_names, generated: 0 }
    }

    /// Adds a constant with these elements behind all other nodes.
    pub fn constant(&mut self, name: &str, tensor: Arc<Tensor>) -> Result<NodeId, Mismatch> {
        let id = self.graph.constant(name, tensor.ty(), Init::Weights)?;
        self.weights.0.insert(self.graph[id].name().clone(), tensor);
        Ok(id)
    }

    /// Adds a constant with these elements in front of a node.
    pub fn constant_before(
        &mut self,
        anchor: NodeId,
        name: &str,
        tensor: Arc<Tensor>,
    ) -> Result<NodeId, Mismatch> {
        let op = crate::ops::Const { ty: tensor.ty(), init: Init::Weights };
        let id = self.graph.add_before(anchor, name, crate::Expr::new(op, vec![]))?;
        self.weights.0.insert(self.graph[id].name().clone(), tensor);
        Ok(id)
    }

    /// Makes a node a constant with these elements; its name, its place and its readers stay.
    pub fn set_constant(&mut self, id: NodeId, tensor: Arc<Tensor>) -> Result<(), Mismatch> {
        let op = crate::ops::Const { ty: tensor.ty(), init: Init::Weights };
        self.graph.set(id, crate::Expr::new(op, vec![]))?;
        self.weights.0.insert(self.graph[id].name().clone(), tensor);
        Ok(())
    }

    /// Removes a node that nobody reads, and its weights.
    pub fn remove(&mut self, id: NodeId) -> Result<(), Mismatch> {
        let name = self.graph[id].name().clone();
        self.graph.remove(id)?;
        self.weights.0.remove(&name);
        Ok(())
    }

    /// Keeps the nodes for which `keep` holds, and their weights.
    pub fn retain(&mut self, keep: impl Fn(NodeId) -> bool) {
        self.graph.retain(keep);
        let graph = &self.graph;
        self.weights.0.retain(|name, _| graph.find(name.as_str()).is_some());
    }

    /// Gives a node another name, which must be free; its weights go with it.
    pub fn rename(&mut self, id: NodeId, name: Name) -> Result<(), Mismatch> {
        let old = self.graph[id].name().clone();
        self.graph.rename(id, name.clone())?;
        if let Some(tensor) = self.weights.0.remove(&old) {
            self.weights.0.insert(name, tensor);
        }
        Ok(())
    }

    /// The elements of a constant node; `None` for every other node.
    pub fn value(&self, id: NodeId) -> Option<Result<Arc<Tensor>, ValueError>> {
        let node = &self.graph[id];
        let Op::Const(constant) = node.op() else { return None };
        Some(match &constant.init {
            Init::Weights => self.weights.get(node.name()).cloned().ok_or_else(|| {
                let name = node.name();
                Mismatch(format!("%{name} has no weights: the text form does not hold them")).into()
            }),
            init => init.tensor(&constant.ty).map(Arc::new),
        })
    }

    /// The one number that every element of a constant node equals, where the node says so.
    pub fn splat(&self, id: NodeId) -> Option<f64> {
        match self.graph[id].op() {
            Op::Const(c) => match c.init {
                Init::Splat(x) => Some(x),
                _ => None,
            },
            _ => None,
        }
    }

    /// The magnitudes of the elements of a constant node, of drawn ones their bounds; `None` for every other node.
    pub fn magnitudes(&self, id: NodeId) -> Option<Magnitudes> {
        let Op::Const(constant) = self.graph[id].op() else { return None };
        Some(match constant.init {
            Init::Splat(x) => Magnitudes::of([x]),
            // Drawn elements are as many as a text says: none is made for this.
            Init::Rand { min, max, .. } => {
                let ends = Magnitudes::of([min, max]);
                if (min < 0.0) != (max < 0.0) { Magnitudes { least: 0.0, ..ends } } else { ends }
            }
            Init::Weights | Init::List(_) => match self.value(id)? {
                Ok(tensor) => match tensor.data() {
                    Data::F32(elements) => Magnitudes::of(elements.iter().map(|&x| f64::from(x))),
                    data => Magnitudes::of(data.to_f64()),
                },
                Err(_) => Magnitudes { least: 0.0, largest: f64::INFINITY, any_nan: false },
            },
        })
    }

    /// What computing every node once costs.
    pub fn total_cost(&self) -> Cost {
        self.graph.order().iter().map(|&id| self.graph.cost(id)).sum()
    }

    /// How many parameters the network has: the elements of those constants.
    pub fn parameters(&self) -> u64 {
        let parameters = self.graph.order().iter().filter(|&&id| self.is_parameter(id));
        parameters.fold(0, |sum, &id| sum.saturating_add(self.graph.ty(id).elements() as u64))
    }

    /// Whether a node is a parameter: a constant that training would learn, real or quantised since. Running
    /// statistics of batch norms are none, nor are scales and zero points, nor single numbers, which are parts of
    /// formulas.
    pub fn is_parameter(&self, id: NodeId) -> bool {
        let node = &self.graph[id];
        let real = node.ty().dtype.is_float();
        // Whether it stands in a place of learnt operands.
        let learnt = |reader: NodeId| {
            let among = |first: usize| self.graph.operands(reader).iter().take(first).any(|&x| x == id);
            match self.graph[reader].op() {
                Op::BatchNorm(_) => real && among(3),
                Op::Quantize(_) | Op::Dequantize(_) | Op::Requantize(_) => among(1),
                Op::ConvInteger(_) | Op::MatmulInteger(_) => among(2),
                _ => real,
            }
        };
        let unread = self.graph.readers(id).next().is_none();
        node.is_const() && node.ty().rank() > 0 && (self.graph.readers(id).any(learnt) || (unread && real))
    }
}
