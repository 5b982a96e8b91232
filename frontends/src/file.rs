//! Files: regular ones of bounded size are read, and what is written is whole or as it was.
//!
//! ```text
//! path -> open, never waiting -> what is open is a regular file, and not too large -> bytes
//! bytes -> a temporary file beside the path -> renamed when it is complete
//! ```
//!
//! What is judged is what was opened: a name may stand for another file a moment later. Refuses folders, pipes and
//! devices, which may never end.

use crate::onnx::{Diagnostic, E_IO};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Opens a regular file, to be read.
///
/// # Errors
/// What the system refuses, and files that are no regular ones.
pub fn open(path: &Path) -> Result<(File, Metadata), Diagnostic> {
    let (file, found) = opened(path, 0).map_err(|error| unreadable(path, &error))?;
    match (found.is_file(), found.is_dir()) {
        (true, _) => Ok((file, found)),
        (_, true) => Err(problem(path, "is a folder", "name a file in it")),
        _ => Err(problem(path, "is no regular file", "write what it gives into a file, and name that")),
    }
}

/// Whatever stands at a path, open, and what it is; with more flags of the system's call.
pub(crate) fn opened(path: &Path, flags: i32) -> Result<(File, Metadata), Error> {
    // Without O_NONBLOCK a pipe is waited for until somebody writes to it.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | flags;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    Ok((file, found))
}

/// The bytes of a regular file that has at most so many.
///
/// # Errors
/// Those of [`open`], larger files, and memory that the system refuses.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Diagnostic> {
    let (file, found) = open(path)?;
    let fits = |bytes: u64| match bytes <= most {
        true => Ok(()),
        false => {
            let what = format!("is larger than {most} bytes, the most that is read of it");
            Err(problem(path, &what, "is it the file that you mean?"))
        }
    };
    fits(found.len())?;
    let mut bytes = Vec::new();
    let room = bytes.try_reserve_exact(found.len() as usize);
    room.map_err(|_| {
        problem(path, &format!("there is no memory for its {} bytes", found.len()), "free some")
    })?;
    // It may grow while it is read.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    fits(bytes.len() as u64)?;
    Ok(bytes)
}

/// The text of a file, as [`read`] does.
///
/// # Errors
/// Those of [`read`], and bytes that are no UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<String, Diagnostic> {
    let text = String::from_utf8(read(path, most)?);
    text.map_err(|error| problem(path, &format!("is no text: {}", error.utf8_error()), "save it as UTF-8"))
}

/// Writes a file: after an error it is as it was. Pipes and devices get the bytes as they come.
///
/// # Errors
/// What the system refuses.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Diagnostic> {
    write_by(path, false, |file| Ok(file.write_all(bytes)))
}

/// Writes a file as [`write`](write()) does, by what knows its bytes. With `sync` it lies on the disk before it takes
/// its name: it is whole even when the power fails.
///
/// # Errors
/// Those of `bytes`, and what the system refuses, to it too.
pub fn write_by<E: From<Diagnostic>>(
    path: &Path,
    sync: bool,
    bytes: impl FnOnce(&mut File) -> Result<Result<(), Error>, E>,
) -> Result<(), E> {
    let refused = |error: Error| E::from(unwritable(path, &error));
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            let mut file = OpenOptions::new().write(true).open(path).map_err(refused)?;
            bytes(&mut file)?.map_err(refused)
        }
        _ => {
            let mut draft = Draft::of(path).map_err(refused)?;
            let file = draft.file.as_file_mut();
            bytes(file)?.map_err(refused)?;
            let synced = if sync { file.sync_all() } else { Ok(()) };
            synced.and_then(|()| draft.keep()).map_err(refused)
        }
    }
}

/// A file that is being written, under another name beside its own; dropped, it is gone.
pub(crate) struct Draft {
    file: NamedTempFile,
    /// Where links lead.
    path: PathBuf,
}

impl Draft {
    /// An empty file that is to stand at `path`, with the permissions of the one that stands there.
    pub(crate) fn of(path: &Path) -> Result<Draft, Error> {
        let path = place(path);
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(".cnnc-").suffix(".tmp");
        // Opened here: an error then names no file that nobody knows, and the mask of the user holds.
        let file = builder.make_in(folder, |name| options.open(name))?;
        if let Ok(old) = std::fs::metadata(&path) {
            file.as_file().set_permissions(old.permissions())?;
        }
        Ok(Draft { file, path })
    }

