//! `conv`: direct convolution by the product kernel, full sums in registers.
//!
//! The input is read in channel blocks, or, where it is plain and thinner than a block (the picture itself), plane by
//! plane. A 1x1 convolution without stride or padding sees the whole map as one row.

use super::grouped;
use super::panel::{self, Job, Outer, Rows, Weights};
use crate::kernels::product::{Destination, Product};
use crate::plan::{Layout, Planner, Window, pack};
use cnnc_ir::NodeId;
use cnnc_ir::ops::Conv;

/// Lowers a convolution and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, conv: &Conv) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let (x, w) = (expr.operands[0], expr.operands[1]);
    let lanes = p.target.lanes;
    let [n, channels, height, width] = dims4(p, x);
    let [_, outputs, oh, ow] = dims4(p, id);
    let [_, inputs, kh, kw] = dims4(p, w);
    let groups = conv.groups;
    let group_outputs = outputs / groups;
    if grouped::fits(groups, inputs, group_outputs) {
        return grouped::lower(p, id, conv);
    }
    if groups > 1 && (inputs % lanes > 0 || group_outputs % lanes > 0) {
        return Err(format!("groups of {inputs} to {group_outputs} channels are not compiled yet"));
    }
    let thin = channels < lanes && p.layout(x) == Some(Layout::Plain);
    let layout = if thin { Layout::Plain } else { Layout::Blocked };
    let input = p.operand(x, layout)?;
    let block = if thin { 1 } else { lanes };
    let column = (4 * block) as i64;
    let row = width as i64 * column;
    let plane = height as i64 * row;
    let image = plane * channels.div_ceil(block) as i64;
    let out_row = (4 * lanes * ow) as i64;
    let out_plane = oh as i64 * out_row;

    let pointwise =
        kh == 1 && kw == 1 && conv.stride.0 == 1 && conv.stride.1 == 1 && conv.pad == Default::default();
    let window = (!pointwise).then_some(Window {
        dim: 3,
        stride: conv.stride.0 as u64,
        pad: conv.pad.top as u64,
        dilation: conv.dilation.0 as u64,
        kernel: kh as u64,
        extent: height as u64,
    });
    let rows = match pointwise {
        true => panel::rows(p.target, oh * ow, (4 * lanes) as i64, column),
        false => vec![Rows { pixels: ow, count: oh, output: out_row, input: 0 }],
    };
    let kernel = Product {
        pixels: 0,
        vectors: 0,
        tile: 0,
        channels: inputs,
        block,
        taps: kw,
        stride: conv.stride.1,
        pad: conv.pad.left,
        dilation: conv.dilation.1,
        width: if pointwise { height * width } else { width },
        column,
        row: window.map(|_| conv.dilation.0 as i64 * row),
        block_bytes: plane,
        term: 0,
        weights_cut: false,
        bias: false,
        to: Destination { pixel: (4 * lanes) as i64, vector: out_plane, lanes, padded: true },
        pipe: Vec::new(),
    };
    let bias = match expr.operands.get(2) {
        Some(&b) => Some(super::pipe::channels(p, b, Layout::Plain)?),
        None => None,
    };
    let constant =
        p.constant(w).ok_or("a convolution by weights that are no constant is not compiled yet")??;
    let taps = constant.slice::<f32>();
    let element = |o: usize, i: usize, u: usize, v: usize| taps[((o * inputs + i) * kh + u) * kw + v];
    let blocks = (group_outputs / lanes) as i64;
    panel::lower(
        p,
        Job {
            id,
            op: "conv",
            outputs: group_outputs,
            outer: vec![
                Outer {
                    extent: n,
                    input: image,
                    output: outputs.div_ceil(lanes) as i64 * out_plane,
                    ..Outer::default()
                },
                Outer {
                    extent: groups,
                    input: inputs.div_ceil(block) as i64 * plane,
                    weights: 0,
                    bias: 4 * group_outputs as i64,
                    output: blocks * out_plane,
                },
            ],
            rows,
            kernel,
            window: window.map(|w| (w, row)),
            input,
            input_span: (inputs.div_ceil(block) as i64 - 1) * plane,
            weights: Weights::Packed(
                w,
                pack::Filter { outputs: group_outputs, inputs, taps: (kh, kw), block, at: &element },
                groups,
            ),
            bias,
            layout: Layout::Blocked,
            stages: expr.stages,
            macs: (n * outputs * oh * ow * inputs * kh * kw) as u64,
        },
    )
}

/// The extents of a value of rank 4.
pub(super) fn dims4(p: &Planner, id: NodeId) -> [usize; 4] {
    let d = p.ty(id).dims();
    [d[0], d[1], d[2], d[3]]
}
