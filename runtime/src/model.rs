//! A compiled model, opened from a library or taken from memory.
//!
//! What the struct of the ABI says is checked once, when the model is opened (`read.rs`); so the accessors
//! are plain, and a run checks only what its caller brings (`call.rs`).

use std::{
    any::Any,
    ffi::c_void,
    fmt,
    path::{Path, absolute},
    ptr::NonNull,
    slice,
};

use crate::{
    Call, DType, LoadError, RunError, TensorInfo, Workspace,
    abi::{CNNC_ENTRY, CNNC_NULL_POINTER, CnncCall, CnncEntry, CnncModel},
    read, whole,
};

/// A compiled model with the code it runs; serves any number of threads at once.
pub struct Model {
    raw: NonNull<CnncModel>,
    name: String,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    /// Keeps the code and everything behind `raw` in place.
    _owner: Box<dyn Any + Send + Sync>,
}

// SAFETY: what `raw` points to never changes, and `run` is re-entrant: both promised to `from_raw`.
unsafe impl Send for Model {}
// SAFETY: as above.
unsafe impl Sync for Model {}

impl Model {
    /// Opens an artifact. The file is code and is trusted as code: opening it is like starting a program.
    ///
    /// # Errors
    /// When the file is no library for this machine, was cut, exports no model, or describes it against the ABI.
    pub fn open(path: impl AsRef<Path>) -> Result<Model, LoadError> {
        // The dynamic linker would search a bare name in the system's folders.
        let path = absolute(path.as_ref()).unwrap_or_else(|_| path.as_ref().to_owned());
        if let Some((bytes, wanted)) = whole::missing(&path) {
            return Err(LoadError::Cut { path, bytes, wanted });
        }
        let library = |cause| LoadError::Library { path: path.clone(), cause };
        // SAFETY: an artifact has no initialisers; another library is trusted as the documentation says.
        let code = unsafe { libloading::Library::new(&path) }.map_err(library)?;
        // SAFETY: the symbol has this type in every artifact.
        let entry = *unsafe { code.get::<CnncEntry>(CNNC_ENTRY) }.map_err(library)?;
        // SAFETY: the entry gives the model of the library, which `code` keeps in place.
        unsafe { Model::from_raw(entry(), Box::new(code)) }
    }

    /// Takes a model that lies in memory; `owner` keeps it and its code in place: a library, memory of a JIT.
    ///
    /// # Safety
    /// `raw` is null, or points to a model that keeps the contract of `cnnc.h` and stays unchanged as long as
    /// `owner` lives.
    ///
    /// # Errors
    /// When `raw` is null, has another ABI version, or contradicts the ABI or itself.
    pub unsafe fn from_raw(
        raw: *const CnncModel,
        owner: Box<dyn Any + Send + Sync>,
    ) -> Result<Model, LoadError> {
        // SAFETY: promised by the caller.
        let model = unsafe { read::model(raw) }?;
        // SAFETY: promised by the caller.
        let (name, inputs, outputs) = unsafe {
            (
                read::name(model.name, "the model")?,
                read::tensors(model.inputs, model.input_count, "input")?,
                read::tensors(model.outputs, model.output_count, "output")?,
            )
        };
        Ok(Model { raw: NonNull::from_ref(model), name, inputs, outputs, _owner: owner })
    }

    /// Runs once; `inputs` and `outputs` hold one dense row-major tensor each, in the model's order, at any
    /// alignment.
    ///
    /// # Errors
    /// Counts or byte lengths other than the model's, and what the model refuses.
    pub fn run(
        &self,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
        workspace: &mut Workspace,
    ) -> Result<(), RunError> {
        Call::new(self, workspace).run(inputs, outputs)
    }

    /// [`Model::run`] for a model with f32 inputs and outputs only.
    ///
    /// # Errors
    /// Those of `run`, and another element type.
    pub fn run_f32(
        &self,
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
        workspace: &mut Workspace,
    ) -> Result<(), RunError> {
        let tensors = self.inputs.iter().map(|tensor| ("input", tensor));
        for (what, tensor) in tensors.chain(self.outputs.iter().map(|tensor| ("output", tensor))) {
            if tensor.dtype != DType::F32 {
                let (given, expected) = (DType::F32, tensor.dtype);
                return Err(RunError::DType { tensor: tensor.label(what), given, expected });
            }
        }
        let inputs: Vec<&[u8]> = inputs.iter().map(|values| f32_bytes(values)).collect();
        let mut outputs: Vec<&mut [u8]> = outputs.iter_mut().map(|values| f32_bytes_mut(values)).collect();
        self.run(&inputs, &mut outputs, workspace)
    }

