//! From bytes to protobuf messages.
//!
//! The bytes are [scanned](super::wire) first; the decoder then allocates no more than it reads.
//!
//! Refused: files over 2 GiB, the limit of protobuf itself, and fields that are none of ONNX's, which are
//! what most files that are no models decode to.

use super::diagnostic::{Fault, ensure, fail, fault};
use super::wire;
use onnx_protobuf::{Message, ModelProto, TensorProto};

/// Bytes that a model may have, the weights in other files apart.
pub const LARGEST_FILE: u64 = 2 << 30;

/// A model in memory.
pub(super) fn model(bytes: &[u8]) -> Result<ModelProto, Fault> {
    let no_model = |fault: Fault| fault.inside("this is no ONNX model");
    ensure!(bytes.len() as u64 <= LARGEST_FILE, E_LIMIT, "the model is larger than 2 GiB");
    wire::check(bytes, wire::Message::Model).map_err(no_model)?;
    let model: ModelProto = decoded(bytes).map_err(no_model)?;
    // ONNX: field 26 of a model (IR 11) says on which devices to run it.
    if let Some((number, _)) = model.special_fields.unknown_fields().iter().find(|(number, _)| *number != 26)
    {
        fail!(E_PARSE, "this is no ONNX model: it has a field {number} that ONNX does not define");
    }
    Ok(model)
}

/// One tensor in memory.
pub(super) fn tensor(bytes: &[u8]) -> Result<TensorProto, Fault> {
    let no_tensor = |fault: Fault| fault.inside("this is no ONNX tensor");
    wire::check(bytes, wire::Message::Tensor).map_err(no_tensor)?;
    decoded(bytes).map_err(no_tensor)
}

fn decoded<M: Message>(bytes: &[u8]) -> Result<M, Fault> {
    M::parse_from_bytes(bytes).map_err(|e| fault!(E_PARSE, "{e}"))
}
