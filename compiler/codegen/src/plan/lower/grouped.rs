//! `conv` in groups of one, two or four channels, as many in as out: channel block by channel block.
//!
//! No group straddles a block, so a block of the result depends on one block of the input: the nest is
//! images, blocks and result rows, and a unit is one row of one block.

use super::conv::dims4;
use super::image::Image;
use super::pieces::{Pieces, pieces};
use super::pipe::{self, View, read, write};
use crate::kernels::grouped::Grouped;
use crate::kernels::row::Columns;
use crate::plan::weights::Word;
use crate::plan::{Arg, Call, Layout, Over, Planner, Term, Window};
use cnnc_ir::ops::Conv;
use cnnc_ir::{NodeId, Tensor};

/// Whether groups of so many channels in and out lie within a block.
pub(super) fn fits(groups: usize, inputs: usize, outputs: usize) -> bool {
    groups > 1 && inputs == outputs && matches!(inputs, 1 | 2 | 4)
}

/// Lowers a convolution whose groups [fit](fits), and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, conv: &Conv) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let (x, w) = (expr.operands[0], expr.operands[1]);
    let lanes = p.target.lanes;
    let [n, channels, height, width] = dims4(p, x);
    let [.., oh, ow] = dims4(p, id);
    let [_, group, kh, kw] = dims4(p, w);
    let blocks = channels.div_ceil(lanes);
    let vector = 4 * lanes as i64;
    let (from, result) = (Image::blocked(p, x), Image::blocked(p, id));
    let line = vector * (kw * group) as i64;
    let filter = line * kh as i64;

    let input = p.operand(x, Layout::Blocked)?;
    let words = blocks * lanes * group * kh * kw;
    let weights = p.pack(w, "grouped", words, move |t, words| pack(t, lanes, words))?;
    let bias = match expr.operands.get(2) {
        Some(&b) => Some(pipe::channels(p, b)?),
        None => None,
    };
    let index = |dim, stride| Term::Index { dim, stride };
    let channel = vec![index(1, vector)];
    let view = View {
        layout: Layout::Blocked,
        same: &|image| result.terms(image),
        same_span: 0..result.row,
        axis: pipe::CHANNELS,
        channel: Some((&channel, 0..vector)),
        first_arg: 6,
    };
    let (pipe, taken) = pipe::fuse(p, id, &expr.stages, &view)?;
    let to = p.result_over(id, Layout::Blocked, pipe.replaceable());
    let window = Window {
        over: Over::Operand,
        dim: 2,
        stride: conv.stride.0 as u64,
        pad: conv.pad.top as u64,
        dilation: conv.dilation.0 as u64,
        kernel: kh as u64,
        extent: height as u64,
        ring: from.ring,
    };
    let (step, table) = from.step(p, &p.name(id), &window);
    let mut args = vec![
        write(to.place, result.terms(to.image), 0..result.row),
        read(input.place, from.window_terms(input.image), 0..from.row),
        read(weights, vec![index(1, filter), Term::FirstTap { stride: line }], 0..filter),
        bias.map_or(Arg::Unread, |b| read(b, channel.clone(), 0..vector)),
        Arg::Taps,
        table,
    ];
    args.extend(pipe.args);
    // Rotated pixels and the weights of every rotation stand beside the sums.
    let tile = p.target.accumulators - if group > 1 { group } else { 0 };
    let kernel = |lanes: usize| Grouped {
        group,
        columns: Columns {
            pixels: ow,
            taps: kw,
            stride: conv.stride.1,
            pad: conv.pad.left,
            dilation: conv.dilation.1,
            width,
        },
        tile,
        row: step,
        bias: bias.is_some(),
        lanes,
        pipe: pipe.functions.clone(),
    };
    let call = |(first, count, lanes): Pieces| Call {
        kernel: kernel(lanes).into(),
        extents: vec![n as u64, count as u64, oh as u64],
        window: Some(window),
        args: args.iter().map(|arg| arg.skipping(1, first)).collect(),
    };
    let calls = pieces(channels, lanes).map(call).collect();
    let algorithm = format!("{} in groups of {group}", if group == 1 { "depthwise" } else { "rotations" });
    let macs = (n * channels * oh * ow * group * kh * kw) as u64;
    p.step(&p.name(id), "conv", algorithm, calls, macs);
    super::finish(p, id, to, expr.stages[taken..].to_vec())
}

/// Weights `[O, group, KH, KW]` as `[block][row][column][rotation][lane]`, lanes that do not exist zero.
fn pack(weights: &Tensor, lanes: usize, words: &mut [Word]) {
    let w = weights.slice::<f32>();
    let [outputs, group, kh, kw] = [0, 1, 2, 3].map(|d| weights.shape()[d]);
    let mut words = words.iter_mut();
    for block in 0..outputs.div_ceil(lanes) {
        for tap in 0..kh * kw {
            for rotation in 0..group {
                for (o, word) in (block * lanes..(block + 1) * lanes).zip(&mut words) {
                    let input = (o + rotation) % group;
                    if o < outputs {
                        *word = w[(o * group + input) * kh * kw + tap].to_le_bytes();
                    }
                }
            }
        }
    }
}
