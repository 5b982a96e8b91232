//! `Expand`, opset 8, 13, and `Tile`, opset 1, 6, 13: the same elements again and again.
//!
//!     Expand(input, shape)       both stretch, so the result may be larger than the shape
//!     Tile(input, repeats)       along each dimension: [.., n, ..] -> [before, 1, n, behind]
//!                                -> [before, times, n, behind] -> [.., times * n, ..]
//!     Tile(input, tiles, axis)   opset 1: along one dimension

use crate::onnx::builder::extent;
use crate::onnx::diagnostic::{ensure, fault};
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::Shape;
use cnnc_ir::ops::{Expand, Identity};

pub(super) fn expand(node: &mut Node) -> Outcome {
    let ([x, shape], []) = node.inputs(["input", "shape"], [])?;
    let shape = Shape::from_signed(&node.ints("shape", shape)?)?.broadcast(&node.ty(x).shape)?;
    node.result(stretched(shape.dims()), &[x])
}

pub(super) fn tile(node: &mut Node) -> Outcome {
    let rank = |node: &Node, x| node.ty(x).rank();
    let (mut x, repeats) = if node.opset < 6 {
        let ([x, tiles, along], []) = node.inputs(["input", "tiles", "axis"], [])?;
        let (times, along) = (node.scalar("tiles", tiles)? as i64, node.scalar("axis", along)? as i64);
        let mut repeats = vec![1; rank(node, x)];
        repeats[axis("axis", along, rank(node, x))?] = times;
        (x, repeats)
    } else {
        let ([x, repeats], []) = node.inputs(["input", "repeats"], [])?;
        (x, node.ints("repeats", repeats)?)
    };
    let mut dims = node.ty(x).dims().to_vec();
    ensure!(
        repeats.len() == dims.len(),
        E_MODEL,
        "repeats={repeats:?} are not one for each dimension of {}",
        node.ty(x)
    );
    for (d, &times) in repeats.iter().enumerate().filter(|&(_, &times)| times != 1) {
        let (times, n) = (extent("repeats", times)?, dims[d]);
        let (before, behind) = (dims[..d].iter().product(), dims[d + 1..].iter().product());
        let apart = node.reshaped("apart", x, &[before, 1, n, behind])?;
        let tiles = node.step("tiles", stretched(&[before, times, n, behind]), &[apart])?;
        dims[d] = times.checked_mul(n).ok_or_else(|| fault!(E_LIMIT, "repeats={repeats:?} overflow"))?;
        x = node.reshaped("tiled", tiles, &dims)?;
    }
    node.result(Identity, &[x])
}

/// The operator that stretches a value to these extents.
pub(super) fn stretched(dims: &[usize]) -> Expand {
    Expand { shape: dims.iter().map(|&d| d as i64).collect() }
}
