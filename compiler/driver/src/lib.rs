//! The compiler: from a network, by name or in a file, to a model that runs in this process or a library that runs
//! anywhere.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = cnnc::Options::default();
//! let network = cnnc::load("squeezenet.onnx".as_ref(), &options)?;
//!
//! let model = cnnc::jit(&network, &options)?; // runs here
//! let mut workspace = cnnc::Workspace::new(&model, 1)?;
//! # let (image, mut scores) = (vec![0.0f32; 3 * 227 * 227], vec![0.0f32; 1000]);
//! model.run_f32(&[&image], &mut [&mut scores], &mut workspace)?;
//!
//! cnnc::compile(&network, &options)?.write("squeezenet.so".as_ref())?; // runs anywhere
//! # Ok(())
//! # }
//! ```
//!
//! The journey is one file, `pipeline.rs`; [`load`] takes the name of a built-in network where it takes a file.
//! Everything that is wrong with a network comes back at once, as an [`Error`] of one line a problem.

mod error;
mod memory;
mod options;
mod picture;
mod pipeline;
mod source;
mod tune;

pub use cnnc_codegen::plan::{Goal, Program, Times};
pub use cnnc_frontends::arch::ArchOptions;
pub use cnnc_frontends::onnx::Diagnostic;
pub use cnnc_ir::Module;
pub use cnnc_passes::{Event, PassOptions, Report};
pub use cnnc_runtime::{Call, Model, Pool, Workspace};
pub use error::{
    E_COMPILE, E_INTERNAL, E_IO, E_LIMIT, E_MEMORY, E_MODEL, E_OPTION, E_PARSE, E_RUN, E_UNSUPPORTED,
    E_WEIGHTS, Error,
};
pub use options::{Features, Options};
pub use picture::Picture;
pub use pipeline::{Compiled, compile, jit, optimize, plan};
pub use source::{load, load_digested};
pub use tune::{Measured, read_times, tune, write_times};
