//! What the end-to-end tests share: the models beside the project, compiled models in every form, guarded memory.

pub mod compiled;
pub mod guarded;
pub mod models;
