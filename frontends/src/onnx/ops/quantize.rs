//! `QuantizeLinear` and `DequantizeLinear`, opset 10, 13, 19 to 28, and `DynamicQuantizeLinear`, opset 11:
//! reals as small integers, and back.
//!
//!     QuantizeLinear(x, y_scale, y_zero_point=0, axis=1, block_size=0, output_dtype=, precision=)
//!     DequantizeLinear(x, x_scale, x_zero_point=0, axis=1, block_size=0, output_dtype=)
//!     DynamicQuantizeLinear(x) = y, y_scale, y_zero_point
//!
//! A scale is one number, a list along the axis, or has one number for each `block_size` elements along it;
//! so has a zero point. Without one, the result of `QuantizeLinear` is of `output_dtype`, or u8.
//!
//! Refused: constant scales that are not positive and finite, a `precision` other than f32, and results that
//! are no integers of 8 or 16 bits.

use crate::onnx::diagnostic::{Fault, ensure, fail};
use crate::onnx::node::{Node, Outcome, axis};
use crate::onnx::tensor;
use cnnc_ir::ops::{
    Cast, Clip, Dequantize, Div, Gather, Max, Min, Quantize, ReduceMax, ReduceMin, Round, Sub,
};
use cnnc_ir::{DType, NodeId, Shape, Tensor, Type};

pub(super) fn quantize_linear(node: &mut Node) -> Outcome {
    let ([mut x, scale], [zero]) = node.inputs(["x", "y_scale"], ["y_zero_point"])?;
    let along = Along::new(node, &node.ty(x))?;
    let stated = node.attributes.int("output_dtype")?.filter(|&n| n != 0).map(tensor::dtype).transpose()?;
    let precision = node.attributes.int("precision")?.filter(|&n| n != 0).map(tensor::dtype).transpose()?;
    if let Some(precision) = precision {
        ensure!(precision == DType::F32, E_UNSUPPORTED, "precision={precision} is not supported, only f32");
    }
    // It concerns 8-bit floats alone, which are not supported.
    node.attributes.flag("saturate")?;
    if let (Some(zero), Some(stated)) = (zero, stated) {
        let ty = node.ty(zero);
        ensure!(ty.dtype == stated, E_MODEL, "output_dtype={stated}, but y_zero_point is {ty}");
    }
    // ONNX: from opset 23 on the two may be of different types, and x is divided in that of the scale.
    let real = precision.unwrap_or(node.ty(scale).dtype);
    if !node.ty(x).dtype.is_float() || node.opset >= 23 {
        x = node.cast("real", x, real)?;
    }
    let scale = along.parameter(node, "y_scale", scale)?;
    let scale = node.cast("precise", scale, real)?;
    let zero = along.zero_point(node, "y_zero_point", zero, stated.unwrap_or(DType::U8))?;
    node.result(Quantize, &[x, scale, zero])
}

pub(super) fn dequantize_linear(node: &mut Node) -> Outcome {
    let ([x, scale], [zero]) = node.inputs(["x", "x_scale"], ["x_zero_point"])?;
    let ty = node.ty(x);
    let along = Along::new(node, &ty)?;
    let stated = node.attributes.int("output_dtype")?.filter(|&n| n != 0).map(tensor::dtype).transpose()?;
    let scale = along.parameter(node, "x_scale", scale)?;
    let zero = along.zero_point(node, "x_zero_point", zero, ty.dtype)?;
    match stated.filter(|&stated| stated != node.ty(scale).dtype) {
        None => node.result(Dequantize, &[x, scale, zero]),
        Some(to) => {
            let y = node.step("real", Dequantize, &[x, scale, zero])?;
            node.result(Cast { to }, &[y])
        }
    }
}

