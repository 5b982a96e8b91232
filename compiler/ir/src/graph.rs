//! The graph: nodes that each compute one value, held by petgraph, in an order that is also the printed one.
//!
//! petgraph stays in this file. Its edges carry no order and `add %x, %x` needs two parallel ones, so every
//! edge has a slot: the place of its operand. Node indices stay valid when others are removed.
//!
//! INVARIANT: types are inferred when a node is added and never assigned; operands stand before their readers
//! in `order`; names are unique.

use crate::error::{mismatch, require};
use crate::names::{Name, Names};
use crate::ops::{Const, Init, Input, Op};
use crate::{Cost, Mismatch, Type};
use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef;
use std::collections::{BTreeMap, HashMap};

/// Names a node and the value it computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(NodeIndex<u32>);

/// The place of an operand among the operands of its reader.
type Slot = u32;

/// An operator applied to the value on its left, `|> add %skip`: the value is the first operand, `operands`
/// follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage<V = NodeId> {
    /// An element-wise operator that keeps the shape.
    pub op: Op,
    /// Its operands after the first.
    pub operands: Vec<V>,
}

/// The most stages of a pipe: a kernel keeps an address for each.
pub const LONGEST_PIPE: usize = 64;

/// What a node computes: an operator, its operands, and the stages its result runs through.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr<V = NodeId> {
    /// The operator.
    pub op: Op,
    /// Its operands.
    pub operands: Vec<V>,
    /// The pipe behind it.
    pub stages: Vec<Stage<V>>,
}

impl<V> Expr<V> {
    /// An expression without stages.
    pub fn new(op: impl Into<Op>, operands: Vec<V>) -> Expr<V> {
        Expr { op: op.into(), operands, stages: Vec::new() }
    }

    /// Every operand: those of the operator, then those of each stage.
    pub fn all_operands(&self) -> impl Iterator<Item = &V> {
        self.operands.iter().chain(self.stages.iter().flat_map(|s| s.operands.iter()))
    }

    /// The same expression over other operands.
    pub fn map<W, E>(&self, mut f: impl FnMut(&V) -> Result<W, E>) -> Result<Expr<W>, E> {
        let operands = self.operands.iter().map(&mut f).collect::<Result<_, E>>()?;
        let mut stages = Vec::with_capacity(self.stages.len());
        for s in &self.stages {
            let operands = s.operands.iter().map(&mut f).collect::<Result<_, E>>()?;
            stages.push(Stage { op: s.op.clone(), operands });
        }
        Ok(Expr { op: self.op.clone(), operands, stages })
    }
}

/// One value and how it is computed.
#[derive(Clone, Debug)]
pub struct Node {
    name: Name,
    op: Op,
    /// Each stage's operator, and how many operands it has besides the piped value.
    stages: Vec<(Op, u32)>,
    ty: Type,
}

impl Node {
    /// The name of its value.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its operator.
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// The operators its result runs through.
    pub fn stages(&self) -> impl ExactSizeIterator<Item = &Op> {
        self.stages.iter().map(|(op, _)| op)
    }

    /// The type of its value.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Whether it is a constant.
    pub fn is_const(&self) -> bool {
        matches!(self.op, Op::Const(_))
    }
}

/// A network: an acyclic graph of nodes, each computing exactly one value.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Its name in the text form.
    pub name: String,
    nodes: StableDiGraph<Node, Slot, u32>,
    order: Vec<NodeId>,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
    names: Names,
}

impl Graph {
    /// A graph without nodes.
    pub fn new(name: impl Into<String>) -> Graph {
        Graph {
            name: name.into(),
            nodes: StableDiGraph::default(),
            order: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            names: Names::default(),
        }
    }

    // ---- reading

    /// Every node, operands before readers.
    pub fn order(&self) -> &[NodeId] {
        &self.order
    }

    /// The nodes that are the caller's inputs.
    pub fn inputs(&self) -> &[NodeId] {
        &self.inputs
    }

    /// The nodes whose values are results; one may stand there twice.
    pub fn outputs(&self) -> &[NodeId] {
        &self.outputs
    }

    /// Whether the node is in the graph still.
    pub fn contains(&self, id: NodeId) -> bool {
        self.nodes.contains_node(id.0)
    }

