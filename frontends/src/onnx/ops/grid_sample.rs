//! `GridSample`, opset 16, 20, 22, and `AffineGrid`, opset 20: elements around places that are computed.
//!
//!     GridSample(X, grid, mode=linear, padding_mode=zeros, align_corners=0)
//!     AffineGrid(theta, size, align_corners=0)     grid[n, place] = theta[n] * (the middle of the place, 1)
//!
//! Opset 16 calls the modes bilinear, nearest and bicubic.

use crate::onnx::builder::extent;
use crate::onnx::diagnostic::{ensure, fail};
use crate::onnx::node::{Node, Outcome, reshape};
use cnnc_ir::ops::{Beyond, GridSample, Matmul, ResizeMode, Transpose};
use cnnc_ir::{DType, Data, Shape, Tensor};

pub(super) fn grid_sample(node: &mut Node) -> Outcome {
    let ([x, grid], []) = node.inputs(["X", "grid"], [])?;
    let ty = node.ty(x);
    ensure!(ty.rank() <= 5, E_UNSUPPORTED, "X {ty}: at most three spatial dimensions are supported");
    let mode = node.attributes.word(
        "mode",
        &[
            ("linear", ResizeMode::Linear),
            ("bilinear", ResizeMode::Linear),
            ("nearest", ResizeMode::Nearest),
            ("cubic", ResizeMode::Cubic),
            ("bicubic", ResizeMode::Cubic),
        ],
    )?;
    let beyond = node.attributes.word(
        "padding_mode",
        &[("zeros", Beyond::Zero), ("border", Beyond::Border), ("reflection", Beyond::Mirror)],
    )?;
    let corners = node.attributes.flag("align_corners")?.unwrap_or(false);
    node.result(GridSample { mode, beyond, corners }, &[x, grid])
}

pub(super) fn affine_grid(node: &mut Node) -> Outcome {
    let ([theta, size], []) = node.inputs(["theta", "size"], [])?;
    let size = node.ints("size", size)?;
    let corners = node.attributes.flag("align_corners")?.unwrap_or(false);
    let ty = node.ty(theta);
    let [n, _, ref spatial @ ..] = size[..] else { fail!(E_MODEL, "size={size:?} is no shape of pictures") };
    let d = spatial.len();
    let fits = ty.rank() == 3 && ty.dims()[0] as i64 == n && ty.dims()[1..] == [d, d + 1];
    ensure!(fits, E_MODEL, "theta {ty} does not map {d} dimensions of size={size:?}");
    let spatial = spatial.iter().map(|&n| extent("size", n)).collect::<Result<Vec<_>, _>>()?;
    let shape = Shape::new(spatial)?;
    let (places, strides) = (shape.elements(), shape.strides());
    node.builder.spend(places.saturating_mul(d + 1).saturating_mul(DType::F64.bytes()))?;
    let middle = |place: usize, d: usize| {
        let (i, n) = ((place / strides[d] % shape[d]) as f64, shape[d] as f64);
        if corners { 2.0 * i / (n - 1.0).max(1.0) - 1.0 } else { (2.0 * i + 1.0) / n - 1.0 }
    };
    let along = |place: usize| (0..d).rev().map(move |d| middle(place, d)).chain([1.0]);
    let places_list: Vec<f64> = (0..places).flat_map(along).collect();
    let middles = Tensor::new(Shape::new([places, d + 1])?, Data::F64(places_list).cast(ty.dtype))?;
    let middles = node.known("middles", middles)?;
    let theta = node.step("theta", Transpose { perm: vec![0, 2, 1] }, &[theta])?;
    let grid = node.step("places", Matmul, &[middles, theta])?;
    node.result(reshape(&[&[ty.dims()[0]], shape.dims(), &[d]].concat()), &[grid])
}
