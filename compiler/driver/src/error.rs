//! The one error of the compiler: diagnostics, one line each.
//!
//! ```text
//! E_UNSUPPORTED node 12 "conv5" (Foo, domain com.acme): cnnc has no such operator; help: ...
//! ```
//!
//! INVARIANT: at least one diagnostic, and none of them contains a line break.

use std::fmt;
use std::io::ErrorKind;

use cnnc_codegen::artifact;
use cnnc_codegen::plan::PlanError;
use cnnc_frontends::onnx::Diagnostic;
use cnnc_ir::Mismatch;
use cnnc_passes::Failure;
use cnnc_runtime::{LoadError, RunError, WorkspaceError};

pub use cnnc_frontends::onnx::{E_IO, E_LIMIT, E_MEMORY, E_MODEL, E_PARSE, E_UNSUPPORTED};
pub use cnnc_frontends::weights::E_WEIGHTS;

/// The network cannot become code of the wanted kind.
pub const E_COMPILE: &str = "E_COMPILE";
/// cnnc is wrong.
pub const E_INTERNAL: &str = "E_INTERNAL";
/// What was asked for cannot be.
pub const E_OPTION: &str = "E_OPTION";
/// A model cannot be opened or run.
pub const E_RUN: &str = "E_RUN";

/// What is wrong, all of it. Its text is one line a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    diagnostics: Vec<Diagnostic>,
}

impl Error {
    /// One problem, without a node, and with the way out that most of its code have.
    pub fn new(code: &'static str, message: impl fmt::Display) -> Error {
        let message = one_line(&message.to_string());
        Diagnostic { code, node: None, op: None, message, help: None }.into()
    }

    /// The same problems, with a better way out of the last.
    pub fn with_help(mut self, help: impl fmt::Display) -> Error {
        if let Some(last) = self.diagnostics.last_mut() {
            last.help = Some(one_line(&help.to_string()));
        }
        self
    }

    /// The problems; never none.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

/// A message in one line, whatever a system or a file wrote into it.
fn one_line(message: &str) -> String {
    message.replace(['\n', '\r'], " ")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Vec<Diagnostic>> for Error {
    fn from(diagnostics: Vec<Diagnostic>) -> Error {
        if diagnostics.is_empty() {
            return Error::new(E_INTERNAL, "an import failed without a reason");
        }
        Error { diagnostics: diagnostics.into_iter().map(with_way_out).collect() }
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Error {
        Error { diagnostics: vec![with_way_out(diagnostic)] }
    }
}

/// What is wrong, with a way out where none is said.
fn with_way_out(diagnostic: Diagnostic) -> Diagnostic {
    let general = match diagnostic.code {
        E_IO => "check the path, and that it may be read or written",
        E_MEMORY => "free some memory, or use smaller shapes",
        E_OPTION => "`cnnc help COMMAND` lists what a command takes",
        E_RUN => "`cnnc inspect` prints what the model takes and gives",
        E_WEIGHTS => "`cnnc arch show` lists the tensors of a network: give them all, by these names",
        E_INTERNAL => "this is a bug in cnnc: report it with the network and the options",
        E_PARSE => "the file is damaged or no network: copy or export it again",
        E_MODEL => "the file breaks a rule of ONNX: correct it where it is made, and export it again",
        E_UNSUPPORTED => "docs/operators.md lists what is supported: export the network without it",
        E_LIMIT => "use smaller shapes, or raise --max-memory if memory is what exceeds it",
        E_COMPILE => "docs/operators.md lists what compiles: put another operator in its place",
        _ => return diagnostic,
    };
    Diagnostic { help: diagnostic.help.or_else(|| Some(general.to_string())), ..diagnostic }
}

impl From<Vec<PlanError>> for Error {
    fn from(errors: Vec<PlanError>) -> Error {
        let diagnostic = |e: PlanError| Diagnostic {
            code: if e.no_memory { E_MEMORY } else { E_COMPILE },
            node: Some(format!("%{}", e.node)),
            op: Some(e.op),
            message: one_line(&e.message),
            help: None,
        };
        Error::from(errors.into_iter().map(diagnostic).collect::<Vec<_>>())
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Unknown(_) => Error::new(E_OPTION, failure).with_help("give --disable-pass one of them"),
            Failure::Broken { .. } => Error::new(E_INTERNAL, failure),
        }
    }
}

impl From<artifact::Error> for Error {
    fn from(error: artifact::Error) -> Error {
        let code = match error {
            artifact::Error::Invalid(_) => E_OPTION,
            artifact::Error::Memory(_) => E_MEMORY,
            artifact::Error::Limit(_) => {
                let help = "raise --max-code, or compile a network with fewer layers that differ";
                return Error::new(E_LIMIT, error).with_help(help);
            }
            artifact::Error::Internal(_) => E_INTERNAL,
        };
        Error::new(code, error)
    }
}

impl From<Mismatch> for Error {
    fn from(mismatch: Mismatch) -> Error {
        Error::new(E_RUN, mismatch)
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Error {
        Error::new(E_RUN, error).with_help("give a library that this cnnc compiled for this machine")
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Error {
        let help = match error {
            RunError::NullPointer => "set all pointers of the call, as cnnc.h has them",
            RunError::Misaligned => "take memory of the alignment that the model says",
            RunError::WorkspaceTooSmall => "make the workspace for this model",
            RunError::CpuUnsupported => "compile it with other --target-features",
            RunError::WeightsMissing => "give the weights that the model was made for",
            RunError::BadExecutor => "give the executor of a pool, or none",
            RunError::BadCall => "fill the call as the cnnc.h of the model has it",
            RunError::Stopped => "let the observer answer 0, and the run goes on",
            RunError::Unknown(_) => "compile the model again, with this cnnc",
            _ => return Error::new(E_RUN, error),
        };
        Error::new(E_RUN, error).with_help(help)
    }
}

impl From<WorkspaceError> for Error {
    fn from(error: WorkspaceError) -> Error {
        let code = match &error {
            WorkspaceError::Threads(cause) if cause.kind() == ErrorKind::InvalidInput => E_LIMIT,
            WorkspaceError::Threads(_) => E_MEMORY,
            _ => return Error::new(E_MEMORY, error),
        };
        Error::new(code, error).with_help("take fewer --threads; 0 takes as many as there are processors")
    }
}
