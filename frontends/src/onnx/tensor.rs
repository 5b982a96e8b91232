//! `TensorProto`: element types and tensors, read and written.
//!
//! The elements stand either in `raw_data`, little-endian, or in the one field that their type has; neither
//! more nor fewer than the shape says.
//!
//! Refused: elements in two places or in the field of another type, values out of the range of their type,
//! segments, strings, and element types that the IR lacks.

use super::decode;
use super::diagnostic::{Diagnostic, Fault, ensure, fail, fault};
use super::external::Folder;
use cnnc_ir::{DType, Data, Mismatch, Shape, Tensor, f16};
use onnx_protobuf::tensor_proto::DataLocation;
use onnx_protobuf::{Message, TensorProto};

/// A tensor from the bytes of a `TensorProto` file.
///
/// # Errors
/// Bytes that are no tensor, and tensors that are inconsistent or of an element type that the IR lacks.
pub fn tensor_from_pb(bytes: &[u8]) -> Result<Tensor, Diagnostic> {
    Ok(tensor(decode::tensor(bytes)?, None)?)
}

/// The bytes of a `TensorProto` file.
pub fn tensor_to_pb(name: &str, tensor: &Tensor) -> Vec<u8> {
    let proto = proto(name, tensor.shape().dims(), tensor.data());
    // Writing into a vector fails only for messages that lack a required field, which proto3 does not have.
    proto.write_to_bytes().unwrap_or_default()
}

/// A tensor of a model, its elements as raw data.
pub(super) fn proto(name: &str, dims: &[usize], data: &Data) -> TensorProto {
    TensorProto {
        name: name.to_string(),
        dims: dims.iter().map(|&d| d as i64).collect(),
        data_type: number(data.dtype()),
        raw_data: data.to_le_bytes(),
        ..TensorProto::default()
    }
}

/// What is wrong with a shape of extents that are none below 0.
pub(super) fn beyond(mismatch: Mismatch) -> Fault {
    fault!(E_LIMIT, "{mismatch}").with_help("use fewer dimensions, or smaller extents")
}

/// The names of ONNX's element types, by their number.
const NAMES: [&str; 29] = [
    "undefined",
    "float",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "int64",
    "string",
    "bool",
    "float16",
    "double",
    "uint32",
    "uint64",
    "complex64",
    "complex128",
    "bfloat16",
    "float8e4m3fn",
    "float8e4m3fnuz",
    "float8e5m2",
    "float8e5m2fnuz",
    "uint4",
    "int4",
    "float4e2m1",
    "float8e8m0",
    "uint2",
    "int2",
    "float6e2m3",
    "float6e3m2",
];

/// The number that ONNX gives to an element type.
pub(super) fn number(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 1,
        DType::U8 => 2,
        DType::I8 => 3,
        DType::U16 => 4,
        DType::I16 => 5,
        DType::I32 => 6,
        DType::I64 => 7,
        DType::Bool => 9,
        DType::F16 => 10,
        DType::F64 => 11,
    }
}

/// The element type of this number.
pub(super) fn dtype(onnx: i64) -> Result<DType, Fault> {
    if let Some(dtype) = DType::ALL.into_iter().find(|&d| i64::from(number(d)) == onnx) {
        return Ok(dtype);
    }
    match usize::try_from(onnx).ok().and_then(|n| NAMES.get(n)) {
        None | Some(&"undefined") => fail!(E_MODEL, "element type {onnx} is none of ONNX's"),
        Some(name) => fail!(E_UNSUPPORTED, "element type {name} is not supported"),
    }
}

/// The element type of this name.
pub(super) fn dtype_named(name: &str) -> Result<DType, Fault> {
    let lower = name.to_ascii_lowercase();
    dtype(NAMES.iter().position(|&n| n == lower).unwrap_or(0) as i64)
}

