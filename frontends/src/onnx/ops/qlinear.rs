//! Operators on quantised integers, opset 10, 21, and those of ONNX Runtime.
//!
//!     ConvInteger(x, w, x_zero_point=0, w_zero_point=0, the attributes of Conv)
//!     MatMulInteger(A, B, a_zero_point=0, b_zero_point=0)
//!     QLinearConv(x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B?, ..)
//!     QLinearMatMul(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point)
//!     com.microsoft QLinearAdd(A, A_scale, A_zero_point=0, B, B_scale, B_zero_point=0, C_scale, C_zero_point=0)
//!     com.microsoft QLinearGlobalAveragePool(X, x_scale, x_zero_point, y_scale, y_zero_point, channels_last=0)
//!
//! Products are summed as integers, those of vectors as of [matrices](super::matmul). A result is `requantize` of the
//! sum by the scales of the operands over that of the result, in f32, where scales are f16 too. `QLinearAdd` adds
//! reals.
//!
//! Refused: constant scales that are not positive and finite, three spatial dimensions, and what
//! [windows](super::window) refuse.

use super::matmul::of_matrices;
use super::quantize::{channels, check_scale, zero_point};
use super::volume;
use super::window::{Plane, Window};
use crate::onnx::attributes::required;
use crate::onnx::builder::extent;
use crate::onnx::diagnostic::{Fault, ensure};
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::{
    Add, Cast, Conv, ConvInteger, Dequantize, Div, MatmulInteger, Mul, Quantize, ReduceSum, Requantize, Sub,
};
use cnnc_ir::{DType, NodeId};

pub(super) fn conv_integer(node: &mut Node) -> Outcome {
    let ([x, w], [x_zero, w_zero]) = node.inputs(["x", "w"], ["x_zero_point", "w_zero_point"])?;
    let sum = convolution(node, [x, w], [x_zero, w_zero])?;
    node.named(sum)
}

pub(super) fn mat_mul_integer(node: &mut Node) -> Outcome {
    let ([a, b], [a_zero, b_zero]) = node.inputs(["A", "B"], ["a_zero_point", "b_zero_point"])?;
    of_matrices(node, [a, b], |node, [a, b]| {
        let operands = product(node, [a, b], [a_zero, b_zero])?;
        node.step("sum", MatmulInteger, &operands)
    })
}

pub(super) fn q_linear_conv(node: &mut Node) -> Outcome {
    let ([x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero], [b]) = node.inputs(
        ["x", "x_scale", "x_zero_point", "w", "w_scale", "w_zero_point", "y_scale", "y_zero_point"],
        ["B"],
    )?;
    let rank = node.ty(x).rank();
    let mut sum = convolution(node, [x, w], [Some(x_zero), Some(w_zero)])?;
    if let Some(b) = b {
        let b = channels(node, b, rank.saturating_sub(1))?;
        sum = node.step("sum", Add, &[sum, b])?;
    }
    let w_scale = match node.ty(w_scale).elements() {
        1 => w_scale,
        _ => channels(node, w_scale, rank.saturating_sub(1))?,
    };
    let y = requantized(node, sum, [x_scale, w_scale], y_scale, y_zero)?;
    node.named(y)
}

pub(super) fn q_linear_mat_mul(node: &mut Node) -> Outcome {
    let ([a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero], []) = node.inputs(
        ["a", "a_scale", "a_zero_point", "b", "b_scale", "b_zero_point", "y_scale", "y_zero_point"],
        [],
    )?;
    of_matrices(node, [a, b], |node, [a, b]| {
        let operands = product(node, [a, b], [Some(a_zero), Some(b_zero)])?;
        let a_scale = rows(node, a_scale)?;
        let sum = node.step("sum", MatmulInteger, &operands)?;
        requantized(node, sum, [a_scale, b_scale], y_scale, y_zero)
    })
}

pub(super) fn q_linear_add(node: &mut Node) -> Outcome {
    // ONNX: every zero point may be left out, those in the middle by an empty name.
    let operand = |k: usize| node.operands.get(k).copied().flatten();
    let [a, b] = [0, 3].map(|k| [operand(k), operand(k + 1), operand(k + 2)]);
    let (c_scale, c_zero) = (required("C_scale", operand(6))?, operand(7));
    ensure!(node.operands.len() <= 8, E_MODEL, "{} inputs are given, at most 8", node.operands.len());
    let dtype = node.ty(required("A", a[0])?).dtype;
    let mut reals = Vec::new();
    for ([x, scale, zero], name) in [(a, "A"), (b, "B")] {
        let x = required(name, x)?;
        let scale = one(node, &format!("{name}_scale"), required(&format!("{name}_scale"), scale)?)?;
        let zero = zero_point(node, zero, dtype)?;
        let zero = node.reshaped("one", zero, &[])?;
        reals.push(node.step(name, Dequantize, &[x, scale, zero])?);
    }
    let sum = node.step("sum", Add, &reals)?;
    let c_scale = one(node, "C_scale", c_scale)?;
    let c_zero = zero_point(node, c_zero, dtype)?;
    let c_zero = node.reshaped("one", c_zero, &[])?;
    node.result(Quantize, &[sum, c_scale, c_zero])
}

