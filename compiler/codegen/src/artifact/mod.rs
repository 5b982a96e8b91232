//! The artifact: everything around `run` that makes generated code a model of the cnnc ABI, version 1.
//!
//! ```text
//!                         ┌ Jit::finish ──────────────> cnnc_runtime::Model
//! emitter -> dyn Module ──┤
//!                         └ Artifact::finish ┬ bare object -> elf::link -> .so
//!                                            ├ object + weights ─────────> .o -> .a
//!                                            └ interface ────────────────> .h
//! ```
//!
//! INVARIANT: one path. JIT and files get the same `run` and the same [`define_model`]; only the module differs.
//! Refuses code that needs anything from outside: every symbol is defined here, or the artifact is not made.

mod elf;
mod features;
mod header;
mod jit;
mod jitdump;
mod kind;
#[rustfmt::skip]
pub mod manifest;
mod model;
mod object;
mod weights;

use std::fmt::{Display, Formatter};

use cranelift_module::ModuleError;

pub use features::CpuFeatures;
pub use header::header;
pub use jit::Jit;
pub use kind::Kind;
pub use model::{Interface, TensorDesc, Variant, c_identifier, define_model};
pub use object::Artifact;
pub use weights::{Weights, WeightsMut};

/// The symbol of the weights while a module is built; local in what is written.
const WEIGHTS: &str = "cnnc_weights";

/// Why there is no artifact.
#[derive(Debug)]
pub enum Error {
    /// What the caller asked for cannot be: a name, a size, an extension, a target.
    Invalid(String),
    /// The system refused memory, or memory for code.
    Memory(String),
    /// What is made is larger than the caller lets it be.
    Limit(String),
    /// cnnc is wrong: the emitted code breaks a rule of the artifact.
    Internal(String),
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Invalid(message) | Error::Memory(message) | Error::Limit(message) => f.write_str(message),
            Error::Internal(message) => write!(f, "internal error: {message}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<ModuleError> for Error {
    fn from(error: ModuleError) -> Self {
        match error {
            ModuleError::Allocation { err } => Error::Memory(format!("no memory for code: {err}")),
            error => Error::Internal(error.to_string()),
        }
    }
}
