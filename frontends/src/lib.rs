//! What cnnc reads: ONNX files, and the architectures that are built in.
//!
//! A frontend turns a file, or a name, into a [`cnnc_ir::Module`] and knows nothing of what becomes of it.

pub mod arch;
pub mod file;
pub mod onnx;
pub mod weights;
