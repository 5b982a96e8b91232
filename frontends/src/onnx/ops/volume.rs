//! Convolutions over other than two spatial dimensions, by those over planes.
//!
//!     one dimension    a plane of one row
//!     three and more   the outermost dimension goes into images and channels, one after the other:
//!
//!     x [N,C,D,..]  ->  gather along D  [N,C,OD,KD,..]  ->  [N*OD, C*KD, ..]
//!     w [O,C,KD,..] ->  [O, C*KD, ..]
//!     y [N*OD,O,..] ->  [N,O,OD,..]
//!
//! So each image is one place of the result along D, and its channels are the taps that meet there; where a
//! tap meets none, they are zeros. Terms are added in the order of the whole.

use crate::onnx::diagnostic::{Fault, fault};
use crate::onnx::node::Node;
use cnnc_ir::ops::{Gather, Padding, Transpose};
use cnnc_ir::{NodeId, Shape, Tensor};

/// Moves the outermost spatial dimension of x into images and channels, for so many places of the result and
/// taps; `meets` says which element a tap of a place meets.
pub(super) fn fold(
    node: &mut Node,
    x: NodeId,
    [count, taps]: [usize; 2],
    meets: impl Fn(usize, usize) -> Option<usize>,
) -> Result<NodeId, Fault> {
    let dims = node.ty(x).dims().to_vec();
    let (rank, depth) = (dims.len(), dims[2]);
    let entries = count.checked_mul(taps).ok_or_else(|| fault!(E_LIMIT, "{count} windows of {taps} taps"))?;
    node.builder.spend(entries.saturating_mul(size_of::<i64>()))?;
    // What meets nothing reads the slice of zeros behind all others.
    let place = |at: usize| meets(at / taps, at % taps).unwrap_or(depth) as i64;
    let places: Vec<i64> = (0..entries).map(place).collect();
    let mut padded = x;
    if places.contains(&(depth as i64)) {
        let (before, mut after) = (vec![0; rank], vec![0; rank]);
        after[2] = 1;
        padded = node.step("padded", Padding { before, after, value: 0.0 }, &[x])?;
    }
    let name = format!("{}.places", node.name());
    let places = node.builder.constant(&name, Tensor::of(&Shape::new([count, taps])?, places))?;
    let gathered = node.step("taps", Gather { axis: 2 }, &[padded, places])?;
    let perm = [0, 2, 1].into_iter().chain(3..=rank as i64).collect();
    let images = node.step("images", Transpose { perm }, &[gathered])?;
    node.reshaped("folded", images, &[&[dims[0] * count, dims[1] * taps], &dims[3..]].concat())
}

/// Brings the images back in which `count` places of the result stand one behind the other.
pub(super) fn unfold(node: &mut Node, y: NodeId, count: usize) -> Result<NodeId, Fault> {
    let dims = node.ty(y).dims().to_vec();
    // The images are as many as there were, times the places, which are not none.
    let apart = node.reshaped("apart", y, &[&[dims[0] / count, count], &dims[1..]].concat())?;
    let perm = [0, 2, 1].into_iter().chain(3..=dims.len() as i64).collect();
    node.step("unfolded", Transpose { perm }, &[apart])
}

/// Computes a convolution over one or two spatial dimensions, of x and w, by one over planes.
pub(super) fn plane(
    node: &mut Node,
    [x, w]: [NodeId; 2],
    conv: impl FnOnce(&mut Node, [NodeId; 2]) -> Result<NodeId, Fault>,
) -> Result<NodeId, Fault> {
    let (x_dims, w_dims) = (node.ty(x).dims().to_vec(), node.ty(w).dims().to_vec());
    let ([n, c, width], [o, i, taps]) = (&x_dims[..], &w_dims[..]) else {
        return conv(node, [x, w]);
    };
    let row = node.reshaped("row", x, &[*n, *c, 1, *width])?;
    let filter = node.reshaped("filter", w, &[*o, *i, 1, *taps])?;
    let y = conv(node, [row, filter])?;
    let dims = node.ty(y).dims().to_vec();
    node.reshaped("line", y, &[dims[0], dims[1], dims[3]])
}
