//! Graph to graph transformations of cnnc.
//!
//!     Module -> PIPELINE -> Module
//!
//! A pass is a rule: a pure function that looks at a graph and answers a [`Patch`], or why there is none. The driver
//! applies patches. Every pass preserves what the evaluator computes, up to the rounding of folded constants and to
//! what a header concedes: `flush-denormals` makes weights zero that are too small to count, `drop-softmax` decides
//! ties that rounding makes, `pad-into-window` takes a window of nothing but NaN for empty and weights that are
//! computed at run time for finite. Only `fold-constants` makes numbers of others; some rules bound what it would
//! make, and decline.
//!
//! Passes know no file format and no target.

mod driver;
mod facts;
mod magnitude;
mod patch;

mod activate_parts;
mod cancel_transposes;
mod dead_code;
mod drop_identity;
mod drop_softmax;
mod flush_denormals;
mod fold_affine;
mod fold_batch_norm;
mod fold_constants;
mod fold_linear_chains;
mod fuse_epilogue;
mod lower_batch_norm;
mod pad_into_window;
mod pool_narrow;
mod share_common;
mod simulate_quantize;
mod sum_convolutions;

pub use driver::{Change, Event, Failure, PassOptions, PassReport, Report, run, run_passes};
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
    Pass {
        name: "dead-code",
        why: "first: what nobody needs would count as another reader",
        rule: dead_code::RULE,
    },
    Pass {
        name: "drop-identity",
        why: "a dropout or a reshape to the same shape hides every later pattern",
        rule: drop_identity::RULE,
    },
    Pass {
        name: "share-common",
        why: "once identities are gone, equal nodes have equal operands; many patterns want a single reader",
        rule: share_common::RULE,
    },
    Pass {
        name: "cancel-transposes",
        why: "an activation behind a transpose is not seen behind its convolution",
        rule: cancel_transposes::RULE,
    },
    Pass {
        name: "drop-softmax",
        why: "once identities and transposes are gone: they would stand between it and what looks for the greatest",
        rule: drop_softmax::RULE,
    },
    Pass {
        name: "simulate-quantize",
        why: "leaves arithmetic on reals, which every later pass knows",
        rule: simulate_quantize::RULE,
    },
    Pass {
        name: "pad-into-window",
        why: "a pad in front of a convolution or a pool is a copy that need not be",
        rule: pad_into_window::RULE,
    },
    Pass {
        name: "fold-batch-norm",
        why: "leaves arithmetic on constants, and the convolution free for an epilogue",
        rule: fold_batch_norm::RULE,
    },
    Pass {
        name: "fold-affine",
        why: "after fold-batch-norm, which puts a convolution where a batch norm was scaled and shifted",
        rule: fold_affine::RULE,
    },
    Pass {
        name: "sum-convolutions",
        why: "once biases and batch norms are in the convolutions, nothing else stands between them and their sum",
        rule: sum_convolutions::RULE,
    },
    Pass {
        name: "fold-linear-chains",
        why: "behind all that turns what follows a convolution into its weights: only activations are left between",
        rule: fold_linear_chains::RULE,
    },
    Pass {
        name: "pool-narrow",
        why: "behind fold-linear-chains: only what a whole chain leaves says whether it narrows",
        rule: pool_narrow::RULE,
    },
    Pass {
        name: "lower-batch-norm",
        why: "once nothing more can move into a batch norm that is left",
        rule: lower_batch_norm::RULE,
    },
    Pass {
        name: "fold-constants",
        why: "after all that leave arithmetic on constants: one rounding for the whole of it",
        rule: fold_constants::RULE,
    },
    Pass {
        name: "flush-denormals",
        why: "after fold-constants: products of small weights are smaller still",
        rule: flush_denormals::RULE,
    },
    Pass {
        name: "activate-parts",
        why: "in front of fuse-epilogue, which finds each activation behind its convolution",
        rule: activate_parts::RULE,
    },
    Pass {
        name: "fuse-epilogue",
        why: "last: a batch norm or a dropout in the middle would have blocked it",
        rule: fuse_epilogue::RULE,
    },
];

/// Passes that make work for an earlier one where they change something: readers of two transposes that cancel may be
/// equal to others; what became one convolution may be scaled, and stand in another sum or chain; rules do not look far
/// into arithmetic on constants, of which folding makes one.
const AGAIN: [(&str, &str); 4] = [
    ("cancel-transposes", "share-common"),
    ("sum-convolutions", "fold-affine"),
    ("fold-linear-chains", "fold-affine"),
    ("fold-constants", "fold-linear-chains"),
];

/// The pass of that name.
pub fn find(name: &str) -> Option<&'static Pass> {
    PIPELINE.iter().find(|pass| pass.name == name)
}
