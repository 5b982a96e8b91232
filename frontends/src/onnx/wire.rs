//! The wire format of protobuf, scanned before anything is decoded.
//!
//!     message = (tag, value)*    tag = varint of field << 3 | wire type
//!
//! The decoder skips groups, a form of message that ONNX never uses, by recursion without a bound
//! (RUSTSEC-2024-0437), so that a file of group tags overflows its stack. This scan walks the same messages
//! with a stack of its own and refuses groups wherever the decoder would look for a field.
//!
//! Refused: groups, wire types that do not exist, messages nested deeper than 64, lengths and varints that
//! run out of their message.

use super::diagnostic::{Fault, ensure, fail, fault};

const DEEPEST: usize = 64;

/// The messages of ONNX that hold messages; `Leaf` is any other.
#[derive(Clone, Copy)]
pub(super) enum Message {
    Model,
    Training,
    Function,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    ValueInfo,
    Annotation,
    Type,
    TensorType,
    ElementType,
    MapType,
    Shape,
    Leaf,
}

impl Message {
    /// The message that a field holds.
    fn field(self, number: u64) -> Option<Message> {
        use Message::*;
        Some(match (self, number) {
            (Model, 7) | (Training, 1 | 2) | (Attribute, 6 | 11) => Graph,
            (Model, 20) => Training,
            (Model, 25) => Function,
            (Graph, 1) | (Function, 7) => Node,
            (Graph, 5) | (Attribute, 5 | 10) | (SparseTensor, 1 | 2) => Tensor,
            (Graph, 15) | (Attribute, 22 | 23) => SparseTensor,
            (Graph, 11..=13) | (Function, 12) => ValueInfo,
            (Graph, 14) => Annotation,
            (Node, 5) | (Function, 11) => Attribute,
            (Attribute, 14 | 15) | (ValueInfo, 2) | (ElementType, 1) | (MapType, 2) => Type,
            (Type, 1 | 8) => TensorType,
            (Type, 4 | 9) => ElementType,
            (Type, 5) => MapType,
            (TensorType, 2) => Shape,
            (Model, 8 | 14) | (Training, 3 | 4) | (Function, 9 | 14) | (Graph, 16) | (Node, 9) => Leaf,
            (Tensor, 3 | 13 | 16) | (ValueInfo, 4) | (Annotation, 2) | (Shape, 1) => Leaf,
            _ => return None,
        })
    }
}

/// Checks a message, without decoding it.
pub(super) fn check(bytes: &[u8], message: Message) -> Result<(), Fault> {
    let mut open = vec![(message, bytes.len())];
    let mut at = 0;
    while let Some(&(message, end)) = open.last() {
        if at == end {
            open.pop();
            continue;
        }
        let tag = varint(bytes, &mut at, end)?;
        let length = match tag & 7 {
            0 => {
                varint(bytes, &mut at, end)?;
                0
            }
            1 => 8,
            2 => varint(bytes, &mut at, end)?,
            5 => 4,
            3 | 4 => fail!(E_PARSE, "there is a group at byte {at}, which ONNX never uses"),
            unknown => fail!(E_PARSE, "wire type {unknown} at byte {at} does not exist"),
        };
        ensure!(length <= (end - at) as u64, E_PARSE, "a field at byte {at} is cut off");
        let field_end = at + length as usize;
        match message.field(tag >> 3) {
            Some(inner) if tag & 7 == 2 => {
                ensure!(open.len() < DEEPEST, E_PARSE, "messages are nested deeper than {DEEPEST}");
                open.push((inner, field_end));
            }
            _ => at = field_end,
        }
    }
    Ok(())
}

/// The varint at this place, within its message.
fn varint(bytes: &[u8], at: &mut usize, end: usize) -> Result<u64, Fault> {
    let mut value = 0;
    for (k, &byte) in bytes[*at..end].iter().take(10).enumerate() {
        value |= u64::from(byte & 127) << (7 * k);
        if byte < 128 {
            *at += k + 1;
            return Ok(value);
        }
    }
    Err(fault!(E_PARSE, "the number at byte {at} does not end"))
}
