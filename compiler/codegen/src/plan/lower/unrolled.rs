//! How much code a row of windows takes: where that is too much, an operator is computed element by element.
//!
//! ```text
//! terms = (results whose windows leave the plane + those of a tile inside) * taps * what each tap multiplies
//! ```
//!
//! A kernel writes each tap of a tile by itself, once for all tiles inside the plane and once for each that is not, so
//! a window of a thousand columns on as much padding would take a million taps.

use super::conv;
use super::direct::Along;
use crate::plan::Planner;
use cnnc_ir::ops::{Sliding, Window};
use cnnc_ir::{NodeId, Op};

/// Terms that a kernel has at most: some megabytes of code, and what Cranelift takes to compile as much.
const MOST_TERMS: usize = 1 << 19;

/// Results of the tiles inside the plane: one in a loop, and one that is not full.
const INSIDE: usize = 32;

/// Vectors of a panel, at most.
const VECTORS: usize = 4;

/// Whether the kernel of a node would take too much code.
pub(in crate::plan) fn is_too_long(p: &Planner, id: NodeId) -> bool {
    let graph = &p.module.graph;
    let columns = |window: Window| {
        let [.., height, width] = conv::dims4(p, graph.operands(id)[0]);
        let [_, Sliding { kernel, stride, before, after, .. }] = window.over(height, width);
        let ends = before.div_ceil(stride) + after.div_ceil(stride);
        (ends.min(p.ty(id).dims()[3]), kernel)
    };
    match graph[id].op() {
        Op::Conv(conv) => {
            let w = p.ty(graph.operands(id)[1]);
            exceed(columns(conv.window(w)), factors(p, w.dims()[1]))
        }
        Op::MaxPool(pool) => exceed(columns(pool.window()), 1),
        Op::AvgPool(pool) => exceed(columns(pool.window()), 1),
        _ => false,
    }
}

/// Whether the kernel of a phase of a transposed convolution over so many columns would, which is a convolution.
pub(super) fn is_phase_too_long(p: &Planner, columns: &Along, extent: usize, inputs: usize) -> bool {
    let Along { taps, stride, dilation, pad, skip, count, .. } = *columns;
    let reach = (taps - 1).saturating_mul(dilation);
    let behind = (extent - skip + pad).saturating_sub(reach).div_ceil(stride).min(count);
    let inside = behind.saturating_sub(pad.div_ceil(stride));
    exceed((count - inside, taps), factors(p, inputs))
}

/// What a tap multiplies: the channels of a block by the vectors of a panel.
fn factors(p: &Planner, inputs: usize) -> usize {
    inputs.min(p.target.lanes) * VECTORS
}

/// Whether taps by results at the ends, and inside, are more terms than a kernel has.
fn exceed((ends, taps): (usize, usize), factors: usize) -> bool {
    (ends + INSIDE).saturating_mul(taps).saturating_mul(factors) > MOST_TERMS
}
