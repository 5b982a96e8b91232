//! The whole compiler, top to bottom.
//!
//! ```text
//! name or file -> load -> Module -> optimize -> Module -> plan -> Compiled ┬ jit   -> Model
//!                                                                          └ write -> .so | .o | .a | .h
//! ```
//!
//! INVARIANT: memory and files come from one program by one path. Refuses networks that do not fit together, and
//! those with nodes that have no plan; all of them are reported.

use std::io::BufWriter;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use cnnc_codegen::artifact::{Artifact, Kind, Weights, c_identifier};
use cnnc_codegen::plan::{self, Goal, Program, check};
use cnnc_codegen::{self as codegen, Origin};
use cnnc_frontends::file;
use cnnc_ir::Module;
use cnnc_passes::{self as passes, Event, PassOptions, Report};
use cnnc_runtime::Model;

use crate::{E_INTERNAL, E_OPTION, Error, Options, memory, tune};

/// Rewrites a network into the one that is planned; `trace` sees it after each pass.
///
/// # Errors
/// Values over `max_memory`, names of passes that there are not; anything else is a bug of cnnc.
pub fn optimize(
    mut module: Module,
    options: &Options,
    trace: &mut dyn FnMut(Event<'_>),
) -> Result<(Module, Report), Error> {
    memory::declared(&module, options.memory())?;
    let wanted = PassOptions { verify: options.check || options.passes.verify, ..options.passes.clone() };
    let report = passes::run(&mut module, &wanted, trace)?;
    Ok((module, report))
}

/// Plans an optimised network: as the options say; where a run would be over a limit, for so little memory, with every
/// convolution computed directly, or both. The manifest names the options that the plan was made by.
///
/// # Errors
/// All nodes that cannot be compiled; times of other layers; a run over a limit by any plan; a plan that is proved
/// wrong, which is a bug of cnnc.
pub fn plan(module: Module, options: &Options) -> Result<Compiled, Error> {
    let (options, program) = fit(&module, options)?;
    check::check(&program)
        .map_err(|rule| Error::new(E_INTERNAL, format!("the plan breaks {rule}; this is a bug in cnnc")))?;
    Ok(Compiled { module, program, weights: Arc::default(), options, source_sha256: Vec::new() })
}

/// The first plan whose run fits into the memory, and the options that it was made by.
fn fit(module: &Module, options: &Options) -> Result<(Options, Program), Error> {
    tune::fits(module, options)?;
    let fits = |program: &Program| memory::excess(program, options) == 0;
    let mut nearest = plan::plan(module, &options.target())?;
    if fits(&nearest) {
        return Ok((options.clone(), nearest));
    }
    let small = |options: &Options| Options { optimize: Goal::Memory, ..options.clone() };
    let direct = Options { winograd: false, ..options.clone() };
    for less in [small(options), direct.clone(), small(&direct)] {
        let program = match less.optimize {
            Goal::Memory => plan::plan_until(module, &less.target(), &fits)?,
            Goal::Balanced | Goal::Speed => plan::plan(module, &less.target())?,
        };
        if fits(&program) {
            return Ok((less, program));
        }
        if memory::excess(&program, options) < memory::excess(&nearest, options) {
            nearest = program;
        }
    }
    Err(memory::refusal(&nearest, options))
}

/// Compiles a network as [`load`](crate::load()) gives it.
///
/// # Errors
/// Those of [`optimize`] and [`plan`](plan()).
pub fn compile(module: &Module, options: &Options) -> Result<Compiled, Error> {
    let (module, _) = optimize(module.clone(), options, &mut |_| {})?;
    plan(module, options)
}

/// Compiles a network into this process.
///
/// # Errors
/// Those of [`compile`], and memory that the system refuses.
pub fn jit(module: &Module, options: &Options) -> Result<Model, Error> {
    compile(module, options)?.jit()
}

/// A planned network: one step from code, in memory or in a file.
#[derive(Clone, Debug)]
pub struct Compiled {
    module: Module,
    program: Program,
    /// Packed when a file first wants them.
    weights: Arc<OnceLock<Weights>>,
    options: Options,
    source_sha256: Vec<u8>,
}

impl Compiled {
    /// The same with the SHA-256 of the file that it comes from, for the manifest.
    pub fn with_source(self, sha256: impl Into<Vec<u8>>) -> Compiled {
        Compiled { source_sha256: sha256.into(), ..self }
    }

    /// The network after the passes.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The plan: steps, buffers, what the weights are.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The options that the plan was made by: those asked for, or what limits made of them.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// A model in this process; its code is freed with it.
    ///
    /// # Errors
    /// Memory that the system refuses; anything else is a bug of cnnc.
    pub fn jit(&self) -> Result<Model, Error> {
        let origin = self.origin(&self.module.graph.name);
        Ok(codegen::jit(&self.module, &self.program, &self.options.target(), &origin)?)
    }

    /// The code that is no vector kernel, in Cranelift's IR.
    ///
    /// # Errors
    /// None but bugs of cnnc.
    pub fn clif(&self) -> Result<String, Error> {
        Ok(codegen::clif(&self.program, &self.options.target())?)
    }

    /// Writes the kind of file that the extension names: `.so`, `.o`, `.a` or `.h`. What was there is replaced
    /// in one step; after an error nothing is left.
    ///
    /// # Errors
    /// Another extension, the name `cnnc`, and what the file system refuses.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let (kind, stem) = (Kind::of(path)?, path.file_stem().unwrap_or_default().to_string_lossy());
        let origin = self.origin(&stem);
        if origin.name == "cnnc" {
            let error = Error::new(E_OPTION, "cnnc_model is a type of cnnc.h, no function can have its name");
            return Err(error.with_help("give another name: --name NAME"));
        }
        let artifact = self.artifact(&origin)?;
        file::write_by(path, self.options.sync, |file| {
            Ok(artifact.write_to(kind, &stem, BufWriter::with_capacity(1 << 16, file))?)
        })
    }

    /// Makes what files are written of, for whatever machine, and throws it away.
    ///
    /// # Errors
    /// What else [`write`](Self::write) would report, but for names and files.
    pub fn check(&self) -> Result<(), Error> {
        self.artifact(&self.origin(&self.module.graph.name)).map(drop)
    }

    fn artifact(&self, origin: &Origin) -> Result<Artifact<'_>, Error> {
        let weights = match self.weights.get() {
            Some(weights) => weights,
            None => {
                let packed = codegen::pack(&self.program)?;
                self.weights.get_or_init(|| packed)
            }
        };
        Ok(codegen::artifact(&self.module, &self.program, weights, &self.options.target(), origin)?)
    }

    /// What the artifact says of itself; `stem` names it where the options do not.
    fn origin(&self, stem: &str) -> Origin {
        Origin {
            name: c_identifier(self.options.name.as_deref().unwrap_or(stem)),
            source_sha256: self.source_sha256.clone(),
            options: self.options.settings(),
        }
    }
}
