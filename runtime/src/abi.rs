//! The artifact ABI, version 1: `include/cnnc.h` word for word.
//!
//! Sizes and offsets equal those that a C compiler gives the header (`tests/abi.rs`). Function pointers are
//! `Option`: a null one is representable, hence refused rather than called. What the fields mean stands in
//! the header; nothing here checks them.

use std::ffi::{c_char, c_void};

/// The version that this crate reads and offers.
pub const CNNC_ABI_VERSION: u32 = 1;

/// `run` succeeded.
pub const CNNC_OK: i32 = 0;
/// A required pointer is null.
pub const CNNC_NULL_POINTER: i32 = 1;
/// Workspace or external weights are not aligned as the model asks.
pub const CNNC_MISALIGNED: i32 = 2;
/// The workspace holds fewer bytes than arena and scratch take.
pub const CNNC_WORKSPACE_TOO_SMALL: i32 = 3;
/// The processor lacks an instruction set that the model was compiled for.
pub const CNNC_CPU_UNSUPPORTED: i32 = 4;
/// External weights were not given, or have the wrong size.
pub const CNNC_WEIGHTS_MISSING: i32 = 5;
/// The executor is malformed.
pub const CNNC_BAD_EXECUTOR: i32 = 6;
/// The call is malformed.
pub const CNNC_BAD_CALL: i32 = 7;
/// `on_step` asked to stop.
pub const CNNC_STOPPED: i32 = 8;

/// The symbol that every artifact exports: a [`CnncEntry`].
pub const CNNC_ENTRY: &str = "cnnc_model_v1";

/// Gives the model of an artifact.
pub type CnncEntry = unsafe extern "C" fn() -> *const CnncModel;

/// One index of a parallel loop: `task(argument, index)`.
pub type CnncTask = unsafe extern "C" fn(argument: *mut c_void, index: u32);

/// Calls `task(argument, index)` for each index in `0..count` and returns when all calls have returned.
pub type CnncParallelFor =
    unsafe extern "C" fn(context: *mut c_void, count: u32, task: CnncTask, argument: *mut c_void);

/// Runs a model once; answers `CNNC_OK` or another status.
pub type CnncRun = unsafe extern "C" fn(model: *const CnncModel, call: *const CnncCall) -> i32;

/// Called after each step; other than 0 stops the run.
pub type CnncOnStep = unsafe extern "C" fn(step_context: *mut c_void, step: u32) -> i32;

/// A tensor as it lies in memory: row-major, densely packed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CnncTensor {
    /// Size of this struct.
    pub struct_bytes: u32,
    /// A number that [`DType::from_onnx`](crate::DType::from_onnx) knows.
    pub dtype: u32,
    /// UTF-8, as in the source model.
    pub name: *const c_char,
    /// `rank` extents; null for rank 0.
    pub shape: *const i64,
    /// Number of extents.
    pub rank: u32,
    /// With `scale`: real = scale * (stored - zero_point).
    pub zero_point: i32,
    /// 0: not quantised.
    pub scale: f32,
    /// Product of the extents times the size of an element.
    pub bytes: u64,
}

/// How a model gets work done on several threads.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CnncExecutor {
    /// Size of this struct.
    pub struct_bytes: u32,
    /// How many calls may run at once, at least 1.
    pub threads: u32,
    /// First argument of `parallel_for`.
    pub context: *mut c_void,
    /// The loop; any thread may call it at any time.
    pub parallel_for: Option<CnncParallelFor>,
}

/// One run.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CnncCall {
    /// Size of this struct.
    pub struct_bytes: u32,
    /// 0.
    pub flags: u32,
    /// One pointer a tensor, in the model's order.
    pub inputs: *const *const c_void,
    /// One pointer a tensor, in the model's order.
    pub outputs: *const *mut c_void,
    /// Aligned to `workspace_align`.
    pub workspace: *mut c_void,
    /// At least arena_bytes + threads * scratch_bytes.
    pub workspace_bytes: u64,
    /// Null: the embedded ones.
    pub weights: *const c_void,
    /// 0 with the embedded weights.
    pub weights_bytes: u64,
    /// Null: the calling thread alone.
    pub executor: *const CnncExecutor,
    /// Called on the calling thread after each step.
    pub on_step: Option<CnncOnStep>,
    /// First argument of `on_step`.
    pub step_context: *mut c_void,
}

/// A compiled model.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CnncModel {
    /// [`CNNC_ABI_VERSION`].
    pub abi_version: u32,
    /// Size of this struct.
    pub struct_bytes: u32,
    /// UTF-8.
    pub name: *const c_char,
    /// `input_count` pointers.
    pub inputs: *const *const CnncTensor,
    /// `output_count` pointers.
    pub outputs: *const *const CnncTensor,
    /// Number of inputs.
    pub input_count: u32,
    /// Number of outputs.
    pub output_count: u32,
    /// Activations, and buffers that the threads of one run share.
    pub arena_bytes: u64,
    /// What each thread needs besides.
    pub scratch_bytes: u64,
    /// A power of two; both sizes are multiples of it.
    pub workspace_align: u64,
    /// Embedded weights; null if external.
    pub weights: *const c_void,
    /// Size of the weights, embedded or external.
    pub weights_bytes: u64,
    /// Alignment of the weights, embedded or external.
    pub weights_align: u64,
    /// Protobuf message `cnnc.Manifest`.
    pub manifest: *const c_void,
    /// Size of the manifest.
    pub manifest_bytes: u64,
    /// Most stack that `run` uses on one thread.
    pub stack_bytes: u64,
    /// Number of steps of the plan.
    pub step_count: u32,
    /// 0.
    pub reserved: u32,
    /// The code.
    pub run: Option<CnncRun>,
}
