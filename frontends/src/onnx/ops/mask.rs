//! Elements chosen by a mask that is made of places.
//!
//!     Trilu(input, k=0, upper=1)                  opset 14: the part above or below a diagonal, 0 elsewhere
//!     OneHot(indices, depth, values, axis=-1)     opset 9, 11: values[1] at the index, values[0] elsewhere
//!
//! An index of `OneHot` counts from the end where it is negative; one out of range has no place.

use crate::onnx::builder::extent;
use crate::onnx::diagnostic::{ensure, fail};
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::ops::{Cast, Equal, Or, Select, Slice};
use cnnc_ir::{DType, Shape, Tensor};

pub(super) fn trilu(node: &mut Node) -> Outcome {
    let ([x], [k]) = node.inputs(["input"], ["k"])?;
    let upper = node.attributes.flag("upper")?.unwrap_or(true);
    let ty = node.ty(x);
    let [.., rows, columns] = *ty.dims() else { fail!(E_MODEL, "the input {ty} is no matrix") };
    let k = match k {
        Some(k) => node.scalar("k", k)?.clamp(-(rows as f64), columns as f64) as i64,
        None => 0,
    };
    let shape = Shape::new([rows, columns])?;
    node.builder.spend(shape.elements())?;
    let kept = |row: usize, column: usize| match column as i64 - row as i64 - k {
        0 => true,
        distance => (distance > 0) == upper,
    };
    let mask = (0..rows).flat_map(|i| (0..columns).map(move |j| kept(i, j))).collect();
    let mask = node.known("mask", Tensor::of(&shape, mask))?;
    let zero = node.number("zero", &ty, 0.0)?;
    node.result(Select, &[mask, x, zero])
}

pub(super) fn one_hot(node: &mut Node) -> Outcome {
    let ([indices, depth, values], []) = node.inputs(["indices", "depth", "values"], [])?;
    let depth = extent("depth", node.scalar("depth", depth)? as i64)?;
    let (ty, values_ty) = (node.ty(indices), node.ty(values));
    ensure!(values_ty.dims() == [2], E_MODEL, "values {values_ty} must be two");
    let d = axis("axis", node.attributes.int("axis")?.unwrap_or(-1), ty.rank() + 1)?;
    let mut dims = ty.dims().to_vec();
    dims.insert(d, 1);
    let indices = node.step("wide", Cast { to: DType::I64 }, &[indices])?;
    let indices = node.reshaped("indices", indices, &dims)?;
    let mut along = vec![1; dims.len()];
    along[d] = depth;
    let shape = Shape::new(along)?;
    node.builder.spend(shape.elements() * 2 * size_of::<i64>())?;
    let n = depth as i64;
    let from_start = node.known("places", Tensor::of(&shape, (0..n).collect()))?;
    let from_end = node.known("places", Tensor::of(&shape, (-n..0).collect()))?;
    let hits = node.step("hits", Equal, &[indices, from_start])?;
    let hits_from_end = node.step("hits", Equal, &[indices, from_end])?;
    let hits = node.step("hits", Or, &[hits, hits_from_end])?;
    let mut value = |name: &str, at: i64| {
        let one =
            node.step(name, Slice { starts: vec![at], ends: vec![at + 1], steps: Vec::new() }, &[values])?;
        node.reshaped(name, one, &[])
    };
    let (off, on) = (value("off", 0)?, value("on", 1)?);
    node.result(Select, &[hits, on, off])
}
