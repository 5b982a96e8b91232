//! Emission: from a program to functions of a Cranelift module, the same for JIT and object files.
//!
//! ```text
//! run, run_wide(model, call)      of the model for processors without wide vectors, and with them: says which
//!   start(model, call, wide)      checks the call, fills a context, advances step by step
//!     advance(ctx, step)          hands the step to the executor or runs it itself, then calls on_step
//!       task(ctx, index)          calls the function of the step's shape with the offsets of its buffers
//!         step_k(ctx, index, ..)  walks this task's share of the step's units
//!           kernel(args, wide)    computes one unit
//! ```
//!
//! Everything but the kernels is CLIF. No function refers to a symbol outside the module or holds an absolute
//! address; integer division has constant divisors only, so nothing can trap.

mod entry;
mod footprint;
mod nest;
mod shape;
mod step;
mod table;

use crate::kernels::{Code, Spec};
use crate::plan::{Call, Program};
use crate::target::Target;
use crate::vasm::footprint::Outline;
use crate::vasm::{self, EmitError, Kernel, Size};
use cranelift_codegen::Context;
use cranelift_codegen::ir::{Function, Signature, UserFuncName};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{FuncId, Linkage, Module};
use entry::Entry;
use shape::Shape;
use std::collections::HashMap;
use table::Record;

/// What emission defined.
#[derive(Clone, Copy, Debug)]
pub struct Emitted {
    /// `int32_t run(const cnnc_model *, const cnnc_call *)`
    pub run: FuncId,
    /// The same for processors with AVX-512, where the target [has](Target::wide) code for them.
    pub run_wide: Option<FuncId>,
    /// The most stack that it uses on one thread, the executor's own apart.
    pub stack_bytes: u64,
}

/// Sees code on its way to the machine.
pub trait Watch {
    /// A kernel of the vector assembler before it is code, its twin with wide vectors, `…_wide`, right after it. Tests
    /// that must notice a bug put one in here.
    fn kernel(&mut self, _kernel: &mut Kernel) {}

    /// A function of CLIF, and its name, before Cranelift compiles it.
    fn function(&mut self, _name: &str, _function: &Function) {}
}

/// Sees nothing.
impl Watch for () {}

/// Defines the code of a program.
///
/// # Errors
/// Code over the target's limit; when a kernel does not fit the target's registers or Cranelift refuses a function,
/// which are bugs of cnnc.
pub fn emit(
    program: &Program,
    target: &Target,
    module: &mut dyn Module,
    watch: &mut dyn Watch,
) -> Result<Emitted, EmitError> {
    let mut emitter = Emitter {
        module,
        watch,
        kernels: HashMap::new(),
        shapes: HashMap::new(),
        steps: Vec::new(),
        target,
        builder: FunctionBuilderContext::new(),
        deepest_kernel: 0,
        deepest_step: 0,
        code: 0,
    };
    let steps = program.steps.iter().enumerate();
    let records: Vec<Record> =
        steps.map(|(index, step)| emitter.step(program, index, step)).collect::<Result<_, _>>()?;
    let Entry { run, run_wide, frames } = emitter.entry(program, &records)?;
    // Each frame besides its own bytes holds a return address and the saved frame pointer.
    let calls = 6 * 16;
    let stack_bytes =
        (frames + emitter.deepest_step + emitter.deepest_kernel + calls).next_multiple_of(16) as u64;
    Ok(Emitted { run, run_wide, stack_bytes })
}

/// Code under construction.
struct Emitter<'a> {
    module: &'a mut dyn Module,
    watch: &'a mut dyn Watch,
    target: &'a Target,
    kernels: HashMap<Spec, Defined>,
    /// The number of the function of each shape.
    shapes: HashMap<Shape, u32>,
    /// The functions of steps.
    steps: Vec<FuncId>,
    builder: FunctionBuilderContext,
    deepest_kernel: usize,
    deepest_step: usize,
    /// Bytes of all code so far, and of the table of steps.
    code: u64,
}

/// A kernel that has code.
struct Defined {
    function: FuncId,
    name: String,
    /// What it touches, and its wide twin; none of one that is written in CLIF.
    outlines: Vec<Outline>,
}