    /// Gives the file its name.
    pub(crate) fn keep(self) -> Result<(), Error> {
        self.file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

impl Write for Draft {
    // The file itself is written to: its errors do not say the name that nobody knows.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.file.as_file_mut().flush()
    }
}

/// Where the links at a path lead, be there a file or none.
fn place(path: &Path) -> PathBuf {
    let mut place = path.to_path_buf();
    // As many as the system follows.
    for _ in 0..40 {
        match std::fs::read_link(&place) {
            Ok(to) => place = place.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => break,
        }
    }
    place
}

fn unreadable(path: &Path, error: &Error) -> Diagnostic {
    let help = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "check how its path is written",
        ErrorKind::PermissionDenied => "make it readable",
        _ => "copy it to where it can be read",
    };
    problem(path, &error.to_string(), help)
}

/// What keeps a file from being written.
pub fn unwritable(path: &Path, error: &Error) -> Diagnostic {
    let help = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "make its folder first",
        ErrorKind::IsADirectory => "name a file in it",
        ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded => "make room for it",
        _ => "write to where you may",
    };
    problem(path, &error.to_string(), help)
}

fn problem(path: &Path, what: &str, help: &str) -> Diagnostic {
    let message = format!("{}: {what}", path.display());
    Diagnostic { code: E_IO, node: None, op: None, message, help: Some(help.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, what) in [
            (folder.path(), "is a folder; help: name a file"),
            (Path::new("/dev/zero"), "is no regular file; help: "),
            (&socket, "; help: "),
            (&folder.path().join("absent"), "No such file or directory (os error 2); help: check"),
        ] {
            let problem = read(path, 100).unwrap_err().to_string();
            assert!(problem.starts_with("E_IO: ") && problem.contains(what), "{problem}");
        }
        let sparse = folder.path().join("sparse");
        File::create(&sparse).unwrap().set_len(100 << 30).unwrap();
        assert!(read(&sparse, 1 << 30).unwrap_err().message.contains("is larger than 1073741824 bytes"));
        std::fs::write(folder.path().join("ten"), [b'x'; 10]).unwrap();
        assert_eq!(read_text(&folder.path().join("ten"), 10).unwrap(), "x".repeat(10));
        assert!(read(&folder.path().join("ten"), 9).is_err());
    }

    #[test]
    fn pipes_stay_pipes() {
        use std::os::unix::{ffi::OsStrExt, fs::FileTypeExt};
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let name = std::ffi::CString::new(pipe.as_os_str().as_bytes()).unwrap();
        // SAFETY: the path ends in a NUL.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        assert!(read(&pipe, 100).unwrap_err().message.ends_with("is no regular file"));
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe).unwrap()
        });
        write(&pipe, b"as they come").unwrap();
        assert_eq!(reader.join().unwrap(), b"as they come");
        assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_replaced_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        write(&path, b"old").unwrap();
        std::fs::write(&link, b"").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&link), "as of any file that is made");
        std::fs::remove_file(&link).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(mode(&path) & 0o777, 0o640);
        assert!(link.is_symlink(), "links stay");
        let (far, new) = (folder.path().join("far"), folder.path().join("new"));
        std::os::unix::fs::symlink("new", &far).unwrap();
        write(&far, b"where it leads").unwrap();
        assert_eq!(std::fs::read(&new).unwrap(), b"where it leads");
        assert!(far.is_symlink() && !new.is_symlink(), "and lead somewhere now");
        let interrupted = write_by(&path, false, |file| {
            file.write_all(b"half").unwrap();
            Err(problem(&path, "stops", "never"))
        });
        assert!(interrupted.is_err() && std::fs::read(&path).unwrap() == b"new");
        write_by(&path, true, |file| Ok::<_, Diagnostic>(file.write_all(b"synced"))).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"synced");
        for (path, help) in [(folder.path(), "help: "), (&path.join("x"), "help: make its folder first")] {
            let problem = write(path, b"").unwrap_err().to_string();
            assert!(problem.contains(help) && !problem.contains(".cnnc-"), "{problem}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
    }
}
