//! The p-norm of windows, planes and lines.
//!
//!     norm(x)                = (sum of |x|^p)^(1/p)
//!
//!     LpPool(X, auto_pad=NOTSET, ceil_mode=0, dilations=1, kernel_shape, pads=0, strides=1, p=2)
//!     GlobalLpPool(X, p=2)
//!     LpNormalization(input, axis=-1, p=2)  = input / norm along the axis, and 0 where that is 0
//!     ReduceL1 ReduceL2 (as every [reduction](super::reduce))
//!
//! `LpPool` of opset 1, 2, 11, 18, 22, `GlobalLpPool` of opset 1, 2, 22, `p` a float in the first of both;
//! `LpNormalization` of opset 1, 22. Norms of f16 are computed in f32, and rounded. A sum over windows is a convolution
//! of each channel by ones.

use super::reduce::{Along, spatial};
use super::window::{Plane, Window};
use crate::onnx::diagnostic::{Fault, ensure, fault};
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::attrs::Pad;
use cnnc_ir::ops::{Abs, Conv, Div, Equal, Mul, Pow, ReduceSum, Select, Sliding, Sqrt};
use cnnc_ir::{NodeId, Type};

pub(super) fn lp_pool(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let ceil = node.attributes.flag("ceil_mode")?.unwrap_or(false);
    let p = exponent(node)?;
    let ty = node.ty(x);
    let window = Window::new(node, &ty, None)?;
    let x = node.wide(x)?;
    let powers = power(node, x, p)?;
    let sums = window.pool(node, powers, |node, x, plane| sum(node, x, plane, ceil && !window.same))?;
    let norm = root(node, sums, p)?;
    node.narrowed(norm, ty.dtype)
}

pub(super) fn global_lp_pool(node: &mut Node) -> Outcome {
    let (x, axes) = spatial(node)?;
    let p = exponent(node)?;
    reduced(node, x, &Along { axes, keep: true }, p)
}

pub(super) fn lp_normalization(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    let ty = node.ty(x);
    let axis = axis("axis", node.attributes.int("axis")?.unwrap_or(-1), ty.rank())? as i64;
    let p = exponent(node)?;
    let x = node.wide(x)?;
    let norm = norm(node, x, &Along { axes: vec![axis], keep: true }, p)?;
    let [zero, one] = [("zero", 0.0), ("one", 1.0)].map(|(name, n)| node.number(name, &node.ty(x), n));
    let nothing = node.step("nothing", Equal, &[norm, zero?])?;
    let divisor = node.step("divisor", Select, &[nothing, one?, norm])?;
    let normal = node.step("normal", Div, &[x, divisor])?;
    node.narrowed(normal, ty.dtype)
}

pub(super) fn reduce_l1(node: &mut Node) -> Outcome {
    let (x, along) = Along::new(node, 18)?;
    reduced(node, x, &along, 1.0)
}

pub(super) fn reduce_l2(node: &mut Node) -> Outcome {
    let (x, along) = Along::new(node, 18)?;
    reduced(node, x, &along, 2.0)
}

/// The attribute `p`.
fn exponent(node: &mut Node) -> Result<f32, Fault> {
    let p = match node.opset {
        ..2 => node.attributes.float("p")?.unwrap_or(2.0),
        _ => node.attributes.int("p")?.unwrap_or(2) as f32,
    };
    ensure!(p.is_finite() && p > 0.0, E_MODEL, "p={p}: it must be positive");
    Ok(p)
}

/// The p-norm along some dimensions as the result; of integers the first is an integer, others are cut off.
fn reduced(node: &mut Node, x: NodeId, along: &Along, p: f32) -> Outcome {
    let dtype = node.ty(x).dtype;
    let x = if p == 1.0 { node.wide(x)? } else { node.real(x)? };
    let norm = norm(node, x, along, p)?;
    node.narrowed(norm, dtype)
}

/// The p-norm along some dimensions.
fn norm(node: &mut Node, x: NodeId, along: &Along, p: f32) -> Result<NodeId, Fault> {
    let sums = match p {
        2.0 => along.sum_of_squares(node, x)?,
        _ => {
            let powers = power(node, x, p)?;
            along.reduce(node, powers, |axes, keep| ReduceSum { axes, keep }.into())?
        }
    };
    root(node, sums, p)
}

/// `|x|^p`
fn power(node: &mut Node, x: NodeId, p: f32) -> Result<NodeId, Fault> {
    if p == 2.0 {
        return node.step("square", Mul, &[x, x]);
    }
    let size = node.step("size", Abs, &[x])?;
    if p == 1.0 {
        return Ok(size);
    }
    let p = node.number("p", &node.ty(x), p)?;
    node.step("power", Pow, &[size, p])
}

/// `x^(1/p)`, of x that is not negative.
fn root(node: &mut Node, x: NodeId, p: f32) -> Result<NodeId, Fault> {
    match p {
        1.0 => Ok(x),
        2.0 => node.step("norm", Sqrt, &[x]),
        _ => {
            let p = node.number("inverse", &node.ty(x), 1.0 / p)?;
            node.step("norm", Pow, &[x, p])
        }
    }
}

/// The sums under the windows over each plane.
fn sum(node: &mut Node, x: NodeId, plane: Plane, ceil: bool) -> Result<NodeId, Fault> {
    let ty = node.ty(x);
    let channels = ty.dims()[1];
    let Plane { kernel, stride, dilation, pad } = plane;
    let ones = Type::new(ty.dtype, [channels, 1, kernel.0, kernel.1])?;
    let name = format!("{}.ones", node.name());
    let ones = node.builder.splat(&name, ones, 1.0)?;
    let sides = cnnc_ir::ops::Window { kernel, stride, pad, dilation, ceil }.over(ty.dims()[2], ty.dims()[3]);
    let [bottom, right] = sides.map(reached);
    let none_fits = || fault!(E_MODEL, "(W2): no window of {}x{} fits into X {ty}", kernel.0, kernel.1);
    let (bottom, right) = (bottom.ok_or_else(none_fits)?, right.ok_or_else(none_fits)?);
    let pad = Pad { bottom, right, ..pad };
    node.step("sum", Conv { stride, pad, dilation, groups: channels }, &[x, ones])
}

/// The padding behind that the last window needs: other than asked for where the count of windows is rounded.
fn reached(side: Sliding) -> Option<usize> {
    let last = side.count()?.checked_sub(1)?.checked_mul(side.stride)?;
    let end = side.kernel.checked_sub(1)?.checked_mul(side.dilation)?.checked_add(last)?.checked_add(1)?;
    Some(end.saturating_sub(side.extent.checked_add(side.before)?))
}
