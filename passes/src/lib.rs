//! Graph to graph transformations of cnnc.
//!
//!     Module -> PIPELINE -> Module
//!
//! A pass is a rule: a pure function that looks at a graph and answers a [`Patch`], or why there is none. The driver
//! applies patches. Every pass preserves what the evaluator computes, up to the rounding of folded constants, and
//! only `fold-constants` does arithmetic.
//!
//! Passes know no file format and no target.

mod driver;
mod facts;
mod patch;

mod dead_code;
mod drop_identity;
mod flush_denormals;
mod fold_affine;
mod fold_batch_norm;
mod fold_constants;
mod fuse_epilogue;
mod lower_batch_norm;
mod pad_into_window;

pub use driver::{Event, Failure, PassOptions, PassReport, Report, run, run_passes};
pub use patch::{Decline, Edits, New, Patch, Value};

use cnnc_ir::{Module, NodeId};

/// One transformation.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Its name, a verb phrase in kebab-case.
    pub name: &'static str,
    /// The reason for its place in the pipeline.
    pub why: &'static str,
    /// What it does.
    pub rule: Rule,
}

/// What a pass does.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Looks at one node and its neighbours.
    Node(fn(&Module, NodeId) -> Result<Patch, Decline>),
    /// Looks at the whole graph.
    Graph(fn(&Module) -> Edits),
}

/// Every pass, in the order in which they run.
pub const PIPELINE: &[Pass] = &[
    dead_code::PASS,        // first: what nobody needs would count as another reader
    drop_identity::PASS,    // dropout and reshapes to the same shape hide every later pattern
    pad_into_window::PASS,  // a pad in front of a convolution is a buffer that need not be
    fold_batch_norm::PASS,  // leaves arithmetic on constants ...
    fold_affine::PASS,      // ... as does what scales and shifts the channels behind it ...
    lower_batch_norm::PASS, // ... and what stands behind no convolution, once nothing can move into it ...
    fold_constants::PASS,   // ... which only this pass evaluates
    flush_denormals::PASS,  // after folding: products of small weights are smaller still
    fuse_epilogue::PASS,    // last: a batch_norm in the middle would block it
];

/// The pass of that name.
pub fn find(name: &str) -> Option<&'static Pass> {
    PIPELINE.iter().find(|pass| pass.name == name)
}
