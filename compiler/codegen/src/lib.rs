//! Plans a graph and emits native code for it.
//!
//! ```text
//! Module -> plan -> Program -> kernels and CLIF -> artifact: .so | .o | .a | .h | JIT
//! ```

mod address;
pub mod artifact;
mod compile;
mod control_flow;
pub mod emit;
pub mod kernels;
pub mod plan;
pub mod scalar;
pub mod target;
pub mod vasm;

pub use compile::{Origin, artifact, clif, jit, jit_watched, pack};
pub use emit::Watch;
pub use target::{Machine, Target};
