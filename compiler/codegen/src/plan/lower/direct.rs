//! Direct convolution by the product kernel, full sums in registers: what `conv` and `conv_transpose` share.
//!
//! The input is read in channel blocks, or, where it is plain and thinner than a block (the picture itself),
//! plane by plane. A 1x1 convolution without stride or padding sees the whole map as one row.
//!
//! Groups are a loop around it where they are whole channel blocks, in and out. Others are read plane by plane,
//! and computed into blocks of their own that a reorder brings together: that costs one more pass over the
//! result, and groups of few outputs leave lanes idle.

use super::conv::dims4;
use super::filter::Filter;
use super::image::Image;
use super::panel::{self, Rows};
use super::pipe;
use super::product::{self, Job, Outer, Part, Rings, Sliding, Weights};
use super::reorder;
use super::sums;
use crate::kernels::product::{Destination, Product};
use crate::plan::{Home, Layout, Over, Place, Planner, Window, weights};
use cnnc_ir::{NodeId, Stage};

/// Windows along one dimension of a plane, and the results that they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Along {
    /// Taps of a window.
    pub taps: usize,
    /// Elements from window to window.
    pub stride: usize,
    /// Elements from tap to tap.
    pub dilation: usize,
    /// Elements that the first window starts before those that it may see.
    pub pad: usize,
    /// Elements in front that no window sees.
    pub skip: usize,
    /// The first result.
    pub first: usize,
    /// How many results.
    pub count: usize,
    /// From result to result.
    pub step: usize,
    /// How many such series of results there are, one behind the other.
    pub series: usize,
}

impl Along {
    /// Whether each result depends on one of `extent` elements, that at its own place.
    fn is_pointwise(&self, extent: usize) -> bool {
        (self.taps, self.stride, self.pad, self.skip, self.step) == (1, 1, 0, 0, 1) && self.count == extent
    }
}

/// Results along rows and columns that are computed alike. `outer` of the filter has the loops over groups, over
/// series of rows and over series of columns.
pub(super) struct Phase {
    pub rows: Along,
    pub columns: Along,
    pub filter: Filter,
}

/// A convolution of the planes of a node's first operand, with a bias as its third.
pub(super) struct Direct<'a> {
    pub op: &'a str,
    pub groups: usize,
    /// Input and output channels of a group.
    pub inputs: usize,
    pub outputs: usize,
    pub phases: Vec<Phase>,
    pub macs: u64,
}

/// Whether groups of so many channels in and out are computed apart, because they are not whole blocks.
pub(super) fn is_apart(p: &Planner, groups: usize, inputs: usize, outputs: usize) -> bool {
    let lanes = p.target.lanes;
    groups > 1 && !(inputs.is_multiple_of(lanes) && outputs.is_multiple_of(lanes))
}

/// Lowers a convolution and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, direct: Direct) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let x = expr.operands[0];
    let lanes = p.target.lanes;
    let Direct { op, groups, inputs, outputs, .. } = direct;
    let [n, _, oh, ow] = dims4(p, id);
    let apart = is_apart(p, groups, inputs, outputs);
    let thin = p.ty(x).dims()[1] < lanes && p.layout(x) == Some(Layout::Plain);
    let (layout, block) = if apart || thin { (Layout::Plain, 1) } else { (Layout::Blocked, lanes) };
    let input = p.operand(x, layout)?;
    let (from, result) = (Image::of(p, x, block), Image::blocked(p, id));
    let bias = match expr.operands.get(2) {
        Some(&b) if apart => Some(group_channels(p, b, groups, outputs)?),
        Some(&b) => Some(pipe::channels(p, b)?),
        None => None,
    };
    // Groups apart are as images of their own.
    let ty = p.ty(id).with_dims([n * groups, outputs, oh, ow]).map_err(|m| m.0)?;
    let to = apart.then(|| p.arena(&format!("{}.groups", p.name(id)), &ty, Layout::Blocked));
    let blocks = outputs.div_ceil(lanes);
    // Rows are summed where one loop nest has all of them.
    let is_whole = groups == 1
        && direct.phases.iter().map(|phase| phase.rows.series * phase.columns.series).sum::<usize>() == 1;
    let summed = if is_whole { sums::wanted(p, id) } else { None };
    let plan =
        Planes { x, id, block, from, result, input, groups, blocks, apart, is_summed: summed.is_some() };
    let mut parts = Vec::with_capacity(direct.phases.len());
    for phase in direct.phases {
        parts.push(plan.part(p, phase)?);
    }
    // Of groups apart each lies like a map of its own, which no operand does.
    let alone = |stage: &&Stage| stage.operands.is_empty() && pipe::is_vector(p, &stage.op, &[]);
    let taken = if apart { expr.stages.iter().take_while(alone).count() } else { expr.stages.len() };
    let job = Job {
        id,
        op,
        outputs,
        axis: pipe::CHANNELS,
        parts,
        rings: Rings { input: from.ring, output: result.ring },
        bias,
        to,
        layout: Layout::Blocked,
        stages: expr.stages[..taken].to_vec(),
        summed,
        macs: direct.macs,
    };
    product::lower(p, job)?;
    let Some(apart) = to else { return Ok(()) };
    let plain = p.result(id, Layout::Plain);
    reorder::reorder(p, &p.name(id), &ty, apart, p.home(plain.place, &ty, Layout::Plain))?;
    super::finish(p, id, plain, expr.stages[taken..].to_vec())
}