    /// [`Model::run`] that calls `on_step(step)` on this thread after each step of the plan; false stops the
    /// run.
    ///
    /// # Errors
    /// Those of `run`, and [`RunError::Stopped`].
    ///
    /// # Panics
    /// With the panic of `on_step`.
    pub fn run_observed(
        &self,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
        workspace: &mut Workspace,
        on_step: &mut dyn FnMut(u32) -> bool,
    ) -> Result<(), RunError> {
        Call::new(self, workspace).with_observer(on_step).run(inputs, outputs)
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a run reads.
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    /// What a run writes.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// Bytes of a workspace that all threads of a run share.
    pub fn arena_bytes(&self) -> usize {
        self.model().arena_bytes as usize
    }

    /// Bytes of a workspace that each thread needs besides.
    pub fn scratch_bytes(&self) -> usize {
        self.model().scratch_bytes as usize
    }

    /// Alignment of a workspace: a power of two, which divides both sizes.
    pub fn workspace_align(&self) -> usize {
        self.model().workspace_align as usize
    }

    /// The embedded weights; empty if the model takes external ones.
    pub fn weights(&self) -> &[u8] {
        // SAFETY: checked by `from_raw`.
        unsafe { bytes(self.model().weights, self.model().weights_bytes) }
    }

    /// Bytes of external weights that a call must bring; `None` if the weights are embedded.
    pub fn external_weights_bytes(&self) -> Option<usize> {
        let model = self.model();
        (model.weights.is_null() && model.weights_bytes > 0).then_some(model.weights_bytes as usize)
    }

    /// Alignment of the weights in bytes.
    pub fn weights_align(&self) -> usize {
        self.model().weights_align as usize
    }

    /// The manifest: a protobuf message `cnnc.Manifest`.
    pub fn manifest(&self) -> &[u8] {
        // SAFETY: checked by `from_raw`.
        unsafe { bytes(self.model().manifest, self.model().manifest_bytes) }
    }

    /// Most stack in bytes that a run uses on one thread.
    pub fn stack_bytes(&self) -> u64 {
        self.model().stack_bytes
    }

    /// Number of steps of the plan.
    pub fn step_count(&self) -> u32 {
        self.model().step_count
    }

    /// The struct of the ABI; valid as long as this model.
    pub fn as_raw(&self) -> *const CnncModel {
        self.raw.as_ptr()
    }

    fn model(&self) -> &CnncModel {
        // SAFETY: promised to `from_raw`.
        unsafe { self.raw.as_ref() }
    }

    /// # Safety
    /// The call keeps the contract of `cnnc.h`.
    pub(crate) unsafe fn call(&self, call: &CnncCall) -> i32 {
        match self.model().run {
            // SAFETY: promised by the caller for the call, to `from_raw` for the model.
            Some(run) => unsafe { run(self.raw.as_ptr(), call) },
            None => CNNC_NULL_POINTER, // Refused by `from_raw`.
        }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut model = f.debug_struct("Model");
        model.field("name", &self.name).field("inputs", &self.inputs).field("outputs", &self.outputs);
        model.finish_non_exhaustive()
    }
}

fn f32_bytes(values: &[f32]) -> &[u8] {
    // SAFETY: floats are bytes without padding.
    unsafe { slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

fn f32_bytes_mut(values: &mut [f32]) -> &mut [u8] {
    // SAFETY: floats are bytes without padding, and any bytes are floats.
    unsafe { slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}

/// # Safety
/// `start` is null, or points to `count` bytes that live as long as the result; `count` fits an `isize`.
unsafe fn bytes<'a>(start: *const c_void, count: u64) -> &'a [u8] {
    if start.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { slice::from_raw_parts(start.cast(), count as usize) }
}
