//! Memory that ends, or begins, at a page which nobody may touch, and runs of models in such memory.

use cnnc_ir::{DType, Data, Shape, Tensor};
use cnnc_runtime::abi::{CnncCall, CnncModel, CnncOnStep};
use cnnc_runtime::{Model, Pool, TensorInfo};
use std::ffi::c_void;
use std::io::Error;

/// Bytes with an inaccessible page close before and behind them.
pub struct Guarded {
    map: *mut libc::c_void,
    length: usize,
    start: *mut u8,
    bytes: usize,
    fill: u8,
}

/// Which end of the bytes touches the inaccessible page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tight {
    /// The first byte follows the page.
    Front,
    /// The last byte precedes the page, as far as the alignment allows.
    Back,
}

impl Guarded {
    /// `bytes` bytes of value `fill` whose address is a multiple of `align`. What the pages have besides, before or
    /// behind them, is of that value too.
    pub fn new(bytes: usize, align: usize, tight: Tight, fill: u8) -> Guarded {
        // SAFETY: sysconf reads a constant.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        assert!(align.is_power_of_two() && align <= page);
        let middle = bytes.next_multiple_of(page).max(page);
        let length = middle + 2 * page;
        // SAFETY: a fresh anonymous mapping, made accessible only between its first and last page.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let map = libc::mmap(std::ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0);
            assert!(map != libc::MAP_FAILED, "{}", Error::last_os_error());
            let inner = map.cast::<u8>().add(page);
            let access = libc::PROT_READ | libc::PROT_WRITE;
            assert_eq!(libc::mprotect(inner.cast(), middle, access), 0, "{}", Error::last_os_error());
            let start = match tight {
                Tight::Front => inner,
                Tight::Back => inner.add((middle - bytes) / align * align),
            };
            inner.write_bytes(fill, middle);
            Guarded { map, length, start, bytes, fill }
        }
    }

    /// The address.
    pub fn as_ptr(&self) -> *mut u8 {
        self.start
    }

    /// The bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping lives as long as self, and self is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.bytes) }
    }

    /// Whether nothing was written before or behind the bytes.
    pub fn is_untouched_around(&self) -> bool {
        // SAFETY: sysconf reads a constant; the inner part of our own mapping may be read as long as it lives.
        let inner = unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            std::slice::from_raw_parts(self.map.cast::<u8>().add(page), self.length - 2 * page)
        };
        let start = self.start as usize - inner.as_ptr() as usize;
        let around = inner[..start].iter().chain(&inner[start + self.bytes..]);
        around.copied().all(|byte| byte == self.fill)
    }

    /// Takes the right to write away.
    pub fn read_only(&mut self) {
        // SAFETY: sysconf reads a constant; the range is the inner part of our own mapping.
        unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let inner = self.map.cast::<u8>().add(page);
            assert_eq!(libc::mprotect(inner.cast(), self.length - 2 * page, libc::PROT_READ), 0);
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nobody can hold a reference into it any more.
        unsafe { libc::munmap(self.map, self.length) };
    }
}

/// Runs a model on so many threads with every buffer against an inaccessible page; workspace and outputs are full of
/// `fill`, inputs and weights are read-only. Around a buffer, where an alignment leaves bytes up to the page, lies
/// `fill` too: who reads there gets something else from another `fill`.
///
/// # Errors
/// The status of a call that the model refuses; bytes written beside a buffer.
pub fn run_guarded(
    model: &Model,
    inputs: &[Tensor],
    threads: u32,
    tight: Tight,
    fill: u8,
) -> Result<Vec<Tensor>, String> {
    run_observed(model, inputs, threads, (tight, fill), None)
}

/// Sees a step, and the bytes of the workspace and of the outputs after it.
pub type Observer<'o> = &'o mut dyn FnMut(usize, &[&[u8]]);