    /// The node of that name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.names.get(name)
    }

    /// The type of a node's value.
    pub fn ty(&self, id: NodeId) -> &Type {
        &self[id].ty
    }

    /// Every operand, those of the stages behind those of the operator.
    pub fn operands(&self, id: NodeId) -> Vec<NodeId> {
        let mut edges: Vec<(Slot, NodeId)> = self
            .nodes
            .edges_directed(id.0, Direction::Incoming)
            .map(|e| (*e.weight(), NodeId(e.source())))
            .collect();
        edges.sort_unstable();
        edges.into_iter().map(|(_, operand)| operand).collect()
    }

    /// What the node computes.
    pub fn expr(&self, id: NodeId) -> Expr {
        let node = &self[id];
        let mut operands = self.operands(id);
        let extra: usize = node.stages.iter().map(|(_, n)| *n as usize).sum();
        let mut rest = operands.split_off(operands.len() - extra).into_iter();
        let stage = |(op, n): &(Op, u32)| Stage {
            op: op.clone(),
            operands: rest.by_ref().take(*n as usize).collect(),
        };
        Expr { op: node.op.clone(), operands, stages: node.stages.iter().map(stage).collect() }
    }

    /// The nodes that read a value, once for each time they read it.
    pub fn readers(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.neighbors_directed(id.0, Direction::Outgoing).map(NodeId)
    }

    /// The only node that reads a value, when one does so once and it is no result.
    pub fn only_reader(&self, id: NodeId) -> Option<NodeId> {
        let mut readers = self.readers(id);
        let first = readers.next()?;
        (readers.next().is_none() && !self.is_output(id)).then_some(first)
    }

    /// Whether the value is a result of the graph.
    pub fn is_output(&self, id: NodeId) -> bool {
        self.outputs.contains(&id)
    }

    /// What computing a node costs: its operator and its stages.
    pub fn cost(&self, id: NodeId) -> Cost {
        let (expr, ty) = (self.expr(id), self.ty(id));
        let operands: Vec<&Type> = expr.operands.iter().map(|&o| self.ty(o)).collect();
        let stage = |stage: &Stage| {
            let operands: Vec<&Type> =
                std::iter::once(ty).chain(stage.operands.iter().map(|&o| self.ty(o))).collect();
            stage.op.cost(&operands, ty)
        };
        std::iter::once(expr.op.cost(&operands, ty)).chain(expr.stages.iter().map(stage)).sum()
    }

    /// A name that no node has yet, as near to the wish as can be.
    pub fn fresh_name(&mut self, wish: &str) -> Name {
        self.names.fresh(wish)
    }

    // ---- writing

    /// Adds an input of the graph.
    pub fn input(&mut self, name: &str, ty: Type) -> Result<NodeId, Mismatch> {
        let id = self.add(name, Expr::new(Input { ty }, vec![]))?;
        self.inputs.push(id);
        Ok(id)
    }

    /// Gives an input of the graph another type: what read it reads what `make` computes from it, a value of the type
    /// that it had. After an error the graph is of no use.
    pub fn retype_input(
        &mut self,
        id: NodeId,
        ty: Type,
        make: impl FnOnce(&mut Graph, NodeId) -> Result<NodeId, Mismatch>,
    ) -> Result<(), Mismatch> {
        require!(self.inputs.contains(&id), "%{} is no input of the graph", self[id].name);
        let edges: Vec<_> = self.nodes.edges_directed(id.0, Direction::Outgoing).collect();
        let readers: Vec<_> = edges.iter().map(|e| (e.id(), e.target(), *e.weight())).collect();
        for (edge, ..) in &readers {
            self.nodes.remove_edge(*edge);
        }
        let node = &mut self.nodes[id.0];
        let old = std::mem::replace(&mut node.ty, ty.clone());
        node.op = Input { ty }.into();
        let count = self.order.len();
        let value = make(self, id)?;
        require!(
            *self.ty(value) == old,
            "%{} of type {} cannot stand for {old}",
            self[value].name,
            self.ty(value)
        );
        for (_, reader, slot) in readers {
            self.nodes.add_edge(value.0, reader, slot);
        }
        self.outputs.iter_mut().filter(|output| **output == id).for_each(|output| *output = value);
        let made = self.order.split_off(count);
        let behind = self.order.iter().position(|&n| n == id).map_or(0, |place| place + 1);
        self.order.splice(behind..behind, made);
        Ok(())
    }

    /// Adds a constant; its bytes stand in the weights of the module unless `init` says them.
    pub fn constant(&mut self, name: &str, ty: Type, init: Init) -> Result<NodeId, Mismatch> {
        self.add(name, Expr::new(Const { ty, init }, vec![]))
    }

    /// Adds a node behind all others and infers its type.
    pub fn add(&mut self, name: &str, expr: Expr) -> Result<NodeId, Mismatch> {
        self.insert(self.order.len(), name, expr)
    }

    /// Adds a node in front of another.
    pub fn add_before(&mut self, anchor: NodeId, name: &str, expr: Expr) -> Result<NodeId, Mismatch> {
        let place = self.order.iter().position(|&n| n == anchor).unwrap_or(self.order.len());
        self.insert(place, name, expr)
    }

    fn insert(&mut self, place: usize, name: &str, expr: Expr) -> Result<NodeId, Mismatch> {
        let name = Name::new(name)?;
        require!(self.names.get(name.as_str()).is_none(), "%{name} is defined twice");
        let ty = self.infer(&expr)?;
        let operands: Vec<NodeId> = expr.all_operands().copied().collect();
        let stages = expr.stages.into_iter().map(|s| (s.op, s.operands.len() as u32)).collect();
        let id = NodeId(self.nodes.add_node(Node { name: name.clone(), op: expr.op, stages, ty }));
        self.read(id, (0..).zip(operands));
        self.order.insert(place, id);
        self.names.insert(name, id);
        Ok(id)
    }

    /// Gives a node another expression of the same type: its name, its place and its readers stay. The new
    /// operands must stand in front of it.
    pub fn set(&mut self, id: NodeId, expr: Expr) -> Result<(), Mismatch> {
        let ty = self.infer(&expr)?;
        let node = &self[id];
        require!(ty == node.ty, "%{} of type {} cannot compute {ty}", node.name, node.ty);
        require!(!self.inputs.contains(&id), "%{} is an input of the graph", node.name);
        let mut slots: BTreeMap<NodeId, Vec<Slot>> = BTreeMap::new();
        for (slot, operand) in expr.all_operands().enumerate() {
            slots.entry(*operand).or_default().push(slot as Slot);
        }
        // Edges of operands that stay are kept: to find one takes as long as its operand has readers.
        let edges = self.nodes.edges_directed(id.0, Direction::Incoming);
        for (edge, operand) in edges.map(|e| (e.id(), NodeId(e.source()))).collect::<Vec<_>>() {
            match slots.get_mut(&operand).and_then(Vec::pop) {
                Some(slot) => self.nodes[edge] = slot,
                None => {
                    self.nodes.remove_edge(edge);
                }
            }
        }
        for (operand, slots) in slots {
            self.read(id, slots.into_iter().map(|slot| (slot, operand)));
        }
        let node = &mut self.nodes[id.0];
        node.op = expr.op;
        node.stages = expr.stages.into_iter().map(|s| (s.op, s.operands.len() as u32)).collect();
        Ok(())
    }

    /// Lets a node read these in slots that it does not read yet.
    fn read(&mut self, id: NodeId, operands: impl IntoIterator<Item = (Slot, NodeId)>) {
        for (slot, operand) in operands {
            self.nodes.add_edge(operand.0, id.0, slot);
        }
    }

    /// Puts the nodes into another order, which must hold each of them once, operands before readers.
    pub fn reorder(&mut self, order: Vec<NodeId>) -> Result<(), Mismatch> {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let complete = sorted.len() == order.len() && order.len() == self.nodes.node_count();
        require!(complete && order.iter().all(|&id| self.contains(id)), "an order must hold each node once");
        self.order = order;
        Ok(())
    }

    /// The type an expression over values of this graph has.
    pub fn infer(&self, expr: &Expr) -> Result<Type, Mismatch> {
        let ty = self.infer_op(&expr.op, &expr.operands.iter().map(|&o| self.ty(o)).collect::<Vec<_>>())?;
        let count = expr.stages.len();
        require!(count <= LONGEST_PIPE, "a pipe of {count} stages, the most are {LONGEST_PIPE}");
        expr.stages.iter().try_fold(ty, |ty, stage| {
            require!(
                stage.op.is_elementwise(),
                "{} cannot be a stage: it is not element-wise",
                stage.op.name()
            );
            let operands: Vec<&Type> =
                std::iter::once(&ty).chain(stage.operands.iter().map(|&o| self.ty(o))).collect();
            let piped = self.infer_op(&stage.op, &operands)?;
            require!(piped == ty, "{} cannot be a stage: it changes {ty} to {piped}", stage.op.name());
            Ok(piped)
        })
    }

    fn infer_op(&self, op: &Op, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (min, max) = op.arity();
        if operands.len() < min || operands.len() > max {
            let wants = match max {
                usize::MAX => format!("at least {min}"),
                _ if min == max => min.to_string(),
                _ => format!("{min} to {max}"),
            };
            mismatch!("{} takes {wants} operands, not {}", op.name(), operands.len());
        }
        op.infer(operands).map_err(|Mismatch(m)| Mismatch(format!("{}: {m}", op.name())))
    }

    /// Sets the results.
    pub fn set_outputs(&mut self, outputs: Vec<NodeId>) {
        self.outputs = outputs;
    }

    /// Puts the second of each pair in the place of the first for every reader and result; the first stays, unread.
    /// Types must be equal, and none be both a first and a second.
    pub fn replace_uses(&mut self, pairs: &[(NodeId, NodeId)]) -> Result<(), Mismatch> {
        let news: HashMap<NodeId, NodeId> = pairs.iter().copied().collect();
        let mut uses = Vec::new();
        for &(old, new) in pairs {
            require!(!news.contains_key(&new), "%{} stands for another node and is replaced", self[new].name);
            require!(
                self.ty(old) == self.ty(new),
                "%{} of type {} cannot stand for {}",
                self[new].name,
                self.ty(new),
                self.ty(old)
            );
            let edges = self.nodes.edges_directed(old.0, Direction::Outgoing);
            uses.push((new, edges.map(|e| (e.id(), e.target(), *e.weight())).collect::<Vec<_>>()));
        }
        // petgraph finds an edge from the newest on.
        for (edge, ..) in uses.iter().rev().flat_map(|(_, edges)| edges) {
            self.nodes.remove_edge(*edge);
        }
        for (new, edges) in uses {
            for (_, reader, slot) in edges {
                self.nodes.add_edge(new.0, reader, slot);
            }
        }
        for output in &mut self.outputs {
            *output = news.get(output).copied().unwrap_or(*output);
        }
        Ok(())
    }

    /// Removes a node that nobody reads. Inputs of the graph stay: they are its signature.
    pub fn remove(&mut self, id: NodeId) -> Result<(), Mismatch> {
        require!(
            self.readers(id).next().is_none() && !self.is_output(id),
            "%{} is still read",
            self[id].name
        );
        require!(!self.inputs.contains(&id), "%{} is an input of the graph", self[id].name);
        if let Some(node) = self.nodes.remove_node(id.0) {
            self.names.free(&node.name);
        }
        if let Some(place) = self.order.iter().position(|&n| n == id) {
            self.order.remove(place);
        }
        Ok(())
    }

    /// Keeps the nodes for which `keep` holds; those dropped must not be read by those kept.
    pub fn retain(&mut self, keep: impl Fn(NodeId) -> bool) {
        // petgraph finds an edge from the newest on.
        for id in self.order.clone().into_iter().rev().filter(|&id| !keep(id)) {
            if let Some(node) = self.nodes.remove_node(id.0) {
                self.names.free(&node.name);
            }
        }
        let nodes = &self.nodes;
        self.order.retain(|id| nodes.contains_node(id.0));
    }

    /// Gives a node another name, which must be free.
    pub fn rename(&mut self, id: NodeId, name: Name) -> Result<(), Mismatch> {
        require!(self.names.get(name.as_str()).is_none(), "%{name} is defined twice");
        let old = std::mem::replace(&mut self.nodes[id.0].name, name.clone());
        self.names.free(&old);
        self.names.insert(name, id);
        Ok(())
    }
}

impl std::ops::Index<NodeId> for Graph {
    type Output = Node;
    fn index(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }
}
