//! Tensors in files: `.npy`, ONNX `.pb`, and seeded random numbers.
//!
//! Refuses files of another shape or element type than the model's: nothing is converted in silence.

use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::Path;

use cnnc::{Diagnostic, E_IO, E_MEMORY, E_OPTION, Error};
use cnnc_frontends::file;
use cnnc_frontends::onnx::{tensor_from_pb, tensor_to_pb};
use cnnc_ir::ops::Init;
use cnnc_ir::{DType, Data, Tensor, Type};
use npyz::{NpyFile, Order, WriterBuilder};

/// Bytes that a tensor may have as a protobuf message.
const LARGEST_MESSAGE: u64 = 2 << 30;

/// A way out for a `.npy` file.
const SAVE_AGAIN: &str = "save it again by numpy.save, with the shape and type of the input";

/// What is wrong with a file.
pub(crate) fn fault(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(E_IO, format!("{}: {what}", path.display()))
}

/// A problem of one file among others.
pub(crate) fn of(path: &Path, problem: &Diagnostic) -> Diagnostic {
    Diagnostic { message: format!("{}: {}", path.display(), problem.message), ..problem.clone() }
}

/// Seeded numbers: reals uniform in -1..1, bytes in 0..256, other integers 0 or 1.
pub(crate) fn random(ty: &Type, seed: u64) -> Result<Tensor, Error> {
    let (min, max) = match ty.dtype {
        dtype if dtype.is_float() => (-1.0, 1.0),
        DType::U8 => (0.0, 256.0),
        _ => (0.0, 2.0),
    };
    Init::Rand { seed, min, max }.tensor(ty).map_err(|error| Error::new(E_MEMORY, error))
}

/// The tensor that `text` names: `random:SEED`, `x.npy` or `x.pb`, of this type.
pub(crate) fn read(text: &str, ty: &Type) -> Result<Tensor, Error> {
    if let Some(seed) = text.strip_prefix("random:") {
        let seed = seed
            .parse()
            .map_err(|_| Error::new(E_OPTION, format!("{seed:?} is not a seed, a whole number")))?;
        return random(ty, seed);
    }
    let path = Path::new(text);
    let tensor = match extension(path) {
        Some("npy") => npy(path, ty)?,
        Some("pb") => {
            tensor_from_pb(&file::read(path, LARGEST_MESSAGE)?).map_err(|error| of(path, &error))?
        }
        _ => {
            let help = "give a .npy, .pb or .rgb file, or random:SEED; other pictures are for --image";
            return Err(fault(path, "not a file of a tensor").with_help(help));
        }
    };
    match tensor.ty() {
        given if given == *ty => Ok(tensor),
        given => Err(fault(path, format!("holds {given}, the model takes {ty}")).with_help(SAVE_AGAIN)),
    }
}

fn npy(path: &Path, ty: &Type) -> Result<Tensor, Error> {
    let (mut file, found) = file::open(path)?;
    let no_header = |error| fault(path, error).with_help(SAVE_AGAIN);
    header_fits(&mut file, found.len()).map_err(no_header)?;
    let file = NpyFile::new(BufReader::new(file)).map_err(no_header)?;
    let dims: Vec<u64> = ty.dims().iter().map(|&d| d as u64).collect();
    if file.shape() != dims {
        let message = format!("has shape {:?}, the model takes {ty}", file.shape());
        return Err(fault(path, message).with_help(SAVE_AGAIN));
    }
    if file.order() != Order::C && dims.len() > 1 {
        return Err(fault(path, "lies in Fortran order").with_help("save numpy.ascontiguousarray(x)"));
    }
    let data = match ty.dtype {
        DType::F32 => file.into_vec().map(Data::F32),
        DType::F64 => file.into_vec().map(Data::F64),
        DType::F16 => file.into_vec().map(Data::F16),
        DType::I64 => file.into_vec().map(Data::I64),
        DType::I32 => file.into_vec().map(Data::I32),
        DType::I16 => file.into_vec().map(Data::I16),
        DType::U16 => file.into_vec().map(Data::U16),
        DType::I8 => file.into_vec().map(Data::I8),
        DType::U8 => file.into_vec().map(Data::U8),
        DType::Bool => file.into_vec().map(Data::Bool),
    };
    let data = data.map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => fault(path, format!("ends before its {ty} does")).with_help(SAVE_AGAIN),
        _ => fault(path, format!("{error}; the model takes {ty}")).with_help(SAVE_AGAIN),
    })?;
    Ok(Tensor::new(ty.shape.clone(), data)?)
}

/// Refuses a header that is longer than its file, before room for it is made.
fn header_fits(file: &mut (impl Read + Seek), size: u64) -> std::io::Result<()> {
    // Magic, version, length: of two bytes in version 1, else of four.
    let mut start = [0; 12];
    if size >= 12 {
        file.read_exact(&mut start)?;
        file.rewind()?;
    }
    let [.., major, _, a, b, c, d] = start;
    let length =
        if major == 1 { u32::from(u16::from_le_bytes([a, b])) } else { u32::from_le_bytes([a, b, c, d]) };
    match u64::from(length) <= size {
        true => Ok(()),
        false => Err(std::io::Error::other(format!("the header has {length} bytes, the file {size}"))),
    }
}

/// Refuses a path that is that of no tensor, before there is one to write.
pub(crate) fn can_write(path: &Path) -> Result<(), Error> {
    match is_tensor(path) {
        true => Ok(()),
        false => Err(Error::new(E_OPTION, format!("{}: an output is a .npy or .pb file", path.display()))),
    }
}

/// Whether the extension is that of a file with a tensor.
pub(crate) fn is_tensor(path: &Path) -> bool {
    matches!(extension(path), Some("npy" | "pb"))
}

/// Writes a tensor as `.npy` or `.pb`; the file is whole or not there.
pub(crate) fn write(path: &Path, name: &str, tensor: &Tensor) -> Result<(), Error> {
    can_write(path)?;
    let bytes = match extension(path) {
        Some("pb") => tensor_to_pb(name, tensor),
        _ => npy_bytes(tensor).map_err(|error| fault(path, error))?,
    };
    Ok(file::write(path, &bytes)?)
}

fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(|extension| extension.to_str())
}

fn npy_bytes(tensor: &Tensor) -> std::io::Result<Vec<u8>> {
    fn all<T: npyz::AutoSerialize + Copy>(dims: &[u64], elements: &[T]) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::<T>::new().default_dtype().shape(dims);
        let mut writer = options.writer(&mut bytes).begin_nd()?;
        writer.extend(elements.iter().copied())?;
        writer.finish()?;
        Ok(bytes)
    }
    let dims: Vec<u64> = tensor.shape().dims().iter().map(|&d| d as u64).collect();
    match tensor.data() {
        Data::F32(x) => all(&dims, x),
        Data::F64(x) => all(&dims, x),
        Data::F16(x) => all(&dims, x),
        Data::I64(x) => all(&dims, x),
        Data::I32(x) => all(&dims, x),
        Data::I16(x) => all(&dims, x),
        Data::U16(x) => all(&dims, x),
        Data::I8(x) => all(&dims, x),
        Data::U8(x) => all(&dims, x),
        Data::Bool(x) => all(&dims, x),
    }
}

/// The tensor that a model wrote.
pub(crate) fn from_bytes(ty: &Type, bytes: &[u8]) -> Result<Tensor, Error> {
    Ok(Tensor::new(ty.shape.clone(), Data::from_le_bytes(ty.dtype, bytes))?)
}
