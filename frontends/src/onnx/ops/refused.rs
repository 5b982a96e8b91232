//! Operators that are known and cannot be compiled: the shape of their results depends on the data.
//!
//!     NonMaxSuppression NonZero Unique Compress by a condition that is computed

use crate::onnx::diagnostic::fault;
use crate::onnx::node::{Node, Outcome};

pub(super) fn data_dependent(_: &mut Node) -> Outcome {
    let fault =
        fault!(E_UNSUPPORTED, "the shape of its result depends on the data, cnnc compiles static shapes");
    Err(fault
        .with_help("cut the model in front of it, and do it in the program that calls the compiled model"))
}