/// Where the planes of a convolution lie.
struct Planes {
    x: NodeId,
    id: NodeId,
    /// Input channels side by side.
    block: usize,
    from: Image,
    result: Image,
    input: Home,
    groups: usize,
    /// Channel blocks of a group's result.
    blocks: usize,
    apart: bool,
    is_summed: bool,
}

impl Planes {
    fn part(&self, p: &mut Planner, phase: Phase) -> Result<Part, String> {
        let Planes { block, from, result, input, groups, blocks, .. } = *self;
        let Phase { rows, columns, filter } = phase;
        let filter = Filter { block, ..filter };
        let lanes = p.target.lanes;
        let [n, _, height, width] = dims4(p, self.x);
        let (column, vector) = ((4 * block) as i64, (4 * lanes) as i64);
        let pointwise = rows.is_pointwise(height) && columns.is_pointwise(width);
        let outer = [
            Outer {
                extent: n,
                input: input.image,
                output: (groups * blocks) as i64 * result.plane,
                is_image: !self.apart,
                ..Outer::default()
            },
            Outer {
                extent: groups,
                input: filter.inputs.div_ceil(block) as i64 * from.plane,
                bias: blocks as i64 * vector,
                output: blocks as i64 * result.plane,
                ..Outer::default()
            },
            Outer { extent: rows.series, output: result.row, ..Outer::default() },
            Outer { extent: columns.series, output: vector, ..Outer::default() },
        ];
        let mut outer = outer.to_vec();
        // The filters of the loops lie one behind the other.
        let mut bytes = (filter.depth() * blocks * lanes * 4) as i64;
        for o in outer[1..].iter_mut().rev() {
            o.weights = bytes;
            bytes *= o.extent as i64;
        }
        let window = (!pointwise).then(|| Window {
            over: Over::Operand,
            dim: outer.len() + 1,
            stride: rows.stride as u64,
            pad: rows.pad as u64,
            dilation: rows.dilation as u64,
            kernel: rows.taps as u64,
            extent: (height - rows.skip) as u64,
            ring: from.ring,
        });
        let by_rows = !pointwise || from.ring.is_some() || result.ring.is_some();
        let cut = match by_rows {
            true => vec![Rows {
                pixels: columns.count,
                count: rows.count,
                output: result.row * rows.step as i64,
                input: from.row,
            }],
            false if self.is_summed => panel::summed_rows(rows.count * columns.count, vector, column),
            false => panel::rows(p.target, rows.count * columns.count, vector, column),
        };
        let step = window.map(|w| from.step(p, &p.name(self.id), &w));
        let kernel = Product {
            pixels: 0,
            vectors: 0,
            tile: 0,
            block,
            blocks: None,
            rest: 0,
            taps: columns.taps,
            stride: columns.stride,
            pad: columns.pad,
            dilation: columns.dilation,
            width: if by_rows { width - columns.skip } else { height * width },
            column,
            row: step.as_ref().map(|(step, _)| *step),
            block_bytes: from.plane,
            term: 0,
            weights_cut: false,
            prefetch: 0,
            bias: false,
            to: Destination {
                pixel: vector * columns.step as i64,
                vector: result.plane,
                lanes,
                padded: true,
                stored: true,
            },
            pipe: Vec::new(),
            sums: None,
            list: None,
        };
        let skipped = rows.skip as i64 * from.row + columns.skip as i64 * column;
        Ok(Part {
            outer,
            rows: cut,
            channels: filter.inputs,
            kernel,
            window: window.zip(step).map(|(window, (_, table))| Sliding { window, row: from.row, table }),
            input: input.place.moved(skipped),
            weights: Weights::Packed(filter),
            start: rows.first as i64 * result.row + columns.first as i64 * vector,
            listed: None,
        })
    }
}

/// One number a channel, those of each group filled up to whole vectors.
fn group_channels(p: &mut Planner, operand: NodeId, groups: usize, outputs: usize) -> Result<Place, String> {
    if p.module.graph[operand].is_const() {
        let filled = outputs.next_multiple_of(p.target.lanes);
        return p.pack(operand, &format!("channels by {outputs}"), groups * filled, move |t, words| {
            let groups = t.slice().chunks(outputs);
            groups.zip(words.chunks_mut(filled)).for_each(|(group, words)| weights::copy(group, words));
        });
    }
    let plain = p.plain(operand)?;
    let name = format!("{}.groups", p.name(operand));
    let ty = p.ty(operand).with_dims([groups, outputs]).map_err(|m| m.0)?;
    let filled = p.arena(&name, &ty, Layout::Blocked);
    reorder::reorder(p, &name, &ty, p.home(plain, &ty, Layout::Plain), filled)?;
    Ok(filled.place)
}