/// As [`run_guarded`]; somebody may see the memory after each step.
///
/// # Errors
/// As [`run_guarded`].
pub fn run_observed(
    model: &Model,
    inputs: &[Tensor],
    threads: u32,
    (tight, fill): (Tight, u8),
    observer: Option<Observer>,
) -> Result<Vec<Tensor>, String> {
    assert_eq!(inputs.len(), model.inputs().len(), "inputs");
    let read_only = |bytes: &[u8], align| {
        let mut memory = Guarded::new(bytes.len(), align, tight, fill);
        memory.bytes().copy_from_slice(bytes);
        memory.read_only();
        memory
    };
    let inputs: Vec<Guarded> = inputs.iter().map(|x| read_only(&x.data().to_le_bytes(), 1)).collect();
    for (given, wanted) in inputs.iter().zip(model.inputs()) {
        assert_eq!(given.bytes, wanted.bytes, "bytes of an input");
    }
    let weights = read_only(model.weights(), model.weights_align());
    let workspace_bytes = model.arena_bytes() + threads as usize * model.scratch_bytes();
    let workspace = Guarded::new(workspace_bytes, model.workspace_align(), tight, fill);
    let mut outputs: Vec<Guarded> =
        model.outputs().iter().map(|t| Guarded::new(t.bytes, 1, tight, fill)).collect();
    let given: Vec<*const c_void> = inputs.iter().map(|x| x.as_ptr().cast::<c_void>().cast_const()).collect();
    let results: Vec<*mut c_void> = outputs.iter().map(|y| y.as_ptr().cast()).collect();
    let pool = (threads > 1).then(|| Pool::new(threads).unwrap());
    let written = std::iter::once(&workspace).chain(&outputs).map(|m| (m.as_ptr().cast_const(), m.bytes));
    let written: Vec<(*const u8, usize)> = written.collect();
    let on_step: Option<CnncOnStep> = if observer.is_some() { Some(observe) } else { None };
    let mut observed = observer.map(|observer| Observed { observer, written });
    let call = CnncCall {
        struct_bytes: size_of::<CnncCall>() as u32,
        flags: 0,
        inputs: given.as_ptr(),
        outputs: results.as_ptr(),
        workspace: workspace.as_ptr().cast(),
        workspace_bytes: workspace_bytes as u64,
        weights: weights.as_ptr().cast(),
        weights_bytes: model.weights().len() as u64,
        executor: pool.as_ref().map_or(std::ptr::null(), Pool::executor),
        on_step,
        step_context: observed.as_mut().map_or(std::ptr::null_mut(), |observed| (&raw mut *observed).cast()),
    };
    let raw: *const CnncModel = model.as_raw();
    // SAFETY: every pointer of the call is to a live buffer of the size that the model asks for.
    let status = unsafe { ((*raw).run.unwrap())(raw, &call) };
    if status != 0 {
        return Err(format!("status {status}"));
    }
    if !std::iter::once(&workspace).chain(&outputs).all(Guarded::is_untouched_around) {
        return Err("something is written beside a buffer".into());
    }
    Ok(model.outputs().iter().zip(&mut outputs).map(|(info, y)| tensor(info, y.bytes())).collect())
}

/// What `on_step` is given.
struct Observed<'o> {
    observer: Observer<'o>,
    /// Workspace and outputs.
    written: Vec<(*const u8, usize)>,
}

extern "C" fn observe(context: *mut c_void, step: u32) -> i32 {
    // SAFETY: the context is that of `run_observed`, whose run is on this thread, with nothing running beside it; its
    // memory lives.
    unsafe {
        let Observed { observer, written } = &mut *context.cast::<Observed>();
        let memory = written.iter().map(|&(start, bytes)| std::slice::from_raw_parts(start, bytes));
        observer(step as usize, &memory.collect::<Vec<&[u8]>>());
    }
    0
}

/// Runs a model with its buffers tight against either end, over NaN and over other garbage: the way every compiled
/// model of these tests runs.
///
/// # Errors
/// A call that the model refuses, bytes written beside a buffer, and results that depend on what was in memory before.
pub fn run_both_ends(model: &Model, inputs: &[Tensor], threads: u32) -> Result<Vec<Tensor>, String> {
    let outputs = run_guarded(model, inputs, threads, Tight::Back, 0xFF)?;
    let again = run_guarded(model, inputs, threads, Tight::Front, 0xA5)?;
    match bytes(&outputs) == bytes(&again) {
        true => Ok(outputs),
        false => Err("what was in memory before changes the result".into()),
    }
}

/// Runs models that are compiled from one network in different ways on 1 to 8 threads, each time with their buffers
/// tight against either end: the outputs, of which all give the same bits.
///
/// # Errors
/// See [`run_both_ends`]; and bits that differ.
pub fn run_everywhere(models: &[Model], inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
    let outputs = run_both_ends(&models[0], inputs, 1)?;
    for (i, model) in models.iter().enumerate() {
        for threads in 1..=8 {
            if bytes(&run_both_ends(model, inputs, threads)?) != bytes(&outputs) {
                return Err(format!("model {i} gives other bits on {threads} threads"));
            }
        }
    }
    Ok(outputs)
}

fn bytes(outputs: &[Tensor]) -> Vec<Vec<u8>> {
    outputs.iter().map(|y| y.data().to_le_bytes()).collect()
}

/// The tensor that a model wrote.
fn tensor(info: &TensorInfo, bytes: &[u8]) -> Tensor {
    let dtype = DType::from_name(info.dtype.name()).unwrap();
    Tensor::new(Shape::from_signed(&info.shape).unwrap(), Data::from_le_bytes(dtype, bytes)).unwrap()
}
