//! Running kernels on the machine at hand, and memory that catches every stray byte.

use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Linkage, Module, default_libcall_names};

use crate::target::Machine;
use crate::vasm::{EmitError, Emitter, Kernel, WIDE, define, signature};

/// Whether this machine runs what both emitters write. Says so on stderr when it does not.
pub(super) fn is_able() -> bool {
    #[cfg(target_arch = "x86_64")]
    let able = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let able = false;
    if !able {
        eprintln!("SKIPPED: this machine has no AVX2 and FMA");
    }
    able
}

/// The emitters whose code for vectors of so many lanes this machine runs. Says so on stderr when one is left out.
pub(super) fn emitters(lanes: usize) -> Vec<Emitter> {
    let runs_x64 = lanes < WIDE || Machine::host_is_wide();
    if !runs_x64 {
        eprintln!("SKIPPED: this machine has no AVX-512, wide vectors run through CLIF alone");
    }
    [Emitter::X64, Emitter::Clif]
        .into_iter()
        .filter(|&emitter| emitter == Emitter::Clif || runs_x64)
        .collect()
}

fn isa() -> OwnedTargetIsa {
    let mut flags = settings::builder();
    for (name, value) in [("opt_level", "speed"), ("enable_verifier", "true"), ("regalloc_checker", "true")] {
        flags.set(name, value).expect("a flag of Cranelift");
    }
    let isa = cranelift_native::builder().expect("a target of Cranelift");
    isa.finish(settings::Flags::new(flags)).expect("flags that go together")
}

/// A kernel in executable memory, freed when dropped.
pub(super) struct Compiled {
    module: Option<JITModule>,
    code: *const u8,
    /// What `define` said.
    pub(super) stack: usize,
}

impl Compiled {
    pub(super) fn new(kernel: &Kernel, emitter: Emitter) -> Result<Compiled, EmitError> {
        Compiled::of(kernel, None, emitter)
    }

    /// A kernel and its wide twin.
    pub(super) fn choice(kernel: &Kernel, wide: &Kernel) -> Result<Compiled, EmitError> {
        Compiled::of(kernel, Some(wide), Emitter::X64)
    }

    fn of(kernel: &Kernel, wide: Option<&Kernel>, emitter: Emitter) -> Result<Compiled, EmitError> {
        let mut module = JITModule::new(JITBuilder::with_isa(isa(), default_libcall_names()));
        let id =
            module.declare_function(&kernel.name, Linkage::Export, &signature()).expect("one declaration");
        let stack = define(&mut module, id, kernel, wide, emitter).map(|size| size.stack);
        module.finalize_definitions().expect("nothing to link");
        let code = if stack.is_ok() { module.get_finalized_function(id) } else { std::ptr::null() };
        stack.map(|stack| Compiled { module: Some(module), code, stack })
    }

    /// Runs the kernel.
    ///
    /// # Safety
    /// The kernel must be right about the memory its arguments name.
    pub(super) unsafe fn run(&self, args: &[u64]) {
        // SAFETY: the caller vouches for the memory.
        unsafe { self.run_as(args, 0) }
    }

    /// Runs the kernel, or its wide twin.
    ///
    /// # Safety
    /// As for [`Compiled::run`].
    pub(super) unsafe fn run_as(&self, args: &[u64], wide: u64) {
        // SAFETY: the code has this signature and lives as long as `self`.
        let f: extern "sysv64" fn(*const u64, u64) = unsafe { std::mem::transmute(self.code) };
        f(args.as_ptr(), wide);
    }
}

impl Drop for Compiled {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: nothing keeps a pointer into the code.
            unsafe { module.free_memory() }
        }
    }
}

const PAGE: usize = 4096;

/// One page of memory between two that fault.
pub(super) struct Guarded(*mut u8);

impl Guarded {
    pub(super) fn new() -> Guarded {
        // SAFETY: a fresh anonymous mapping, of which the middle page is opened.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let base = libc::mmap(std::ptr::null_mut(), 3 * PAGE, libc::PROT_NONE, flags, -1, 0);
            assert_ne!(base, libc::MAP_FAILED);
            let page = base.cast::<u8>().add(PAGE);
            assert_eq!(libc::mprotect(page.cast(), PAGE, libc::PROT_READ | libc::PROT_WRITE), 0);
            Guarded(page)
        }
    }

    /// The page as words.
    pub(super) fn words(&mut self) -> &mut [u32] {
        // SAFETY: the page is mapped, aligned, and borrowed with `self`.
        unsafe { std::slice::from_raw_parts_mut(self.0.cast(), PAGE / 4) }
    }

    /// The address of the page's first byte.
    pub(super) fn start(&self) -> u64 {
        self.0 as u64
    }

    /// The address after the page's last byte.
    pub(super) fn end(&self) -> u64 {
        self.0 as u64 + PAGE as u64
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`.
        unsafe { libc::munmap(self.0.sub(PAGE).cast(), 3 * PAGE) };
    }
}
