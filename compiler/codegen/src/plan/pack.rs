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

/// The extents of a filter as the packer sees it, and where each element comes from.
pub(super) struct Filter<'a> {
    /// Output channels of one group.
    pub outputs: usize,
    /// Input channels of one group.
    pub inputs: usize,
    /// Rows and columns of the window.
    pub taps: (usize, usize),
    /// Input channels side by side.
    pub block: usize,
    /// The element of (output, input, row, column).
    pub at: &'a dyn Fn(usize, usize, usize, usize) -> f32,
}

/// Panels for the product kernel: `[panel][block][row][column][input in block][output in panel]`, zeros where an
/// input or output does not exist. `panels` holds the first output and the vectors of each panel.
pub(super) fn panels(filter: &Filter, panels: &[(usize, usize)], lanes: usize) -> Vec<f32> {
    let blocks = filter.inputs.div_ceil(filter.block);
    let (rows, columns) = filter.taps;
    let width: usize = panels.iter().map(|(_, vectors)| vectors * lanes).sum();
    let mut out = Vec::with_capacity(width * blocks * filter.block * rows * columns);
    for &(first, vectors) in panels {
        for block in 0..blocks {
            for row in 0..rows {
                for column in 0..columns {
                    for input in block * filter.block..(block + 1) * filter.block {
                        for output in first..first + vectors * lanes {
                            let inside = input < filter.inputs && output < filter.outputs;
                            out.push(if inside { (filter.at)(output, input, row, column) } else { 0.0 });
                        }
                    }
                }
            }
        }
    }
    out
}
