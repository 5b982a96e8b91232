//! From a kernel to a defined function of a Cranelift module, by either emitter.
//!
//! INVARIANT: a kernel's frame is below [`MAX_FRAME`], so that no stack probe is needed.
//! Refuses kernels that break the [rules](super::verify()) and those that do not fit the register file.

use std::fmt::{Display, Formatter};

use cranelift_codegen::Context;
use cranelift_codegen::ir::{AbiParam, Function, Signature, UserFuncName, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilderContext;
use cranelift_module::{FuncId, Module};

use super::{Kernel, clif, verify, x64};

/// The bytes of stack a kernel may take, one page.
pub const MAX_FRAME: usize = 4096;

/// Alignment of a kernel's code in bytes: that of its vector constants, which lie behind the code.
const CODE_ALIGN: u64 = 32;

/// Who turns kernels into code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Emitter {
    /// Own bytes for x86-64: AVX2 and FMA, AVX-512 for wide vectors.
    X64,
    /// CLIF of 128-bit vectors, compiled by Cranelift. On x86-64 the ISA needs the flags `has_sse41` and
    /// `has_fma`: without them rounding and fma become calls out of the module.
    Clif,
}

/// Why a kernel has no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmitError {
    /// More registers are live at once than the machine has; there are no spills.
    TooManyRegisters {
        /// The kernel.
        kernel: String,
        /// `vector` or `pointer`.
        kind: &'static str,
        /// The most registers live at one place.
        needed: usize,
        /// How many there are.
        have: usize,
    },
    /// The kernel breaks a rule of the language.
    Invalid {
        /// The kernel.
        kernel: String,
        /// The rule and the instruction.
        message: String,
    },
    /// Cranelift or the encoder refused, or the frame reached [`MAX_FRAME`].
    Refused {
        /// The kernel.
        kernel: String,
        /// What was said.
        message: String,
    },
    /// All code together takes more than the limit.
    TooMuch {
        /// Bytes that it may take.
        limit: u64,
    },
}

impl Display for EmitError {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            EmitError::TooManyRegisters { kernel, kind, needed, have } => {
                write!(
                    f,
                    "kernel {kernel}: {needed} {kind} registers are live at once, the machine has {have}"
                )
            }
            EmitError::Invalid { kernel, message } | EmitError::Refused { kernel, message } => {
                write!(f, "kernel {kernel}: {message}")
            }
            EmitError::TooMuch { limit } => write!(f, "the code takes more than {limit} bytes"),
        }
    }
}

impl std::error::Error for EmitError {}

/// The signature of every kernel: `extern "sysv64" fn(args: *const u64, wide: u64)`. The second argument says whether
/// the processor has AVX-512; a kernel written once for all processors does not look at it.
pub fn signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64); 2]);
    signature
}

/// What a kernel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Bytes of code.
    pub code: usize,
    /// Bytes of stack, without the return address.
    pub stack: usize,
}

impl Size {
    /// Of a function that Cranelift has compiled.
    pub fn of(context: &Context) -> Size {
        let code = context.compiled_code();
        let layout = code.and_then(|code| code.buffer.frame_layout());
        Size {
            code: code.map_or(0, |code| code.code_buffer().len()),
            stack: layout.map_or(0, |layout| layout.frame_to_fp_offset as usize),
        }
    }
}

/// Defines `id`, declared with [`signature`], as the kernel's code. A kernel may have a twin with wide vectors, which
/// computes the same and runs where the processor has them; of code through CLIF it is no part.
///
/// # Errors
/// Every [`EmitError`]; the function is then not defined.
pub fn define(
    module: &mut dyn Module,
    id: FuncId,
    kernel: &Kernel,
    wide: Option<&Kernel>,
    emitter: Emitter,
) -> Result<Size, EmitError> {
    verify(kernel)?;
    let refused = |message: String| EmitError::Refused { kernel: kernel.name.clone(), message };
    match emitter {
        Emitter::X64 => {
            let mut code = x64::assemble(kernel)?;
            if let Some(wide) = wide {
                verify(wide)?;
                code = x64::choice(&code, &x64::assemble(wide)?);
            }
            module
                .define_function_bytes(id, CODE_ALIGN, &code.bytes, &[])
                .map_err(|e| refused(e.to_string()))?;
            Ok(Size { code: code.bytes.len(), stack: code.stack })
        }
        Emitter::Clif => {
            let mut context = Context::for_function(Function::with_name_signature(
                UserFuncName::user(0, id.as_u32()),
                signature(),
            ));
            clif::build(
                kernel,
                &mut context.func,
                &mut FunctionBuilderContext::new(),
                module.target_config(),
            );
            module.define_function(id, &mut context).map_err(|e| refused(format!("{e:?}")))?;
            let size = Size::of(&context);
            match size.stack {
                stack if stack < MAX_FRAME => Ok(size),
                stack => Err(refused(format!("the frame takes {stack} bytes, the limit is {MAX_FRAME}"))),
            }
        }
    }
}
