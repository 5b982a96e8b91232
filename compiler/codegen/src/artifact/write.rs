//! Files: whole or not at all.
//!
//! A file is written under a temporary name beside its own (created, never opened: `O_EXCL`) and renamed when it is
//! complete; on every error the temporary one is removed. Refuses extensions that name no kind of artifact.

use std::fs::OpenOptions;
use std::io::BufWriter;
use std::path::Path;

use super::{Artifact, Error};

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

impl Artifact<'_> {
    /// Writes the model to `path`, as the kind that its extension names; what was there is replaced in one step.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written, [`Error::Invalid`] for an unknown extension.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        self.write_file(path, false)
    }

    /// Writes as [`write`](Self::write), and waits until the file lies on the disk before it takes its name: it is
    /// whole even when the power fails.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn write_synced(&self, path: &Path) -> Result<(), Error> {
        self.write_file(path, true)
    }

    fn write_file(&self, path: &Path, sync: bool) -> Result<(), Error> {
        let kind = Kind::of(path)?;
        let fail = |error| Error::Io { path: path.to_owned(), error };
        // A link stays, what it leads to is replaced.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = match place.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
        // Opened here, so that an error does not speak of a name that is another each time.
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(".cnnc-").suffix(".tmp");
        let mut file = builder.make_in(folder, |name| options.open(name)).map_err(fail)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        self.write_to(kind, &stem, BufWriter::with_capacity(1 << 16, file.as_file_mut()))?.map_err(fail)?;
        if sync {
            file.as_file().sync_all().map_err(fail)?;
        }
        file.persist(&place).map_err(|error| fail(error.error))?;
        Ok(())
    }
}