pub(super) fn q_linear_global_average_pool(node: &mut Node) -> Outcome {
    let ([x, x_scale, x_zero, y_scale, y_zero], []) =
        node.inputs(["X", "x_scale", "x_zero_point", "y_scale", "y_zero_point"], [])?;
    let ty = node.ty(x);
    ensure!(ty.rank() > 2, E_MODEL, "X {ty} has no spatial dimensions");
    let last = node.attributes.flag("channels_last")?.unwrap_or(false);
    let first = if last { 1 } else { 2 };
    let axes: Vec<i64> = (first..first + ty.rank() as i64 - 2).collect();
    let count: usize = axes.iter().map(|&d| ty.dims()[d as usize]).product();
    let wide = node.step("wide", Cast { to: DType::I32 }, &[x])?;
    let x_zero = node.step("zero", Cast { to: DType::I32 }, &[x_zero])?;
    let x_zero = node.reshaped("zero", x_zero, &[])?;
    let centred = node.step("centred", Sub, &[wide, x_zero])?;
    let sum = node.step("sum", ReduceSum { axes, keep: true }, &[centred])?;
    let share = node.number("share", &node.ty(x_scale), 1.0 / count as f32)?;
    let y = requantized(node, sum, [x_scale, share], y_scale, y_zero)?;
    node.named(y)
}

/// A convolution of integers.
fn convolution(
    node: &mut Node,
    [x, w]: [NodeId; 2],
    [x_zero, w_zero]: [Option<NodeId>; 2],
) -> Result<NodeId, Fault> {
    let (x_ty, w_ty) = (node.ty(x), node.ty(w));
    ensure!(
        (3..=4).contains(&x_ty.rank()) && w_ty.rank() == x_ty.rank(),
        E_UNSUPPORTED,
        "x {x_ty} and w {w_ty} must have one or two spatial dimensions"
    );
    let groups = extent("group", node.attributes.int("group")?.unwrap_or(1))?;
    let Plane { stride, pad, dilation, .. } = Window::new(node, &x_ty, Some(&w_ty.dims()[2..]))?.plane();
    let x_zero = zero_point(node, x_zero, x_ty.dtype)?;
    let x_zero = node.reshaped("one", x_zero, &[])?;
    let mut w_zero = zero_point(node, w_zero, w_ty.dtype)?;
    if node.ty(w_zero).elements() != 1 {
        w_zero = channels(node, w_zero, 4)?;
    }
    let conv = Conv { stride, pad, dilation, groups };
    volume::plane(node, [x, w], |node, [x, w]| {
        node.step("sum", ConvInteger { conv }, &[x, w, x_zero, w_zero])
    })
}

/// The operands of a product of matrices.
fn product(
    node: &mut Node,
    [a, b]: [NodeId; 2],
    [a_zero, b_zero]: [Option<NodeId>; 2],
) -> Result<[NodeId; 4], Fault> {
    let a_zero = zero_point(node, a_zero, node.ty(a).dtype)?;
    let a_zero = rows(node, a_zero)?;
    let b_zero = zero_point(node, b_zero, node.ty(b).dtype)?;
    Ok([a, b, a_zero, b_zero])
}

/// A list of one number for each row, as a column.
fn rows(node: &mut Node, id: NodeId) -> Result<NodeId, Fault> {
    match *node.ty(id).dims() {
        [n] if n != 1 => node.reshaped("rows", id, &[n, 1]),
        _ => Ok(id),
    }
}

/// A scale that is one number.
fn one(node: &mut Node, name: &str, scale: NodeId) -> Result<NodeId, Fault> {
    check_scale(node, name, scale)?;
    let ty = node.ty(scale);
    ensure!(ty.elements() == 1, E_MODEL, "{name} {ty} must be one number");
    node.reshaped("one", scale, &[])
}

/// The result of a sum of products of operands of these scales.
fn requantized(
    node: &mut Node,
    sum: NodeId,
    scales: [NodeId; 2],
    y_scale: NodeId,
    y_zero: NodeId,
) -> Result<NodeId, Fault> {
    for scale in scales {
        check_scale(node, "a scale", scale)?;
    }
    let y_scale = one(node, "y_scale", y_scale)?;
    let y_scale = node.wide(y_scale)?;
    let y_zero = node.reshaped("one", y_zero, &[])?;
    let [a_scale, b_scale] = scales.map(|scale| node.wide(scale));
    let scale = node.step("scale", Mul, &[a_scale?, b_scale?])?;
    let scale = node.step("scale", Div, &[scale, y_scale])?;
    node.step("result", Requantize, &[sum, scale, y_zero])
}
