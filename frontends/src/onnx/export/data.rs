//! The second file, that the weights of a large model stand in.
//!
//! Its tensors start at multiples of 4096, so that a reader may map them.

use crate::file::{self, Draft};
use crate::onnx::diagnostic::{Fault, fault};
use onnx_protobuf::tensor_proto::DataLocation;
use onnx_protobuf::{StringStringEntryProto, TensorProto};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Tensors of fewer bytes stay in the model.
const SMALL: usize = 1024;
const ALIGN: u64 = 4096;

/// A file of weights.
pub(super) struct DataFile {
    file: BufWriter<Draft>,
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
        let draft = Draft::of(&path).map_err(|error| refused(&path, &error))?;
        let file = BufWriter::with_capacity(1 << 20, draft);
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
        file.keep().map_err(|error| refused(&self.path, &error))
    }
}

fn refused(path: &Path, error: &std::io::Error) -> Fault {
    file::unwritable(path, error).into()
}
