//! `DepthToSpace` and `SpaceToDepth`, opset 1, 11, 13, 28: channels spread over the plane, and back.
//!
//!     DepthToSpace(input, blocksize, mode=DCR)
//!     SpaceToDepth(input, blocksize, mode=DCR)
//!         [N, C, H*b, W*b] -> [N, C, H, b, W, b] -> [N, b, b, C, H, W] (DCR) or [N, C, b, b, H, W] (CRD)

use crate::onnx::attributes::required;
use crate::onnx::builder::extent;
use crate::onnx::diagnostic::{ensure, fail};
use crate::onnx::node::{Node, Outcome, reshape};
use cnnc_ir::ops::{DepthMode, DepthToSpace, Transpose};

pub(super) fn depth_to_space(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    let block = required("blocksize", node.attributes.int("blocksize")?)?;
    let mode = node.attributes.word("mode", &[("DCR", DepthMode::Dcr), ("CRD", DepthMode::Crd)])?;
    node.result(DepthToSpace { block, mode }, &[x])
}

pub(super) fn space_to_depth(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    let b = extent("blocksize", required("blocksize", node.attributes.int("blocksize")?)?)?;
    let perms = [("DCR", [0, 3, 5, 1, 2, 4]), ("CRD", [0, 1, 3, 5, 2, 4])];
    let perm = node.attributes.word("mode", &perms)?.to_vec();
    let ty = node.ty(x);
    let [n, c, h, w] = *ty.dims() else { fail!(E_MODEL, "the input {ty} must be of rank 4") };
    let whole = b > 0 && h % b == 0 && w % b == 0;
    ensure!(whole, E_MODEL, "blocksize={b} does not divide the planes of {ty}");
    let blocks = node.reshaped("blocks", x, &[n, c, h / b, b, w / b, b])?;
    let moved = node.step("moved", Transpose { perm }, &[blocks])?;
    node.result(reshape(&[n, b * b * c, h / b, w / b]), &[moved])
}
