//! `conv`: direct convolution by the product kernel, full sums in registers.
//!
//! The input is read in channel blocks, or, where it is plain and thinner than a block (the picture itself),
//! plane by plane. A 1x1 convolution without stride or padding sees the whole map as one row.
//!
//! Groups are a loop around it where they are whole channel blocks, in and out. Others, but for those of
//! [`grouped`], are read plane by plane, and computed into blocks of their own that a reorder brings
//! together: that costs one more pass over the result, and groups of few outputs leave lanes idle.

use super::grouped;
use super::image::Image;
use super::panel::{self, Rows};
use super::product::{self, Job, Outer, Rings, Sliding, Weights};
use super::reorder;
use crate::kernels::product::{Destination, Product};
use crate::plan::{Layout, Place, Planner, Space, Window, at, pack};
use cnnc_ir::ops::Conv;
use cnnc_ir::{Data, NodeId};

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
    let apart = is_apart(p, id, conv);
    let thin = channels < lanes && p.layout(x) == Some(Layout::Plain);
    let (layout, block) = if apart || thin { (Layout::Plain, 1) } else { (Layout::Blocked, lanes) };
    let input = p.operand(x, layout)?;
    let column = (4 * block) as i64;
    let from = Image::of(p, x, block);
    let result = Image::blocked(p, id);
    let group_blocks = group_outputs.div_ceil(lanes);

    let pointwise = is_pointwise(conv, kh, kw);
    let window = (!pointwise).then_some(Window {
        dim: 3,
        stride: conv.stride.0 as u64,
        pad: conv.pad.top as u64,
        dilation: conv.dilation.0 as u64,
        kernel: kh as u64,
        extent: height as u64,
        ring: from.ring,
    });
    let by_rows = !pointwise || from.ring.is_some() || result.ring.is_some();
    let rows = match by_rows {
        true => vec![Rows { pixels: ow, count: oh, output: result.row, input: from.row }],
        false => panel::rows(p.target, oh * ow, (4 * lanes) as i64, column),
    };
    let step = window.map(|w| from.step(p, &p.name(id), &w));
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
        width: if by_rows { width } else { height * width },
        column,
        row: step.as_ref().map(|(step, _)| *step),
        block_bytes: from.plane,
        term: 0,
        weights_cut: false,
        bias: false,
        to: Destination { pixel: (4 * lanes) as i64, vector: result.plane, lanes, padded: true },
        pipe: Vec::new(),
    };
    let bias = match expr.operands.get(2) {
        Some(&b) if apart => Some(group_channels(p, b, group_outputs)?),
        Some(&b) => Some(super::pipe::channels(p, b)?),
        None => None,
    };
    let to = match apart {
        true => {
            let ty = p.ty(id).with_dims([n * groups, group_outputs, oh, ow]).map_err(|m| m.0)?;
            let name = format!("{}.groups", p.name(id));
            Some(at(p.buffer(&name, &ty, Layout::Blocked, Space::Arena)))
        }
        false => None,
    };
    let constant = p.constant(w).ok_or("the weights are no constant")??;
    let taps = constant.slice::<f32>();
    let element = |o: usize, i: usize, u: usize, v: usize| taps[((o * inputs + i) * kh + u) * kw + v];
    product::lower(
        p,
        Job {
            id,
            op: "conv",
            outputs: group_outputs,
            outer: vec![
                Outer {
                    extent: n,
                    input: from.image,
                    output: if apart { (groups * group_blocks) as i64 * result.plane } else { result.image },
                    ..Outer::default()
                },
                Outer {
                    extent: groups,
                    input: inputs.div_ceil(block) as i64 * from.plane,
                    weights: (inputs.next_multiple_of(block) * kh * kw * group_blocks * lanes * 4) as i64,
                    bias: (4 * group_blocks * lanes) as i64,
                    output: group_blocks as i64 * result.plane,
                },
            ],
            rows,
            kernel,
            window: window.zip(step).map(|(w, (_, table))| Sliding { window: w, row: from.row, table }),
            rings: Rings { input: from.ring, output: result.ring },
            input,
            weights: Weights::Packed(
                w,
                pack::Filter { outputs: group_outputs, inputs, taps: (kh, kw), block, at: &element },
                groups,
            ),
            bias,
            to,
            layout: Layout::Blocked,
            stages: if apart { Vec::new() } else { expr.stages.clone() },
            macs: (n * outputs * oh * ow * inputs * kh * kw) as u64,
        },
    )?;
    let Some(apart) = to else { return Ok(()) };
    let plain = p.result(id, Layout::Plain);
    reorder::images(p, &p.name(id), [n * groups, group_outputs, oh * ow], apart, plain, false);
    super::finish(p, id, plain, Layout::Plain, expr.stages)
}

/// Whether groups are computed apart, because they are not whole channel blocks nor [fit](grouped::fits) one.
pub(super) fn is_apart(p: &Planner, id: NodeId, conv: &Conv) -> bool {
    let (inputs, outputs) =
        (p.ty(p.module.graph.operands(id)[1]).dims()[1], p.ty(id).dims()[1] / conv.groups);
    let are_blocks = inputs.is_multiple_of(p.target.lanes) && outputs.is_multiple_of(p.target.lanes);
    conv.groups > 1 && !are_blocks && !grouped::fits(conv.groups, inputs, outputs)
}

/// Whether each pixel of the result depends on one pixel of the input, the same.
pub(super) fn is_pointwise(conv: &Conv, kh: usize, kw: usize) -> bool {
    kh == 1 && kw == 1 && conv.stride.0 == 1 && conv.stride.1 == 1 && conv.pad == Default::default()
}

/// One number a channel, those of each group filled up to whole vectors.
fn group_channels(p: &mut Planner, operand: NodeId, outputs: usize) -> Result<Place, String> {
    p.pack(operand, &format!("channels by {outputs}"), |p, t| {
        let groups = t.slice::<f32>().chunks(outputs);
        Ok(Data::F32(groups.flat_map(|group| pack::padded(group, p.target.lanes)).collect()))
    })
}

/// The extents of a value of rank 4.
pub(super) fn dims4(p: &Planner, id: NodeId) -> [usize; 4] {
    let d = p.ty(id).dims();
    [d[0], d[1], d[2], d[3]]
}

/// Whether the weights are known, to be packed for a kernel.
pub(super) fn is_packed(p: &Planner, id: NodeId) -> bool {
    p.module.graph[p.module.graph.operands(id)[1]].is_const()
}
