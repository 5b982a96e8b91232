//! `MaxUnpool`, opset 9, 11, 22: the elements back where a `MaxPool` found them, zeros elsewhere.
//!
//!     MaxUnpool(X, I, output_shape?, kernel_shape, pads=0, strides=1)
//!         = zeros with X[k] at place I[k], all counted in row-major order
//!
//! Places count in the shape that the windows make, `(extent - 1) * stride + kernel - padding`; an `output_shape` has
//! rows and columns of zeros behind.

use super::window;
use crate::onnx::builder::extent;
use crate::onnx::diagnostic::{ensure, fault};
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::Type;
use cnnc_ir::ops::{Padding, Reduction, ScatterElements};

pub(super) fn max_unpool(node: &mut Node) -> Outcome {
    let ([x, places], [output_shape]) = node.inputs(["X", "I"], ["output_shape"])?;
    let (ty, given) = (node.ty(x), node.ty(places));
    ensure!(
        ty.rank() > 2 && given.shape == ty.shape,
        E_MODEL,
        "X {ty} and I {given} differ, or have no planes"
    );
    let n = ty.rank() - 2;
    let kernel = window::kernel(node, n, None)?;
    let (stride, _) = window::steps(node, n)?;
    let pads = window::list(node, "pads", 2 * n)?.unwrap_or_else(|| vec![0; 2 * n]);
    let mut dims = ty.dims()[..2].to_vec();
    for d in 0..n {
        let whole = ty.dims()[d + 2].checked_sub(1).and_then(|last| last.checked_mul(stride[d]));
        let whole = whole.and_then(|first| first.checked_add(kernel[d]));
        let size = whole.and_then(|whole| whole.checked_sub(pads[d])?.checked_sub(pads[n + d]));
        dims.push(size.ok_or_else(|| fault!(E_MODEL, "windows over X {ty} make no plane"))?);
    }
    let count = [ty.elements()];
    let zeros = ty.with_dims([Type::new(ty.dtype, dims.clone())?.elements()])?;
    let name = format!("{}.zeros", node.name());
    let zeros = node.builder.splat(&name, zeros, 0.0)?;
    let elements = node.reshaped("elements", x, &count)?;
    let places = node.reshaped("places", places, &count)?;
    let scatter = ScatterElements { axis: 0, reduction: Reduction::Replace };
    let flat = node.step("flat", scatter, &[zeros, places, elements])?;
    let mut value = node.reshaped("planes", flat, &dims)?;
    if let Some(output_shape) = output_shape {
        let wanted = node.ints("output_shape", output_shape)?;
        let wanted: Vec<usize> =
            wanted.iter().map(|&n| extent("output_shape", n)).collect::<Result<_, _>>()?;
        let fits = wanted.len() == dims.len() && wanted.iter().zip(&dims).all(|(wanted, n)| wanted >= n);
        ensure!(fits, E_MODEL, "output_shape={wanted:?} does not hold what the windows make, {dims:?}");
        let after = wanted.iter().zip(&dims).map(|(&wanted, &n)| (wanted - n) as i64).collect();
        value = node.step("larger", Padding { before: vec![0; dims.len()], after, value: 0.0 }, &[value])?;
    }
    node.named(value)
}
