//! Packing: constants rearranged at compile time into the order in which kernels read them.

use cnnc_ir::Tensor;

/// A tensor `[N, C, ..]` in the blocked layout, lanes of channels that do not exist zero.
pub(super) fn blocked(t: &Tensor, lanes: usize) -> Vec<f32> {
    let x = t.slice::<f32>();
    let (n, c) = (t.shape()[0], t.shape()[1]);
    let plane: usize = t.shape().dims()[2..].iter().product();
    let blocks = c.div_ceil(lanes);
    let mut out = vec![0.0; n * blocks * plane * lanes];
    for (i, image) in x.chunks_exact((c * plane).max(1)).enumerate() {
        for (ch, channel) in image.chunks_exact(plane.max(1)).enumerate() {
            let base = (i * blocks + ch / lanes) * plane * lanes + ch % lanes;
            for (p, &v) in channel.iter().enumerate() {
                out[base + p * lanes] = v;
            }
        }
    }
    out
}

/// A vector filled up with zeros to whole vectors.
pub(super) fn padded(x: &[f32], lanes: usize) -> Vec<f32> {
    let mut out = x.to_vec();
    out.resize(x.len().next_multiple_of(lanes), 0.0);
    out
}
