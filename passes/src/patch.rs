//! What a rule answers: a patch, which says what becomes of a node, or why there is none.
//!
//!     %y = old expression   =>   %y.s = ..        new nodes, named after the node
//!                                %y = new expression
//!
//! INVARIANT: the value that survives keeps its name, its place and its readers, so a dump shows the rewritten lines
//! and nothing else. A patch is data; it changes nothing itself.

use cnnc_ir::{Expr, Mismatch, NodeId, Op, Tensor, ValueError};
use std::convert::Infallible;
use std::sync::Arc;

/// An operand in a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A value of the graph.
    Old(NodeId),
    /// A value that the patch adds, by its place among them.
    New(usize),
}

impl From<NodeId> for Value {
    fn from(id: NodeId) -> Value {
        Value::Old(id)
    }
}

/// The nodes that a patch adds in front of the one it changes.
#[derive(Clone, Debug, Default)]
pub struct New(pub(crate) Vec<(&'static str, Expr<Value>)>);

impl New {
    /// Adds a node; its name will be that of the patched node, a dot and the suffix.
    pub fn add(
        &mut self,
        suffix: &'static str,
        op: impl Into<Op>,
        operands: impl IntoIterator<Item = Value>,
    ) -> Value {
        self.add_pipe(suffix, Expr::new(op, operands.into_iter().collect()))
    }

    /// Adds a node with stages, named likewise.
    pub fn add_pipe(&mut self, suffix: &'static str, expr: Expr<Value>) -> Value {
        self.0.push((suffix, expr));
        Value::New(self.0.len() - 1)
    }

    /// The patch by which the node computes `expr`, of the same type, from now on.
    pub fn becomes(self, expr: Expr<Value>) -> Patch {
        Patch { new: self, outcome: Outcome::Expr(expr) }
    }
}

/// What becomes of a node.
#[derive(Clone, Debug)]
pub struct Patch {
    pub(crate) new: New,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It computes this instead.
    Expr(Expr<Value>),
    /// It is this constant.
    Constant(Arc<Tensor>),
    /// Its readers read that value, and it goes.
    Value(NodeId),
}

impl Patch {
    /// The node computes `expr`, of the same type, over values that stand in front of it.
    pub fn becomes(expr: Expr) -> Patch {
        let Ok(expr) = expr.map(|&id| Ok::<_, Infallible>(Value::Old(id)));
        New::default().becomes(expr)
    }

    /// The node becomes this constant, of the same type.
    pub fn constant(tensor: Tensor) -> Patch {
        Patch { new: New::default(), outcome: Outcome::Constant(Arc::new(tensor)) }
    }

    /// The readers of the node read `value`, of the same type; the node goes.
    pub fn replace_by(value: NodeId) -> Patch {
        Patch { new: New::default(), outcome: Outcome::Value(value) }
    }
}

/// Why a rule leaves a node alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decline {
    /// The node is none of its business.
    NoMatch,
    /// The pattern is there but the rewrite would be wrong or no gain.
    Because(String),
}

impl From<ValueError> for Decline {
    fn from(error: ValueError) -> Decline {
        Mismatch::from(error).into()
    }
}

impl From<Mismatch> for Decline {
    fn from(Mismatch(why): Mismatch) -> Decline {
        Decline::Because(why)
    }
}

/// What a rule for the whole graph answers.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// What becomes of which node.
    pub patches: Vec<(NodeId, Patch)>,
    /// Nodes to remove; those that stay must not read them.
    pub dead: Vec<NodeId>,
    /// Nodes it leaves alone, and why.
    pub declines: Vec<(NodeId, String)>,
    /// What it did, in words, when the changes do not say so themselves.
    pub note: Option<String>,
}
