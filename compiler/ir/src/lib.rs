//! The intermediate representation of cnnc: graph, operators, types, text form, verifier, evaluator.
//!
//! A [`Module`] is a [`Graph`] of nodes, each computing one value of a static [`Type`], and the [`Weights`]
//! beside it. The text form ([`text`]) prints and parses every module; the evaluator ([`eval`]) gives it its
//! meaning. Nothing here knows where a graph came from or what code it becomes.

pub mod attrs;
mod error;
pub mod eval;
mod graph;
mod module;
mod names;

pub mod ops;
mod real;
mod scalar;
mod tensor;
pub mod text;
mod types;
pub mod verify;

pub use error::{Mismatch, ValueError};
pub use graph::{Expr, Graph, LONGEST_PIPE, Node, NodeId, Stage};
pub use half::f16;
pub use module::{Magnitudes, Module, Weights};
pub use names::Name;
pub use ops::{Cost, Op, Operator};
pub use real::Real;
pub use tensor::{Data, Element, Tensor};
pub use types::{DType, Shape, Type};
