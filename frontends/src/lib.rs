//! What cnnc reads: ONNX files.
//!
//! A frontend turns a file into a [`cnnc_ir::Module`] and knows nothing of what becomes of it.

pub mod onnx;
