//! The kinds of files that a model can be written as: each has an extension.

use std::path::Path;

use super::Error;

/// What a model can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `.so`, a shared library that needs nothing.
    Shared,
    /// `.o`, to be linked into a program.
    Object,
    /// `.a`, an archive of that object.
    Archive,
    /// `.h`, what a C program includes.
    Header,
}

impl Kind {
    /// The kind that a path's extension names.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any other extension.
    pub fn of(path: &Path) -> Result<Kind, Error> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("so") => Ok(Kind::Shared),
            Some("o") => Ok(Kind::Object),
            Some("a") => Ok(Kind::Archive),
            Some("h") => Ok(Kind::Header),
            _ => Err(Error::Invalid(format!("{}: the extension must be .so, .o, .a or .h", path.display()))),
        }
    }
}
