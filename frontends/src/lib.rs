//! What cnnc reads: ONNX files and built-in architectures.
