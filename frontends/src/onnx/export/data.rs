//! Files: whole or not at all, and the second file that the weights of a large model stand in.
//!
//! A file is written under a temporary name beside its own and renamed when it is complete. Tensors of the
//! second file start at multiples of 4096, so that a reader may map them.

use crate::onnx::diagnostic::{Fault, fault};
use onnx_protobuf::tensor_proto::DataLocation;
use onnx_protobuf::{StringStringEntryProto, TensorProto};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Tensors of fewer bytes stay in the model.
const SMALL: usize = 1024;
const ALIGN: u64 = 4096;

/// A file of weights.
pub(super) struct DataFile {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
    /// Its name as the model says it.
    location: String,
    bytes: u64,
}

impl DataFile {
    /// The file that belongs to a model: `net.onnx.data` for `net.onnx`.
    pub(super) fn beside(model: &Path) -> Result<DataFile, Fault> {
        let name = model.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| fault!(E_IO, "{model:?} has a name that ONNX cannot hold"))?;
        let location = format!("{name}.data");
        let path = model.with_file_name(&location);
        let file = BufWriter::with_capacity(1 << 20, temporary(&path)?);
        Ok(DataFile { file, path, location, bytes: 0 })
    }

    /// Moves the elements of a tensor into the file, unless they are few.
    pub(super) fn take(&mut self, tensor: &mut TensorProto) -> Result<(), Fault> {
        let data = std::mem::take(&mut tensor.raw_data);
        if data.len() < SMALL {
            tensor.raw_data = data;
            return Ok(());
        }
        let offset = self.bytes.next_multiple_of(ALIGN);
        let gap = [0; ALIGN as usize];
        let written = self.file.write_all(&gap[..(offset - self.bytes) as usize]);
        written.and_then(|()| self.file.write_all(&data)).map_err(|error| refused(&self.path, &error))?;
        self.bytes = offset + data.len() as u64;
        let entry = |key: &str, value: String| StringStringEntryProto {
            key: key.into(),
            value,
            ..StringStringEntryProto::default()
        };
        tensor.external_data = vec![
            entry("location", self.location.clone()),
            entry("offset", offset.to_string()),
            entry("length", data.len().to_string()),
        ];
        tensor.data_location = DataLocation::EXTERNAL.into();
        Ok(())
    }

    /// Gives the file its name.
    pub(super) fn keep(self) -> Result<(), Fault> {
        let file = self.file.into_inner().map_err(|error| refused(&self.path, error.error()))?;
        file.persist(&self.path).map_err(|error| refused(&self.path, &error.error))?;
        Ok(())
    }
}

/// Writes a file of these bytes.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let mut file = temporary(path)?;
    file.write_all(bytes).map_err(|error| refused(path, &error))?;
    file.persist(path).map_err(|error| refused(path, &error.error))?;
    Ok(())
}

/// A file beside `path` that is gone unless it is kept.
fn temporary(path: &Path) -> Result<NamedTempFile, Fault> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".cnnc-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder.tempfile_in(folder).map_err(|error| refused(path, &error))
}

fn refused(path: &Path, error: &std::io::Error) -> Fault {
    fault!(E_IO, "{path:?} cannot be written: {error}")
}