/// `scale = (max(x, 0) - min(x, 0)) / 255`, `zero = saturate(round(-min(x, 0) / scale))`
pub(super) fn dynamic_quantize_linear(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["x"], [])?;
    let ty = node.ty(x);
    let axes: Vec<i64> = (0..ty.rank() as i64).collect();
    let nothing = node.number("nothing", &ty, 0.0)?;
    let most = node.step("most", ReduceMax { axes: axes.clone(), keep: false }, &[x])?;
    let most = node.step("most", Max, &[most, nothing])?;
    let least = node.step("least", ReduceMin { axes, keep: false }, &[x])?;
    let least = node.step("least", Min, &[least, nothing])?;
    let range = node.step("range", Sub, &[most, least])?;
    let steps = node.number("steps", &ty, 255.0)?;
    let scale = node.step("scale", Div, &[range, steps])?;
    let below = node.step("below", Sub, &[nothing, least])?;
    let zero = node.step("zero", Div, &[below, scale])?;
    let zero = node.step("rounded", Round, &[zero])?;
    let zero = node.step("clipped", Clip { min: 0.0, max: 255.0 }, &[zero])?;
    let zero = node.step("zero", Cast { to: DType::U8 }, &[zero])?;
    let y = node.result(Quantize, &[x, scale, zero])?;
    Ok(vec![y[0], scale, zero])
}

/// The zero point that is given, or 0 of that type.
pub(super) fn zero_point(node: &mut Node, given: Option<NodeId>, dtype: DType) -> Result<NodeId, Fault> {
    match given {
        Some(zero) => Ok(zero),
        None => {
            let name = format!("{}.zero", node.name());
            node.builder.splat(&name, Type::new(dtype, [])?, 0.0)
        }
    }
}

/// Checks a scale that is known now.
pub(super) fn check_scale(node: &mut Node, name: &str, scale: NodeId) -> Result<(), Fault> {
    if let Some(known) = node.builder.value(scale)? {
        let bad = known.data().to_f64().into_iter().find(|s| !(s.is_finite() && *s > 0.0));
        if let Some(bad) = bad {
            fail!(E_MODEL, "{name} holds {bad}: every scale must be finite and positive");
        }
    }
    Ok(())
}

/// Where scales and zero points of a value belong.
struct Along {
    ty: Type,
    axis: i64,
    block: i64,
}

impl Along {
    fn new(node: &mut Node, ty: &Type) -> Result<Along, Fault> {
        let axis = node.attributes.int("axis")?.unwrap_or(1);
        let block = node.attributes.int("block_size")?.unwrap_or(0);
        ensure!(block >= 0, E_MODEL, "block_size={block} must not be negative");
        Ok(Along { ty: ty.clone(), axis, block })
    }

    /// The zero point that is given, or 0 of that type, in a shape that broadcasts to the value.
    fn zero_point(
        &self,
        node: &mut Node,
        name: &str,
        given: Option<NodeId>,
        dtype: DType,
    ) -> Result<NodeId, Fault> {
        match given {
            Some(zero) => self.parameter(node, name, zero),
            None => zero_point(node, None, dtype),
        }
    }

    /// A scale or a zero point in a shape that broadcasts to the value.
    fn parameter(&self, node: &mut Node, name: &str, id: NodeId) -> Result<NodeId, Fault> {
        if node.ty(id).dtype.is_float() {
            check_scale(node, name, id)?;
        }
        let ty = node.ty(id);
        if ty.elements() == 1 && self.block == 0 {
            return node.reshaped("one", id, &[]);
        }
        let axis = axis("axis", self.axis, self.ty.rank())?;
        let extent = self.ty.dims()[axis];
        if self.block == 0 {
            ensure!(
                ty.dims() == [extent],
                E_MODEL,
                "{name} {ty} must be one number or {extent}, one for each element along axis {axis}"
            );
            return channels(node, id, self.ty.rank() - axis);
        }
        let block = self.block as usize;
        let mut dims = self.ty.dims().to_vec();
        dims[axis] = extent.div_ceil(block);
        ensure!(ty.dims() == dims, E_MODEL, "{name} {ty} must have the extents {dims:?}");
        let places: Vec<i64> = (0..extent).map(|i| (i / block) as i64).collect();
        let places = node.known("blocks", Tensor::of(&Shape::new([extent])?, places))?;
        node.step("each", Gather { axis: axis as i64 }, &[id, places])
    }
}

/// A list along a dimension, in a shape that broadcasts to a value with `behind - 1` dimensions behind that.
pub(super) fn channels(node: &mut Node, id: NodeId, behind: usize) -> Result<NodeId, Fault> {
    let mut dims = vec![1; behind.max(1)];
    dims[0] = node.ty(id).elements();
    node.reshaped("channels", id, &dims)
}
