//! `MaxPool`, opset 1, 8, 10, 11, 12, 22, and `AveragePool`, opset 1, 7, 10, 11, 19, 22: one or two spatial
//! dimensions.
//!
//!     MaxPool(X, auto_pad=NOTSET, ceil_mode=0, dilations=1, kernel_shape, pads=0, strides=1,
//!             storage_order=0)
//!     AveragePool(X, (the same up to strides), count_include_pad=0)
//!
//! `MaxPool`'s second output, the places of the maxima, is not computed; `storage_order` only concerns it.

use super::window::Window;
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::{AvgPool, MaxPool};

pub(super) fn max_pool(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    node.attributes.flag("storage_order")?;
    let ceil = node.attributes.flag("ceil_mode")?.unwrap_or(false);
    let window = Window::new(node, &node.ty(x), None)?;
    let Window { kernel, stride, pad, dilation, same } = window;
    window.slide(node, MaxPool { kernel, stride, pad, dilation, ceil: ceil && !same }, x, &[])
}

pub(super) fn average_pool(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let ceil = node.attributes.flag("ceil_mode")?.unwrap_or(false);
    let count_include_pad = node.attributes.flag("count_include_pad")?.unwrap_or(false);
    let window = Window::new(node, &node.ty(x), None)?;
    let Window { kernel, stride, pad, dilation, same } = window;
    let op = AvgPool { kernel, stride, pad, dilation, ceil: ceil && !same, count_include_pad };
    window.slide(node, op, x, &[])
}
