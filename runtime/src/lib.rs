//! Opens compiled models, owns workspaces, offers a thread pool.
//!
//! ```no_run
//! use cnnc_runtime::{Model, Workspace};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Model::open("lenet5.so")?;
//! let mut workspace = Workspace::new(&model, 4)?;
//! let image = [0.0f32; 32 * 32];
//! let mut scores = [0.0f32; 10];
//! model.run_f32(&[&image], &mut [&mut scores], &mut workspace)?;
//! # Ok(())
//! # }
//! ```
//!
//! One `Model` serves any number of threads at once; each brings its own `Workspace`. The contract with
//! compiled code is `include/cnnc.h`, mirrored in [`abi`]; everything that a model says of itself is checked
//! when it is opened, everything that a caller brings is checked at each run. This crate knows no graph and
//! no operator.

pub mod abi;
mod call;
mod capi;
mod dtype;
mod error;
mod model;
mod pool;
mod read;
mod whole;
mod workspace;

pub use call::Call;
pub use capi::{cnnc_pool_create, cnnc_pool_destroy};
pub use dtype::DType;
pub use error::{LoadError, RunError, WorkspaceError};
pub use model::Model;
pub use pool::Pool;
pub use read::TensorInfo;
pub use workspace::Workspace;
