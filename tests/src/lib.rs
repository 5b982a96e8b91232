//! What the end-to-end tests share: the models beside the project, compiled models in every form, guarded memory,
//! calls that are ready to run, C programs around models, the cases of the onnx package, mutants of models
//! and what may become of them, bugs for kernels and plans, what steps leave in memory, drawn networks and how far
//! their results may be off.

pub mod bound;
pub mod bugs;
pub mod child;
pub mod close;
pub mod compiled;
pub mod count;
pub mod drawn;
pub mod guarded;
pub mod judge;
pub mod linked;
pub mod models;
pub mod mutate;
pub mod mutate_text;
pub mod onnx_case;
pub mod onnxruntime;
pub mod random;
pub mod ready;
pub mod skeleton;
pub mod steps;
pub mod ulps;