/// A tensor of a model; `folder` is where those that lie in other files are looked for.
pub(super) fn tensor(mut proto: TensorProto, folder: Option<&Folder>) -> Result<Tensor, Fault> {
    ensure!(proto.segment.is_none(), E_UNSUPPORTED, "tensors in segments are not supported");
    let dtype = dtype(proto.data_type.into())?;
    let negative = proto.dims.iter().any(|&d| d < 0);
    ensure!(!negative, E_MODEL, "the shape {:?} has a negative extent", proto.dims);
    let shape = Shape::from_signed(&proto.dims).map_err(beyond)?;
    let bytes = shape.elements() * dtype.bytes();
    match proto.data_location.enum_value() {
        Ok(DataLocation::DEFAULT) => {}
        Ok(DataLocation::EXTERNAL) => {
            let Some(folder) = folder else {
                fail!(E_IO, "the elements lie in another file, which a model in memory cannot name")
            };
            ensure!(filled(&proto).is_empty(), E_MODEL, "the elements stand in two places");
            proto.raw_data = folder.read(&proto.external_data, bytes)?;
        }
        Err(n) => fail!(E_MODEL, "data_location={n} is none of ONNX's"),
    }
    let home = match dtype {
        DType::F32 => "float_data",
        DType::F64 => "double_data",
        DType::I64 => "int64_data",
        _ => "int32_data",
    };
    let data = match filled(&proto)[..] {
        [] => Data::splat(dtype, 0, 0.0),
        ["raw_data"] => {
            let have = proto.raw_data.len();
            ensure!(have == bytes, E_MODEL, "raw_data has {have} bytes, {dtype}{shape} needs {bytes}");
            Data::from_le_bytes(dtype, &proto.raw_data)
        }
        [field] if field == home => from_field(dtype, proto)?,
        [field] => fail!(E_MODEL, "elements of type {dtype} cannot stand in {field}"),
        [a, b, ..] => fail!(E_MODEL, "elements stand both in {a} and in {b}"),
    };
    Ok(Tensor::new(shape, data)?)
}

/// The fields that hold elements.
fn filled(proto: &TensorProto) -> Vec<&'static str> {
    let fields = [
        ("raw_data", proto.raw_data.is_empty()),
        ("float_data", proto.float_data.is_empty()),
        ("int32_data", proto.int32_data.is_empty()),
        ("int64_data", proto.int64_data.is_empty()),
        ("double_data", proto.double_data.is_empty()),
        ("uint64_data", proto.uint64_data.is_empty()),
        ("string_data", proto.string_data.is_empty()),
    ];
    fields.iter().filter(|(_, empty)| !empty).map(|(name, _)| *name).collect()
}

/// Elements from the field that their type has.
fn from_field(dtype: DType, proto: TensorProto) -> Result<Data, Fault> {
    fn narrowed<T: TryFrom<i32>>(dtype: DType, from: &[i32]) -> Result<Vec<T>, Fault> {
        let narrow = |&e: &i32| T::try_from(e).map_err(|_| fault!(E_MODEL, "element {e} is no {dtype}"));
        from.iter().map(narrow).collect()
    }
    Ok(match dtype {
        DType::F32 => Data::F32(proto.float_data),
        DType::F64 => Data::F64(proto.double_data),
        // ONNX: the bits of an f16 stand in the low half of an int32.
        DType::F16 => {
            Data::F16(narrowed::<u16>(dtype, &proto.int32_data)?.into_iter().map(f16::from_bits).collect())
        }
        DType::I64 => Data::I64(proto.int64_data),
        DType::I32 => Data::I32(proto.int32_data),
        DType::I16 => Data::I16(narrowed(dtype, &proto.int32_data)?),
        DType::U16 => Data::U16(narrowed(dtype, &proto.int32_data)?),
        DType::I8 => Data::I8(narrowed(dtype, &proto.int32_data)?),
        DType::U8 => Data::U8(narrowed(dtype, &proto.int32_data)?),
        DType::Bool => Data::Bool(proto.int32_data.iter().map(|&e| e != 0).collect()),
    })
}
