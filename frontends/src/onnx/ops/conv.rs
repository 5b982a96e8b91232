//! `Conv`, opset 1, 11, 22: cross-correlation of one or two spatial dimensions.
//!
//!     Conv(X, W, B?, auto_pad=NOTSET, dilations=1, group=1, kernel_shape=that of W, pads=0, strides=1)
//!
//! Refused: a weight of another rank than X, and what [windows](super::window) refuse.

use super::window::Window;
use crate::onnx::builder::extent;
use crate::onnx::diagnostic::ensure;
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::Conv;

pub(super) fn conv(node: &mut Node) -> Outcome {
    let ([x, w], [b]) = node.inputs(["X", "W"], ["B"])?;
    let (x_ty, w_ty) = (node.ty(x), node.ty(w));
    ensure!(w_ty.rank() == x_ty.rank() && w_ty.rank() > 2, E_MODEL, "X {x_ty} and W {w_ty} differ in rank");
    let groups = extent("group", node.attributes.int("group")?.unwrap_or(1))?;
    let window = Window::new(node, &x_ty, Some(&w_ty.dims()[2..]))?;
    let w = match *w_ty.dims() {
        [o, c, width] => node.reshaped("w", w, &[o, c, 1, width])?,
        _ => w,
    };
    let Window { stride, pad, dilation, .. } = window;
    let rest = [Some(w), b].into_iter().flatten().collect::<Vec<_>>();
    window.slide(node, Conv { stride, pad, dilation, groups }, x, &rest)
}
