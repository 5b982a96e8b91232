//! A model in this process: code and structs in memory that is never writable and executable at once.
//!
//! The pages are reserved in one piece, so that 32-bit displacements reach; they are written, then made read-only or
//! executable, and given back when the model is dropped. Weights stay where they were packed.
//! Refuses systems that forbid executable memory, and code that calls out of the module.

use std::sync::{Arc, Mutex};

use cnnc_runtime::Model;
use cnnc_runtime::abi::CnncEntry;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{Linkage, Module};

use super::{Error, Interface, Variant, WEIGHTS, Weights, define_model, jitdump};

/// Address space for code and structs. Only what is used takes memory; all of it lies within a 32-bit displacement.
const RESERVED: usize = 256 << 20;

/// A module to emit `run` into, and then a model.
pub struct Jit {
    code: Code,
    weights: Weights,
    libcalls: Arc<Mutex<Vec<String>>>,
}

/// Frees the code; the module itself would leak it.
struct Code(Option<JITModule>);

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.0.take() {
            // SAFETY: the one pointer into this memory is that of the `Model` that owns us, and it goes with it.
            unsafe { module.free_memory() }
        }
    }
}

impl Jit {
    /// A module for this machine. The ISA must not be position independent (`is_pic=false`).
    ///
    /// # Errors
    /// [`Error::Memory`] where the system gives no memory or forbids it to be executable, [`Error::Invalid`] for an
    /// ISA with `is_pic`.
    pub fn new(isa: OwnedTargetIsa, weights: Weights) -> Result<Jit, Error> {
        if isa.flags().is_pic() {
            return Err(Error::Invalid("code for the JIT must be compiled with is_pic=false".into()));
        }
        ask_for_executable_memory()?;
        let memory = ArenaMemoryProvider::new_with_size(RESERVED)
            .map_err(|error| Error::Memory(format!("no address space for code: {error}")))?;
        let libcalls = Arc::new(Mutex::new(Vec::new()));
        let seen = libcalls.clone();
        // A libcall is noted, resolved to an address that nobody calls, and refused in `finish`.
        let name_libcall = move |libcall| {
            seen.lock().expect("nothing panics under this lock").push(format!("{libcall}"));
            WEIGHTS.to_owned()
        };
        let mut builder = JITBuilder::with_isa(isa, Box::new(name_libcall));
        builder.memory_provider(Box::new(memory));
        builder.symbol(WEIGHTS, weights.bytes().as_ptr());
        Ok(Jit { code: Code(Some(JITModule::new(builder))), weights, libcalls })
    }

    /// Where `run` and its kernels are defined.
    pub fn module(&mut self) -> &mut dyn Module {
        self.code.0.as_mut().expect("only drop takes it")
    }

    /// Defines the model structs around the variants, the best first, and makes it all executable.
    ///
    /// # Errors
    /// Those of [`define_model`]; [`Error::Internal`] for code that needs a function from outside.
    pub fn finish(mut self, interface: &Interface, variants: &[Variant]) -> Result<Model, Error> {
        let embedded = if interface.weights_external { 0 } else { interface.weights_bytes };
        if self.weights.bytes().len() as u64 != embedded {
            return Err(weights_mismatch(self.weights.bytes().len(), embedded));
        }
        let entry = define_model(self.module(), interface, variants)?;
        let module = self.code.0.as_mut().expect("only drop takes it");
        let outside = module.declarations().get_functions().find(|(_, f)| f.linkage == Linkage::Import);
        if let Some((id, function)) = outside {
            return Err(Error::Internal(format!("the code calls {} outside", function.linkage_name(id))));
        }
        module.finalize_definitions()?;
        if let Some(libcall) = self.libcalls.lock().expect("nothing panics under this lock").first() {
            return Err(Error::Internal(format!("the code calls {libcall} outside")));
        }

        jitdump::record(module);
        let entry = module.get_finalized_function(entry);
        // SAFETY: `define_model` gave this function that signature, and it is executable now.
        let model = unsafe {
            let entry = std::mem::transmute::<*const u8, CnncEntry>(entry);
            entry()
        };
        let owner = Box::new((Mutex::new(self.code), self.weights));
        // SAFETY: the struct was made by `define_model` from a checked interface, and lives in the owner's memory.
        unsafe { Model::from_raw(model, owner) }.map_err(|error| Error::Internal(error.to_string()))
    }
}

/// The error of packed weights that are not those of the interface.
pub(super) fn weights_mismatch(have: usize, want: u64) -> Error {
    Error::Invalid(format!("{have} bytes of weights were given, {want} are embedded"))
}

/// cranelift-jit panics where memory cannot become executable, so a page is tried first.
fn ask_for_executable_memory() -> Result<(), Error> {
    use region::Protection;
    let refused = |error| Error::Memory(format!("this system forbids executable memory: {error}"));
    let mut page = region::alloc(region::page::size(), Protection::READ_WRITE).map_err(refused)?;
    // SAFETY: the page is ours, and nothing lies in it.
    unsafe { region::protect(page.as_mut_ptr::<u8>(), page.len(), Protection::READ_EXECUTE) }.map_err(refused)
}
