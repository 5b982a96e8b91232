//! What can go wrong: opening a model, making a workspace, running.
//!
//! Messages are one line, start in lower case and name what was given and what was expected.

use std::{error::Error, fmt, io, path::PathBuf};

use crate::{DType, abi};

/// Why a model was not opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// The file is no library for this machine, or does not export `cnnc_model_v1`.
    Library {
        /// The file.
        path: PathBuf,
        /// What the dynamic linker says.
        cause: libloading::Error,
    },
    /// The file is shorter than its own headers say: the linker would map what is not there.
    Cut {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// What its headers reach to.
        wanted: u64,
    },
    /// The model has this ABI version, which is not [`abi::CNNC_ABI_VERSION`].
    AbiVersion(u32),
    /// The model describes itself in a way that the ABI forbids.
    Invalid(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Library { path, cause } => {
                let path = format!("{}: ", path.display());
                let reason = cause.source().map_or_else(|| cause.to_string(), |reason| reason.to_string());
                // The linker names most files itself.
                write!(f, "{path}{}", reason.strip_prefix(&path).unwrap_or(&reason))
            }
            LoadError::Cut { path, bytes, wanted } => {
                let path = path.display();
                write!(
                    f,
                    "{path}: the file is damaged, it ends at {bytes} of {wanted} bytes: copy or compile it again"
                )
            }
            LoadError::AbiVersion(version) => {
                write!(f, "the model has ABI version {version}, expected {}", abi::CNNC_ABI_VERSION)
            }
            LoadError::Invalid(what) => write!(f, "invalid model: {what}"),
        }
    }
}

impl Error for LoadError {}

/// Why a workspace was not made.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkspaceError {
    /// The threads of its pool could not be made.
    Threads(io::Error),
    /// The sizes overflow the address space.
    TooLarge,
    /// The system has no memory of this many bytes to give.
    OutOfMemory(usize),
}

impl fmt::Display for WorkspaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkspaceError::Threads(cause) => write!(f, "cannot make the threads: {cause}"),
            WorkspaceError::TooLarge => f.write_str("the workspace exceeds the address space"),
            WorkspaceError::OutOfMemory(bytes) => write!(f, "no memory for a workspace of {bytes} bytes"),
        }
    }
}

impl Error for WorkspaceError {}

/// Why a run failed. The outputs then hold unspecified values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// Too few or too many tensors.
    Count {
        /// "input" or "output".
        of: &'static str,
        /// How many the caller brought.
        given: usize,
        /// How many the model has.
        expected: usize,
    },
    /// A tensor of another size.
    Length {
        /// The tensor, such as `input "x"`.
        tensor: String,
        /// Bytes that the caller brought.
        given: usize,
        /// Bytes that the tensor takes.
        expected: usize,
    },
    /// A tensor of another element type.
    DType {
        /// The tensor, such as `input "x"`.
        tensor: String,
        /// The caller's element type.
        given: DType,
        /// The model's element type.
        expected: DType,
    },
    /// `CNNC_NULL_POINTER`
    NullPointer,
    /// `CNNC_MISALIGNED`
    Misaligned,
    /// `CNNC_WORKSPACE_TOO_SMALL`
    WorkspaceTooSmall,
    /// `CNNC_CPU_UNSUPPORTED`
    CpuUnsupported,
    /// `CNNC_WEIGHTS_MISSING`
    WeightsMissing,
    /// `CNNC_BAD_EXECUTOR`
    BadExecutor,
    /// `CNNC_BAD_CALL`
    BadCall,
    /// `CNNC_STOPPED`
    Stopped,
    /// A status that this ABI version does not define.
    Unknown(i32),
}

impl RunError {
    /// Reads what `run` returned.
    pub fn from_status(status: i32) -> Result<(), RunError> {
        Err(match status {
            abi::CNNC_OK => return Ok(()),
            abi::CNNC_NULL_POINTER => RunError::NullPointer,
            abi::CNNC_MISALIGNED => RunError::Misaligned,
            abi::CNNC_WORKSPACE_TOO_SMALL => RunError::WorkspaceTooSmall,
            abi::CNNC_CPU_UNSUPPORTED => RunError::CpuUnsupported,
            abi::CNNC_WEIGHTS_MISSING => RunError::WeightsMissing,
            abi::CNNC_BAD_EXECUTOR => RunError::BadExecutor,
            abi::CNNC_BAD_CALL => RunError::BadCall,
            abi::CNNC_STOPPED => RunError::Stopped,
            unknown => RunError::Unknown(unknown),
        })
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Count { of, given, expected } => {
                write!(f, "{given} {of} tensors given, the model has {expected}")
            }
            RunError::Length { tensor, given, expected } => {
                write!(f, "{tensor}: {given} bytes given, expected {expected}")
            }
            RunError::DType { tensor, given, expected } => {
                write!(f, "{tensor}: {given} given, expected {expected}")
            }
            RunError::NullPointer => f.write_str("a pointer of the call that must not be null is null"),
            RunError::Misaligned => {
                f.write_str("workspace or external weights are not aligned as the model asks")
            }
            RunError::WorkspaceTooSmall => f.write_str("the workspace was made for a smaller model"),
            RunError::CpuUnsupported => {
                f.write_str("this processor lacks an instruction set that the model was compiled for")
            }
            RunError::WeightsMissing => {
                f.write_str("the model takes external weights: none were given, or of the wrong size")
            }
            RunError::BadExecutor => f.write_str("the executor is malformed"),
            RunError::BadCall => f.write_str("the call is malformed, or newer than the model"),
            RunError::Stopped => f.write_str("the run was stopped by the observer"),
            RunError::Unknown(status) => write!(f, "the model answered the unknown status {status}"),
        }
    }
}

impl Error for RunError {}
