//! Reads the structs of the ABI and checks all they say: versions, null pointers, counts, types, sizes, and
//! for each tensor
//!
//! ```text
//! bytes = shape[0] * ... * shape[rank - 1] * bytes of an element
//! ```
//!
//! with checked arithmetic. What cannot be checked is whether a pointer points to what it claims: every
//! unsafe function here asks for that, and for memory that stays as it is.

use std::{
    ffi::{CStr, c_char},
    ptr::NonNull,
    slice,
};

use crate::{
    DType, LoadError,
    abi::{CNNC_ABI_VERSION, CnncModel, CnncTensor},
};

const MAX_TENSORS: u32 = 1 << 16;
const MAX_RANK: u32 = 8;

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// As in the source model.
    pub name: String,
    /// Type of the elements.
    pub dtype: DType,
    /// Extents, outermost first; none for a scalar.
    pub shape: Vec<i64>,
    /// Product of the extents times the size of an element.
    pub bytes: usize,
    /// real = scale * (stored - zero_point); 0: not quantised.
    pub scale: f32,
    /// See `scale`.
    pub zero_point: i32,
}

impl TensorInfo {
    /// How messages call the tensor.
    pub(crate) fn label(&self, what: &str) -> String {
        format!("{what} \"{}\"", self.name)
    }
}

fn invalid<T>(what: impl Into<String>) -> Result<T, LoadError> {
    Err(LoadError::Invalid(what.into()))
}

/// A pointer that is neither null nor misaligned.
fn present<T>(raw: *const T, what: &str) -> Result<NonNull<T>, LoadError> {
    match NonNull::new(raw.cast_mut()) {
        None => invalid(format!("{what} is null")),
        Some(raw) if !raw.is_aligned() => invalid(format!("{what} is misaligned")),
        Some(raw) => Ok(raw),
    }
}

/// A later version may append to a struct, none may shorten it.
fn complete<T>(struct_bytes: u32, what: &str) -> Result<(), LoadError> {
    let least = size_of::<T>();
    if (struct_bytes as usize) < least {
        return invalid(format!("{what} has a struct of {struct_bytes} bytes, expected {least}"));
    }
    Ok(())
}

fn check_sizes(model: &CnncModel) -> Result<(), LoadError> {
    if model.run.is_none() {
        return invalid("run is null");
    }
    let align = model.workspace_align;
    if !align.is_power_of_two() || align > isize::MAX as u64 {
        return invalid(format!("workspace_align is {align}, not a power of two"));
    }
    for (what, size) in [("arena_bytes", model.arena_bytes), ("scratch_bytes", model.scratch_bytes)] {
        if !size.is_multiple_of(align) {
            return invalid(format!("{what} is {size}, not a multiple of workspace_align {align}"));
        }
    }
    for (what, size) in [
        ("arena_bytes", model.arena_bytes),
        ("scratch_bytes", model.scratch_bytes),
        ("weights_bytes", model.weights_bytes),
        ("manifest_bytes", model.manifest_bytes),
    ] {
        if isize::try_from(size).is_err() {
            return invalid(format!("{what} is {size}, more than the address space holds"));
        }
    }
    let align = model.weights_align;
    if model.weights_bytes > 0 && !(align.is_power_of_two() && model.weights.addr() as u64 & (align - 1) == 0)
    {
        return invalid(format!("the weights are not aligned to weights_align {align}"));
    }
    if model.manifest.is_null() && model.manifest_bytes > 0 {
        return invalid("the manifest is null");
    }
    Ok(())
}

/// # Safety
/// `raw` is null, or points to a model as its ABI version has it.
pub(crate) unsafe fn model<'a>(raw: *const CnncModel) -> Result<&'a CnncModel, LoadError> {
    let raw = present(raw, "the model")?;
    // SAFETY: a model of any version starts with its version.
    let version = unsafe { (&raw const (*raw.as_ptr()).abi_version).read() };
    if version != CNNC_ABI_VERSION {
        return Err(LoadError::AbiVersion(version));
    }
    // SAFETY: a model of this version has a size.
    let struct_bytes = unsafe { (&raw const (*raw.as_ptr()).struct_bytes).read() };
    complete::<CnncModel>(struct_bytes, "the model")?;
    // SAFETY: it is as large as it must be.
    let model = unsafe { raw.as_ref() };
    check_sizes(model)?;
    Ok(model)
}

/// # Safety
/// `raw` is null, or points to a string that ends with a zero byte.
pub(crate) unsafe fn name(raw: *const c_char, of: &str) -> Result<String, LoadError> {
    let raw = present(raw, &format!("the name of {of}"))?;
    // SAFETY: promised by the caller.
    match unsafe { CStr::from_ptr(raw.as_ptr()) }.to_str() {
        Ok(name) => Ok(name.to_owned()),
        Err(_) => invalid(format!("the name of {of} is not UTF-8")),
    }
}

/// # Safety
/// `raw` is null, or points to `count` pointers, each null or to a tensor as the ABI has it.
pub(crate) unsafe fn tensors(
    raw: *const *const CnncTensor,
    count: u32,
    what: &str,
) -> Result<Vec<TensorInfo>, LoadError> {
    if count > MAX_TENSORS {
        return invalid(format!("{count} {what}s, at most {MAX_TENSORS} are possible"));
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    let first = present(raw, &format!("the list of {what}s"))?;
    // SAFETY: promised by the caller.
    let list = unsafe { slice::from_raw_parts(first.as_ptr(), count as usize) };
    // SAFETY: promised by the caller.
    let read = |(index, &raw)| unsafe { tensor(raw, &format!("{what} {index}")) };
    list.iter().enumerate().map(read).collect()
}

/// # Safety
/// `raw` is null, or points to a tensor as the ABI has it.
unsafe fn tensor(raw: *const CnncTensor, what: &str) -> Result<TensorInfo, LoadError> {
    let raw = present(raw, what)?;
    // SAFETY: a tensor of any version starts with its size.
    complete::<CnncTensor>(unsafe { (&raw const (*raw.as_ptr()).struct_bytes).read() }, what)?;
    // SAFETY: it is as large as it must be.
    let tensor = unsafe { raw.as_ref() };
    // SAFETY: promised by the caller.
    let name = unsafe { name(tensor.name, what) }?;
    let Some(dtype) = DType::from_onnx(tensor.dtype) else {
        return invalid(format!("{what} has the unknown element type {}", tensor.dtype));
    };
    if tensor.rank > MAX_RANK {
        return invalid(format!("{what} has rank {}, at most {MAX_RANK} is possible", tensor.rank));
    }
    let shape = match tensor.rank {
        0 => Vec::new(),
        rank => {
            let first = present(tensor.shape, &format!("the shape of {what}"))?;
            // SAFETY: promised by the caller.
            unsafe { slice::from_raw_parts(first.as_ptr(), rank as usize) }.to_vec()
        }
    };
    let expected = shape.iter().try_fold(dtype.bytes(), |bytes, &extent| {
        bytes.checked_mul(usize::try_from(extent).ok()?).filter(|&bytes| bytes <= isize::MAX as usize)
    });
    let Some(bytes) = expected.filter(|&bytes| bytes as u64 == tensor.bytes) else {
        return invalid(format!("{what}: {dtype}{shape:?} does not take {} bytes", tensor.bytes));
    };
    let (scale, zero_point) = (tensor.scale, tensor.zero_point);
    if !(scale.is_finite() && scale >= 0.0) {
        return invalid(format!("{what} has the scale {scale}"));
    }
    Ok(TensorInfo { name, dtype, shape, bytes, scale, zero_point })
}
