//! One ONNX node as [`ops`](super::ops) spells it: operator, attributes, and the constants behind its operands.

use cnnc_ir::attrs::{Hw, Pad};
use cnnc_ir::ops::{Sliding, Window};
use cnnc_ir::{DType, Data, Type};
use onnx_protobuf::AttributeProto;
use onnx_protobuf::attribute_proto::AttributeType;

/// An ONNX node without the names of its operands and its result.
pub(super) struct Call {
    pub(super) op: &'static str,
    pub(super) attributes: Vec<AttributeProto>,
    /// Inputs behind the operands, by their names in ONNX; `None` where an optional one is left out.
    pub(super) constants: Vec<(&'static str, Option<Constant>)>,
    /// Which of its outputs is the result.
    pub(super) result: usize,
    /// Operands that broadcast with us, and are one number or a list in ONNX.
    pub(super) flat: &'static [usize],
}

/// A small tensor: extents and elements.
pub(super) type Constant = (Vec<usize>, Data);

impl Call {
    pub(super) fn new(op: &'static str) -> Call {
        Call { op, attributes: Vec::new(), constants: Vec::new(), result: 0, flat: &[] }
    }

    fn attribute(mut self, name: &str, ty: AttributeType, set: impl FnOnce(&mut AttributeProto)) -> Call {
        let mut proto = AttributeProto { name: name.into(), type_: ty.into(), ..AttributeProto::default() };
        set(&mut proto);
        self.attributes.push(proto);
        self
    }

    pub(super) fn int(self, name: &str, value: i64) -> Call {
        self.attribute(name, AttributeType::INT, |a| a.i = value)
    }

    pub(super) fn flag(self, name: &str, value: bool) -> Call {
        self.int(name, value.into())
    }

    pub(super) fn float(self, name: &str, value: f32) -> Call {
        self.attribute(name, AttributeType::FLOAT, |a| a.f = value)
    }

    pub(super) fn word(self, name: &str, value: &str) -> Call {
        self.attribute(name, AttributeType::STRING, |a| a.s = value.as_bytes().to_vec())
    }

    pub(super) fn ints(self, name: &str, values: &[i64]) -> Call {
        self.attribute(name, AttributeType::INTS, |a| a.ints = values.to_vec())
    }

    pub(super) fn hw(self, name: &str, Hw(h, w): Hw) -> Call {
        self.ints(name, &[h as i64, w as i64])
    }

    pub(super) fn pads(self, Pad { top, left, bottom, right }: Pad) -> Call {
        self.ints("pads", &[top, left, bottom, right].map(|n| n as i64))
    }

    /// The attributes of a pool over x.
    pub(super) fn window(self, window: &Window, x: &Type) -> Call {
        let &[.., height, width] = x.dims() else { return self };
        // Where rounding up adds no window it is left out: readers differ about one that would start in the padding.
        let adds = |along: &Sliding| along.count() != Sliding { ceil: false, ..*along }.count();
        let ceil = window.over(height, width).iter().any(adds);
        let sized = self.hw("kernel_shape", window.kernel).hw("strides", window.stride);
        sized.pads(window.pad).hw("dilations", window.dilation).flag("ceil_mode", ceil)
    }

    fn input(mut self, name: &'static str, constant: Option<Constant>) -> Call {
        self.constants.push((name, constant));
        self
    }

    /// The result is this output.
    pub(super) fn output(self, result: usize) -> Call {
        Call { result, ..self }
    }

    /// These operands are made one number or a list first.
    pub(super) fn flat(self, flat: &'static [usize]) -> Call {
        Call { flat, ..self }
    }

    /// Leaves an optional input out that others follow.
    pub(super) fn without(self, name: &'static str) -> Call {
        self.input(name, None)
    }

    /// An input that is a list of integers.
    pub(super) fn list(self, name: &'static str, values: &[i64]) -> Call {
        self.input(name, Some((vec![values.len()], Data::I64(values.to_vec()))))
    }

    /// An input that is a list of reals.
    pub(super) fn reals(self, name: &'static str, values: &[f32]) -> Call {
        self.input(name, Some((vec![values.len()], Data::F32(values.to_vec()))))
    }

    /// An input that is one integer.
    pub(super) fn index(self, name: &'static str, value: i64) -> Call {
        self.input(name, Some((Vec::new(), Data::I64(vec![value]))))
    }

    /// An input that is one number, rounded to the type.
    pub(super) fn number(self, name: &'static str, dtype: DType, value: f32) -> Call {
        self.input(name, Some((Vec::new(), Data::splat(dtype, 1, value.into()))))
    }
}
