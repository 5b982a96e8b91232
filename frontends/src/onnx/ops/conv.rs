//! `Conv` and `ConvTranspose`, opset 1, 11, 22: cross-correlation and its transpose.
//!
//!     Conv(X, W, B?, auto_pad=NOTSET, dilations=1, group=1, kernel_shape=that of W, pads=0, strides=1)
//!     ConvTranspose(the same, output_padding=0, output_shape=that of the formula)
//!
//! With `output_shape`, and with `auto_pad` SAME, which asks for `extent * stride`, the padding of a
//! `ConvTranspose` is what the result would be longer, and its odd element goes in front but with SAME_UPPER;
//! a result that would be shorter has rows behind that nothing reaches.
//!
//! Refused: a weight of another rank than X, and what [windows](super::window) refuse.

use super::volume;
use super::window::{self, AutoPad, Plane, Window};
use crate::onnx::builder::extent;
use crate::onnx::diagnostic::{Fault, ensure, fault};
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::attrs::Hw;
use cnnc_ir::ops::{Conv, ConvTranspose, Op, Spread, Transpose};
use cnnc_ir::{NodeId, Type};

pub(super) fn conv(node: &mut Node) -> Outcome {
    let ([mut x, mut w], rest, ty, groups) = operands(node)?;
    let window = Window::new(node, &ty, Some(&node.ty(w).dims()[2..]))?;
    let mut counts = Vec::new();
    // All spatial dimensions but the last two.
    for d in 0..ty.rank().saturating_sub(4) {
        let along = window.along(d, ty.dims()[d + 2]);
        let count = along.count();
        let count = count.ok_or_else(|| fault!(E_MODEL, "dimension {} of X {ty} is too small", d + 2))?;
        x = volume::fold(node, x, [count, along.kernel], |i, u| along.element(i, u))?;
        let dims = node.ty(w).dims().to_vec();
        w = node.reshaped("filters", w, &[&[dims[0], dims[1] * dims[2]], &dims[3..]].concat())?;
        counts.push(count);
    }
    let Plane { stride, pad, dilation, .. } = window.plane();
    finish(node, [x, w], rest, Conv { stride, pad, dilation, groups }, &counts)
}

pub(super) fn conv_transpose(node: &mut Node) -> Outcome {
    let ([mut x, mut w], rest, ty, groups) = operands(node)?;
    let spreads = spreads(node, &ty, &node.ty(w))?;
    let (outer, inner) = spreads.split_at(spreads.len().saturating_sub(2));
    let mut counts = Vec::new();
    for (d, spread) in outer.iter().enumerate() {
        let count = spread.count();
        let count =
            count.ok_or_else(|| fault!(E_MODEL, "nothing is left along dimension {} of X {ty}", d + 2))?;
        x = volume::fold(node, x, [count, spread.kernel], |i, u| spread.element(i, u))?;
        let dims = node.ty(w).dims().to_vec();
        let perm = [0, 2, 1].into_iter().chain(3..dims.len() as i64).collect();
        w = node.step("filters", Transpose { perm }, &[w])?;
        w = node.reshaped("filters", w, &[&[dims[0] * dims[2], dims[1]], &dims[3..]].concat())?;
        counts.push(count);
    }
    let list = |of: fn(&Spread) -> usize| inner.iter().map(of).collect();
    let window = Window {
        kernel: list(|s| s.kernel),
        stride: list(|s| s.stride),
        dilation: list(|s| s.dilation),
        before: list(|s| s.before),
        after: list(|s| s.after),
        same: false,
    };
    let extra = if let [h, w] = inner { Hw(h.extra, w.extra) } else { Hw(0, inner[0].extra) };
    let Plane { stride, pad, dilation, .. } = window.plane();
    finish(node, [x, w], rest, ConvTranspose { stride, pad, dilation, extra, groups }, &counts)
}

/// X and W, the operands behind them, the type of X, and the groups.
#[allow(clippy::type_complexity, reason = "what both convolutions begin with, taken apart at once")]
fn operands(node: &mut Node) -> Result<([NodeId; 2], Vec<NodeId>, Type, usize), Fault> {
    let ([x, w], [b]) = node.inputs(["X", "W"], ["B"])?;
    let (x_ty, w_ty) = (node.ty(x), node.ty(w));
    ensure!(w_ty.rank() == x_ty.rank() && w_ty.rank() > 2, E_MODEL, "X {x_ty} and W {w_ty} differ in rank");
    let groups = extent("group", node.attributes.int("group")?.unwrap_or(1))?;
    Ok(([x, w], b.into_iter().collect(), x_ty, groups))
}

/// Convolves planes, and brings the dimensions back that were folded, as many places of each as `counts` say.
fn finish(
    node: &mut Node,
    operands: [NodeId; 2],
    rest: Vec<NodeId>,
    op: impl Into<Op>,
    counts: &[usize],
) -> Outcome {
    let convolved =
        |node: &mut Node, [x, w]: [NodeId; 2]| node.step("planes", op, &[vec![x, w], rest].concat());
    let mut y = volume::plane(node, operands, convolved)?;
    for &count in counts.iter().rev() {
        y = volume::unfold(node, y, count)?;
    }
    node.named(y)
}

/// How a `ConvTranspose` spreads each spatial dimension of X.
fn spreads(node: &mut Node, x: &Type, w: &Type) -> Result<Vec<Spread>, Fault> {
    let spatial = &x.dims()[2..];
    let n = spatial.len();
    let kernel = window::kernel(node, n, Some(&w.dims()[2..]))?;
    let (stride, dilation) = window::steps(node, n)?;
    let pads = window::list(node, "pads", 2 * n)?.unwrap_or_else(|| vec![0; 2 * n]);
    let extra = window::list(node, "output_padding", n)?.unwrap_or_else(|| vec![0; n]);
    let auto = AutoPad::new(node)?;
    let overflow = || fault!(E_LIMIT, "the result overflows");
    let wanted = match (window::list(node, "output_shape", n)?, auto) {
        (Some(wanted), _) => Some(wanted),
        (None, AutoPad::Same { .. }) => {
            let sizes = spatial.iter().zip(&stride).map(|(n, stride)| n.checked_mul(*stride));
            Some(sizes.collect::<Option<Vec<usize>>>().ok_or_else(overflow)?)
        }
        (None, _) => None,
    };
    let pads = if let AutoPad::Valid = auto { vec![0; 2 * n] } else { pads };
    let odd_behind = matches!(auto, AutoPad::Same { odd_behind: true });
    let mut spreads = Vec::with_capacity(n);
    for d in 0..n {
        let (extent, kernel, stride, dilation) = (spatial[d], kernel[d], stride[d], dilation[d]);
        let whole = Spread { extent, kernel, stride, dilation, before: 0, after: 0, extra: extra[d] };
        spreads.push(match &wanted {
            None => Spread { before: pads[d], after: pads[n + d], ..whole },
            Some(wanted) => {
                let count = whole.count().ok_or_else(overflow)?;
                let ends = window::halves(&[count.saturating_sub(wanted[d])], odd_behind);
                let extra = extra[d].checked_add(wanted[d].saturating_sub(count)).ok_or_else(overflow)?;
                Spread { before: ends[0], after: ends[1], extra, ..whole }
            }
        });
    }
    Ok(spreads)
}
