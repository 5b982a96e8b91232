//! What is wrong with a model, and where.
//!
//!     E_UNSUPPORTED node 12 "conv5" (Foo, domain com.acme): cnnc has no such operator
//!
//! A [`Fault`] knows what is wrong; the importer adds where, which makes it a [`Diagnostic`]. Either is one
//! line: text from the file goes through [`quoted`], which escapes control characters and cuts what is long.

use cnnc_ir::{Mismatch, ValueError};
use std::fmt;

/// The bytes are no ONNX model.
pub const E_PARSE: &str = "E_PARSE";
/// The model breaks a rule of ONNX.
pub const E_MODEL: &str = "E_MODEL";
/// The model is legal, and cnnc cannot compile it.
pub const E_UNSUPPORTED: &str = "E_UNSUPPORTED";
/// The model asks for more memory or arithmetic than an import may use.
pub const E_LIMIT: &str = "E_LIMIT";
/// A file cannot be read, or must not be.
pub const E_IO: &str = "E_IO";
/// The system has no memory to give.
pub const E_MEMORY: &str = "E_MEMORY";

/// One problem of a model. Its text is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of problem, one of the `E_` constants.
    pub code: &'static str,
    /// The node: its index in the file, and its name or that of its first output.
    pub node: Option<String>,
    /// The operator of the node, with its domain where that is not ONNX's.
    pub op: Option<String>,
    /// What is wrong.
    pub message: String,
    /// A way out.
    pub help: Option<String>,
}

/// Characters of a name, and of a sentence, that are shown.
const LONGEST: (usize, usize) = (200, 600);

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, sentence) = LONGEST;
        f.write_str(self.code)?;
        if let Some(node) = &self.node {
            write!(f, " node {}", printable(node, name))?;
        }
        if let Some(op) = &self.op {
            write!(f, " ({})", printable(op, name))?;
        }
        write!(f, ": {}", printable(&self.message, sentence))?;
        match &self.help {
            Some(help) => write!(f, "; help: {}", printable(help, sentence)),
            None => Ok(()),
        }
    }
}

/// Text that may come from a file, for one line on a terminal: what is not seen is escaped, what is long is cut.
pub fn printable(text: &str, longest: usize) -> impl fmt::Display {
    let mut shown = String::with_capacity(text.len().min(longest));
    for (at, c) in text.chars().enumerate() {
        match c {
            _ if at == longest => {
                shown.push_str("...");
                break;
            }
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

impl std::error::Error for Diagnostic {}

/// A problem whose place is not known yet.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Fault {
    /// The same problem with a way out.
    pub(super) fn with_help(self, help: impl Into<String>) -> Fault {
        Fault { help: Some(help.into()), ..self }
    }

    /// The same problem of a part of the model that is named.
    pub(super) fn inside(self, part: impl fmt::Display) -> Fault {
        Fault { message: format!("{part}: {}", self.message), ..self }
    }

    /// The problem of a node.
    pub(super) fn at(self, node: String, op: String) -> Diagnostic {
        Diagnostic { node: Some(node), op: Some(op), ..self.into() }
    }
}

impl From<Fault> for Diagnostic {
    fn from(Fault { code, mut message, help }: Fault) -> Diagnostic {
        // A list from the file may have millions of entries.
        if let Some((end, _)) = message.char_indices().nth(400) {
            message.truncate(end);
            message.push_str("...");
        }
        Diagnostic { code, node: None, op: None, message, help }
    }
}

impl From<Diagnostic> for Fault {
    fn from(Diagnostic { code, message, help, .. }: Diagnostic) -> Fault {
        Fault { code, message, help }
    }
}

impl From<Mismatch> for Fault {
    fn from(Mismatch(message): Mismatch) -> Fault {
        Fault { code: E_MODEL, message, help: None }
    }
}

impl From<ValueError> for Fault {
    fn from(error: ValueError) -> Fault {
        match error {
            ValueError::Mismatch(mismatch) => mismatch.into(),
            ValueError::NoMemory(..) => fault!(E_MEMORY, "{error}"),
        }
    }
}

/// Text from a file for a message: in quotes, escaped, and cut when long.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// A [`Fault`] of this code with a formatted message.
macro_rules! fault {
    ($code:ident, $($arg:tt)*) => {
        $crate::onnx::diagnostic::Fault {
            code: $crate::onnx::diagnostic::$code,
            message: format!($($arg)*),
            help: None,
        }
    };
}
pub(super) use fault;

/// Returns a [`Fault`] of this code with a formatted message.
macro_rules! fail {
    ($code:ident, $($arg:tt)*) => { return Err($crate::onnx::diagnostic::fault!($code, $($arg)*)) };
}
pub(super) use fail;

/// Returns a [`Fault`] unless the condition holds.
macro_rules! ensure {
    ($cond:expr, $code:ident, $($arg:tt)*) => {
        if !$cond {
            $crate::onnx::diagnostic::fail!($code, $($arg)*)
        }
    };
}
pub(super) use ensure;
