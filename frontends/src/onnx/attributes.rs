//! The attributes of an ONNX node, read by name and type.
//!
//! Whoever imports an operator takes each attribute that it knows; one that is left over is unknown. A
//! default stands where the attribute is taken.
//!
//! Refused: attributes of another type than asked for, those that stand there twice, and unknown ones.

use super::diagnostic::{Fault, ensure, fail, fault, quoted};
use onnx_protobuf::attribute_proto::AttributeType;
use onnx_protobuf::{AttributeProto, TensorProto};
use std::collections::BTreeMap;

/// The attributes of a node that nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct Attributes(BTreeMap<String, AttributeProto>);

impl Attributes {
    /// The attributes of a node of that operator set.
    pub(super) fn new(protos: Vec<AttributeProto>, opset: i64) -> Result<Attributes, Fault> {
        let mut attributes = BTreeMap::new();
        for proto in protos {
            let name = quoted(&proto.name);
            ensure!(
                proto.ref_attr_name.is_empty(),
                E_MODEL,
                "attribute {name} refers to a function's, outside of one"
            );
            let twice = attributes.insert(proto.name.clone(), proto).is_some();
            ensure!(!twice, E_MODEL, "attribute {name} stands there twice");
        }
        // ONNX: before opset 6, a hint that an operand may be overwritten.
        if opset < 6 {
            attributes.remove("consumed_inputs");
        }
        Ok(Attributes(attributes))
    }

    /// An integer.
    pub(super) fn int(&mut self, name: &str) -> Result<Option<i64>, Fault> {
        Ok(self.take(name, AttributeType::INT)?.map(|a| a.i))
    }

    /// An integer that is 0 or 1.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Fault> {
        match self.int(name)? {
            None => Ok(None),
            Some(0) => Ok(Some(false)),
            Some(1) => Ok(Some(true)),
            Some(n) => fail!(E_MODEL, "{name}={n}: it must be 0 or 1"),
        }
    }

    /// A real number.
    pub(super) fn float(&mut self, name: &str) -> Result<Option<f32>, Fault> {
        Ok(self.take(name, AttributeType::FLOAT)?.map(|a| a.f))
    }

    /// Integers.
    pub(super) fn ints(&mut self, name: &str) -> Result<Option<Vec<i64>>, Fault> {
        Ok(self.take(name, AttributeType::INTS)?.map(|a| a.ints))
    }

    /// Real numbers.
    pub(super) fn floats(&mut self, name: &str) -> Result<Option<Vec<f32>>, Fault> {
        Ok(self.take(name, AttributeType::FLOATS)?.map(|a| a.floats))
    }

    /// Text.
    pub(super) fn string(&mut self, name: &str) -> Result<Option<String>, Fault> {
        let Some(attribute) = self.take(name, AttributeType::STRING)? else { return Ok(None) };
        let text = String::from_utf8(attribute.s);
        text.map(Some).map_err(|_| fault!(E_MODEL, "attribute {name} is no UTF-8"))
    }

    /// A tensor.
    pub(super) fn tensor(&mut self, name: &str) -> Result<Option<TensorProto>, Fault> {
        let Some(attribute) = self.take(name, AttributeType::TENSOR)? else { return Ok(None) };
        let tensor = attribute.t.into_option();
        tensor.map(Some).ok_or_else(|| fault!(E_MODEL, "attribute {name} holds no tensor"))
    }

    /// One of the words that are supported, by what it means; the first is the default.
    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<T, Fault> {
        let given = self.string(name)?;
        let found = words.iter().find(|(word, _)| given.as_deref().is_none_or(|given| given == *word));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let given = quoted(&given.unwrap_or_default());
            fault!(E_UNSUPPORTED, "{name}={given} is not supported, only {}", known.join(", "))
        })
    }

    /// Checks that all attributes have been taken.
    pub(super) fn finish(self) -> Result<(), Fault> {
        let left: Vec<String> = self.0.keys().map(|name| quoted(name)).collect();
        ensure!(left.is_empty(), E_UNSUPPORTED, "unknown attribute {}", left.join(", "));
        Ok(())
    }

    fn take(&mut self, name: &str, ty: AttributeType) -> Result<Option<AttributeProto>, Fault> {
        let Some(attribute) = self.0.remove(name) else { return Ok(None) };
        match attribute.type_.enum_value() {
            Ok(given) if given == ty => Ok(Some(attribute)),
            Ok(given) => fail!(E_MODEL, "attribute {name} is of type {given:?}, not {ty:?}"),
            Err(given) => fail!(E_MODEL, "attribute {name} is of an unknown type {given}"),
        }
    }
}

/// An attribute or input that must be there.
pub(super) fn required<T>(name: &str, value: Option<T>) -> Result<T, Fault> {
    value.ok_or_else(|| fault!(E_MODEL, "{name} is missing"))
}