impl Emitter<'_> {
    /// The function of the kernel of a call, generated at its first use, and named after the layer that it is.
    fn kernel(&mut self, call: &Call, layer: &str) -> Result<FuncId, EmitError> {
        if !self.kernels.contains_key(&call.kernel) {
            let defined = self.define_kernel(&call.kernel, layer)?;
            self.kernels.insert(call.kernel.clone(), defined);
        }
        let Defined { function, name, outlines } = &self.kernels[&call.kernel];
        let check = |outline| footprint::check(call, outline);
        outlines
            .iter()
            .try_for_each(check)
            .map_err(|message| EmitError::Invalid { kernel: name.clone(), message })?;
        Ok(*function)
    }

    fn define_kernel(&mut self, spec: &Spec, layer: &str) -> Result<Defined, EmitError> {
        let name = format!("{}_{}.{}", spec.kind(), self.kernels.len(), step::symbol(layer));
        let id = self.declare(&name, &vasm::signature())?;
        let mut outlines = Vec::new();
        let stack = match spec.generate(&name) {
            Code::Vector(mut kernel) => {
                self.watch.kernel(&mut kernel);
                let mut wide = self.target.wide.then(|| spec.generate_wide(&name)).flatten();
                wide.iter_mut().for_each(|kernel| self.watch.kernel(kernel));
                let size = vasm::define(self.module, id, &kernel, wide.as_ref(), self.target.emitter)?;
                self.grow(size.code)?;
                outlines.extend([Some(&kernel), wide.as_ref()].into_iter().flatten().map(Outline::of));
                size.stack
            }
            Code::Clif(kernel) => self.define(&name, id, vasm::signature(), |_, b| kernel.build(b))?,
        };
        self.deepest_kernel = self.deepest_kernel.max(stack);
        Ok(Defined { function: id, name, outlines })
    }

    fn declare(&mut self, name: &str, signature: &Signature) -> Result<FuncId, EmitError> {
        self.module.declare_function(name, Linkage::Local, signature).map_err(|e| refused(name, &e))
    }

    /// Defines a declared function from CLIF; answers the bytes of its frame.
    fn define(
        &mut self,
        name: &str,
        id: FuncId,
        signature: Signature,
        write: impl FnOnce(&mut dyn Module, &mut FunctionBuilder),
    ) -> Result<usize, EmitError> {
        let function = Function::with_name_signature(UserFuncName::user(0, id.as_u32()), signature);
        let mut context = Context::for_function(function);
        let mut builder = FunctionBuilder::new(&mut context.func, &mut self.builder);
        write(self.module, &mut builder);
        builder.finalize(self.module.target_config());
        self.watch.function(name, &context.func);
        self.module.define_function(id, &mut context).map_err(|e| refused(name, &e))?;
        let Size { code, stack: frame } = Size::of(&context);
        self.grow(code)?;
        if frame >= vasm::MAX_FRAME {
            return Err(refused(
                name,
                &format!("the frame takes {frame} bytes, the limit is {}", vasm::MAX_FRAME),
            ));
        }
        Ok(frame)
    }

    /// Counts code against the limit.
    fn grow(&mut self, bytes: usize) -> Result<(), EmitError> {
        self.code += bytes as u64;
        let limit = self.target.max_code;
        if self.code <= limit { Ok(()) } else { Err(EmitError::TooMuch { limit }) }
    }
}

fn refused(name: &str, message: &dyn std::fmt::Debug) -> EmitError {
    EmitError::Refused { kernel: name.to_string(), message: format!("{message:?}") }
}

/// Offsets of the structure that `start` keeps on its stack and all tasks of a run share, in bytes.
mod context {
    /// Address of the arena.
    pub(super) const ARENA: i32 = 0;
    /// Address of the weights.
    pub(super) const WEIGHTS: i32 = 8;
    /// The caller's array of inputs.
    pub(super) const INPUTS: i32 = 16;
    /// The caller's array of outputs.
    pub(super) const OUTPUTS: i32 = 24;
    /// Over how many tasks the current step is shared out, as f64.
    pub(super) const SHARES: i32 = 32;
    /// The address of the record of the current step.
    pub(super) const STEP: i32 = 40;
    /// The executor, or null.
    pub(super) const EXECUTOR: i32 = 48;
    /// How many tasks the executor runs at once.
    pub(super) const THREADS: i32 = 56;
    /// The caller's `on_step`, or null.
    pub(super) const ON_STEP: i32 = 64;
    /// What it is given.
    pub(super) const STEP_CONTEXT: i32 = 72;
    /// Whether kernels run with wide vectors, 1 or 0.
    pub(super) const WIDE: i32 = 80;
    /// The address of the table of steps.
    pub(super) const TABLE: i32 = 88;
    /// Bytes of the structure.
    pub(super) const BYTES: u32 = 96;
}
