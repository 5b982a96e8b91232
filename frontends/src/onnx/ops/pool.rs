//! `MaxPool`, opset 1, 8, 10, 11, 12, 22, and `AveragePool`, opset 1, 7, 10, 11, 19, 22.
//!
//!     MaxPool(X, auto_pad=NOTSET, ceil_mode=0, dilations=1, kernel_shape, pads=0, strides=1,
//!             storage_order=0)                                        (Y, Indices?)
//!     AveragePool(X, (the same up to strides), count_include_pad=0)
//!
//! Refused: `Indices` over more than two spatial dimensions.

use super::window::{Plane, Window};
use crate::onnx::diagnostic::ensure;
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::{ArgMaxPool, AvgPool, MaxPool};

pub(super) fn max_pool(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let column_major = node.attributes.flag("storage_order")?.unwrap_or(false);
    let ceil = node.attributes.flag("ceil_mode")?.unwrap_or(false);
    let ty = node.ty(x);
    let window = Window::new(node, &ty, None)?;
    let op = |Plane { kernel, stride, dilation, pad }| MaxPool {
        kernel,
        stride,
        pad,
        dilation,
        ceil: ceil && !window.same,
    };
    let pooled = window.pool(node, x, |node, x, plane| node.step("max", op(plane), &[x]))?;
    let mut values = node.named(pooled)?;
    if let Some(name) = node.outputs.get(1).filter(|name| !name.is_empty()) {
        ensure!(
            ty.rank() <= 4,
            E_UNSUPPORTED,
            "Indices of X {ty}: only two spatial dimensions are supported"
        );
        let op = |plane| ArgMaxPool { pool: op(plane), column_major };
        let places = window.pool(node, x, |node, x, plane| node.step("places", op(plane), &[x]))?;
        node.builder.rename(places, name)?;
        values.push(places);
    }
    Ok(values)
}

pub(super) fn average_pool(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let ceil = node.attributes.flag("ceil_mode")?.unwrap_or(false);
    let count_include_pad = node.attributes.flag("count_include_pad")?.unwrap_or(false);
    let window = Window::new(node, &node.ty(x), None)?;
    let op = |Plane { kernel, stride, dilation, pad }| AvgPool {
        kernel,
        stride,
        pad,
        dilation,
        ceil: ceil && !window.same,
        count_include_pad,
    };
    let pooled = window.pool(node, x, |node, x, plane| node.step("mean", op(plane), &[x]))?;
    node.named(pooled)
}
