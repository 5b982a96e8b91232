//! Weights that lie in a file beside the model.
//!
//! A tensor names a path relative to the folder of the model, an offset and a length. The path must stay in
//! that folder, without links, and end at a regular file that has no other name; offset and length must lie in it.
//! Keys other than `location`, `offset`, `length` and `checksum` are refused; a checksum is not compared.

use super::diagnostic::{E_IO, Fault, ensure, fail, fault, quoted};
use crate::file;
use onnx_protobuf::StringStringEntryProto;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// The folder of a model.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Bytes that a tensor may have.
    largest: usize,
}

impl Folder {
    /// The folder that this file stands in, for tensors of at most `largest` bytes.
    pub(super) fn of(model: &Path, largest: usize) -> Folder {
        let path = model.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        Folder { path: path.to_path_buf(), largest }
    }

    /// The `bytes` bytes of a tensor.
    pub(super) fn read(&self, entries: &[StringStringEntryProto], bytes: usize) -> Result<Vec<u8>, Fault> {
        self.data(entries, bytes).map_err(|fault| match (fault.code, &fault.help) {
            (E_IO, None) => {
                fault.with_help("put the file there, readable, and name it relative to the network")
            }
            _ => fault,
        })
    }

    fn data(&self, entries: &[StringStringEntryProto], bytes: usize) -> Result<Vec<u8>, Fault> {
        let entry = Entry::new(entries)?;
        let length = entry.length.unwrap_or(bytes as u64);
        ensure!(length == bytes as u64, E_MODEL, "external length={length}, the shape needs {bytes} bytes");
        ensure!(bytes <= self.largest, E_LIMIT, "it takes {bytes} bytes, the limit is {}", self.largest);
        let path = self.resolve(entry.location)?;
        let location = quoted(entry.location);
        let unreadable = |e: std::io::Error| fault!(E_IO, "external data {location} cannot be read: {e}");
        // Judged is what is open: whoever may write there may put another file in its place.
        let (mut file, found) = file::opened(&path, libc::O_NOFOLLOW).map_err(unreadable)?;
        ensure!(found.is_file(), E_IO, "external data {location} is no regular file");
        if found.nlink() > 1 {
            let other = found.nlink() - 1;
            return Err(fault!(
                E_IO,
                "external data {location} has {other} more names elsewhere, by hard links"
            )
            .with_help("copy it, so that nobody changes it under another name"));
        }
        let size = found.len();
        ensure!(
            length <= size && entry.offset <= size - length,
            E_MODEL,
            "external data {location} has {size} bytes, offset={} and length={length} lie outside",
            entry.offset
        );
        let mut data = Vec::new();
        let room = data.try_reserve_exact(bytes);
        room.map_err(|_| fault!(E_LIMIT, "there is no memory for {bytes} bytes of external data"))?;
        file.seek(SeekFrom::Start(entry.offset)).map_err(unreadable)?;
        file.take(length).read_to_end(&mut data).map_err(unreadable)?;
        ensure!(data.len() == bytes, E_IO, "external data {location} became shorter while it was read");
        Ok(data)
    }

    /// The file at this location, if it is in the folder.
    fn resolve(&self, location: &str) -> Result<PathBuf, Fault> {
        let relative = Path::new(location);
        let inside = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        let shown = quoted(location);
        ensure!(
            inside && !location.is_empty() && !location.contains('\0'),
            E_IO,
            "external data {shown} is outside the folder of the model"
        );
        let unreadable = |e: std::io::Error| fault!(E_IO, "external data {shown} cannot be read: {e}");
        let folder = self.path.canonicalize().map_err(unreadable)?;
        let path: PathBuf = folder.join(relative).components().collect();
        if path.canonicalize().map_err(unreadable)? != path {
            return Err(fault!(E_IO, "external data {shown} is a link, or lies behind one")
                .with_help("put the file itself beside the model"));
        }
        Ok(path)
    }
}

/// What the entries of a tensor say.
struct Entry<'a> {
    location: &'a str,
    offset: u64,
    length: Option<u64>,
}

impl<'a> Entry<'a> {
    fn new(entries: &'a [StringStringEntryProto]) -> Result<Entry<'a>, Fault> {
        let (mut location, mut offset, mut length) = (None, None, None);
        for entry in entries {
            let twice = match entry.key.as_str() {
                "location" => location.replace(entry.value.as_str()).is_some(),
                "offset" => offset.replace(number(entry)?).is_some(),
                "length" => length.replace(number(entry)?).is_some(),
                "checksum" => false,
                key => fail!(E_MODEL, "external data has an unknown key {}", quoted(key)),
            };
            ensure!(!twice, E_MODEL, "external data has the key {} twice", entry.key);
        }
        let location = location.ok_or_else(|| fault!(E_MODEL, "external data has no location"))?;
        Ok(Entry { location, offset: offset.unwrap_or(0), length })
    }
}

fn number(entry: &StringStringEntryProto) -> Result<u64, Fault> {
    let bad = || fault!(E_MODEL, "external {}={} is no byte count", entry.key, quoted(&entry.value));
    entry.value.parse().map_err(|_| bad())
}
