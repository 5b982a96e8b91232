//! One run: checks what the caller brings, then calls the code.
//!
//! Counts and byte lengths are checked here. Alignment, workspace size and weights are checked by the model
//! itself, as the ABI demands, and come back as a status. A panic of the observer stops the run and goes on
//! in the caller.

use std::{
    any::Any,
    ffi::c_void,
    mem::size_of,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    ptr,
};

use crate::{Model, RunError, TensorInfo, Workspace, abi::CnncCall};

/// A run with options; [`Model::run`] is the plain one.
pub struct Call<'a> {
    model: &'a Model,
    workspace: &'a mut Workspace,
    weights: &'a [u8],
    on_step: Option<&'a mut dyn FnMut(u32) -> bool>,
}

impl<'a> Call<'a> {
    /// A call of `model` in `workspace`.
    pub fn new(model: &'a Model, workspace: &'a mut Workspace) -> Call<'a> {
        Call { model, workspace, weights: &[], on_step: None }
    }

    /// Uses these weights in place of the embedded ones; aligned to [`Model::weights_align`].
    pub fn with_weights(self, weights: &'a [u8]) -> Call<'a> {
        Call { weights, ..self }
    }

    /// Calls `on_step(step)` on this thread after each step; false stops the run.
    pub fn with_observer(self, on_step: &'a mut dyn FnMut(u32) -> bool) -> Call<'a> {
        Call { on_step: Some(on_step), ..self }
    }

    /// Runs once; `inputs` and `outputs` hold one dense row-major tensor each, in the model's order, at any
    /// alignment.
    ///
    /// # Errors
    /// Counts or byte lengths other than the model's, an observer that stops, and what the model refuses.
    ///
    /// # Panics
    /// With the panic of the observer.
    pub fn run(self, inputs: &[&[u8]], outputs: &mut [&mut [u8]]) -> Result<(), RunError> {
        check("input", self.model.inputs(), inputs.iter().map(|bytes| bytes.len()))?;
        check("output", self.model.outputs(), outputs.iter().map(|bytes| bytes.len()))?;
        let inputs: Vec<*const c_void> = inputs.iter().map(|bytes| bytes.as_ptr().cast()).collect();
        let outputs: Vec<*mut c_void> = outputs.iter_mut().map(|bytes| bytes.as_mut_ptr().cast()).collect();
        let mut observer = self.on_step.map(|on_step| Observer { on_step, panic: None });
        let call = CnncCall {
            struct_bytes: size_of::<CnncCall>() as u32,
            flags: 0,
            inputs: inputs.as_ptr(),
            outputs: outputs.as_ptr(),
            workspace: self.workspace.start().cast(),
            workspace_bytes: self.workspace.bytes().len() as u64,
            weights: if self.weights.is_empty() { ptr::null() } else { self.weights.as_ptr().cast() },
            weights_bytes: self.weights.len() as u64,
            executor: self.workspace.executor(),
            on_step: observer.is_some().then_some(observe),
            step_context: observer.as_mut().map_or(ptr::null_mut(), |observer| (&raw mut *observer).cast()),
        };
        // SAFETY: every pointer holds the bytes that the model asks for: tensors were checked, sizes of
        // workspace and weights are told, outputs and workspace are borrowed alone.
        let status = unsafe { self.model.call(&call) };
        if let Some(panic) = observer.and_then(|observer| observer.panic) {
            resume_unwind(panic);
        }
        RunError::from_status(status)
    }
}

fn check(
    what: &'static str,
    tensors: &[TensorInfo],
    given: impl ExactSizeIterator<Item = usize>,
) -> Result<(), RunError> {
    if given.len() != tensors.len() {
        return Err(RunError::Count { of: what, given: given.len(), expected: tensors.len() });
    }
    for (tensor, given) in tensors.iter().zip(given) {
        if given != tensor.bytes {
            let expected = tensor.bytes;
            return Err(RunError::Length { tensor: tensor.label(what), given, expected });
        }
    }
    Ok(())
}

struct Observer<'a> {
    on_step: &'a mut dyn FnMut(u32) -> bool,
    panic: Option<Box<dyn Any + Send>>,
}

unsafe extern "C" fn observe(context: *mut c_void, step: u32) -> i32 {
    // SAFETY: the observer of `Call::run`, which waits for the model; the model calls on that thread alone.
    let observer = unsafe { &mut *context.cast::<Observer<'_>>() };
    match catch_unwind(AssertUnwindSafe(|| (observer.on_step)(step))) {
        Ok(go_on) => i32::from(!go_on),
        Err(panic) => {
            observer.panic = Some(panic);
            1
        }
    }
}
