//! A call with all its memory, made before: what is left is the call itself, as a C program with deadlines makes it.

use cnnc_runtime::abi::CnncCall;
use cnnc_runtime::{Model, Pool};
use std::ffi::c_void;

/// Buffers of one model, and the call that names them.
pub struct Ready<'a> {
    model: &'a Model,
    _inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
    _workspace: Vec<u8>,
    _pointers: (Vec<*const c_void>, Vec<*mut c_void>),
    call: CnncCall,
}

// SAFETY: the pointers are to memory that it owns, and to the executor of a pool that may be used from any thread.
unsafe impl Send for Ready<'_> {}

impl<'a> Ready<'a> {
    /// A call of `model` with these bytes of inputs, on the threads of `pool`.
    pub fn new(model: &'a Model, inputs: &[Vec<u8>], pool: Option<&'a Pool>) -> Ready<'a> {
        let inputs = inputs.to_vec();
        let mut outputs: Vec<Vec<u8>> = model.outputs().iter().map(|y| vec![0xFF; y.bytes]).collect();
        let align = model.workspace_align();
        let bytes = model.arena_bytes() + pool.map_or(1, Pool::threads) as usize * model.scratch_bytes();
        let mut workspace = vec![0xFF; bytes + align];
        let start = workspace.as_ptr().align_offset(align);
        let pointers: (Vec<_>, Vec<_>) = (
            inputs.iter().map(|x| x.as_ptr().cast()).collect(),
            outputs.iter_mut().map(|y| y.as_mut_ptr().cast()).collect(),
        );
        let call = CnncCall {
            struct_bytes: size_of::<CnncCall>() as u32,
            flags: 0,
            inputs: pointers.0.as_ptr(),
            outputs: pointers.1.as_ptr(),
            workspace: workspace[start..].as_mut_ptr().cast(),
            workspace_bytes: bytes as u64,
            weights: std::ptr::null(),
            weights_bytes: 0,
            executor: pool.map_or(std::ptr::null(), Pool::executor),
            on_step: None,
            step_context: std::ptr::null_mut(),
        };
        Ready { model, _inputs: inputs, outputs, _workspace: workspace, _pointers: pointers, call }
    }

    /// Calls; answers the status.
    pub fn run(&mut self) -> i32 {
        let raw = self.model.as_raw();
        // SAFETY: every pointer of the call is to a live buffer of the size that the model asks for.
        unsafe { (*raw).run.map_or(-1, |run| run(raw, &self.call)) }
    }

    /// What the last call wrote.
    pub fn outputs(&self) -> &[Vec<u8>] {
        &self.outputs
    }

    /// Spoils what the last call wrote, so that the next one must write it again.
    pub fn spoil(&mut self) {
        self.outputs.iter_mut().for_each(|y| y.fill(0xFF));
    }
}
