//! What convolutions and matrix products share: one product kernel for each kind of panel and row.

use super::image::along;
use super::panel::{self, Panel, Panels, Rows};
use super::pipe::{self, Pipe, View, read, write};
use crate::kernels::pointwise::Source;
use crate::kernels::product::{Destination, Product};
use crate::plan::{Arg, Call, Layout, Place, Planner, Term, Window, pack};
use cnnc_ir::{Data, NodeId, Stage};

/// A loop around panels and rows: images, groups, or matrices of a batch. Strides in bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Outer {
    pub extent: usize,
    pub input: i64,
    pub weights: i64,
    pub bias: i64,
    pub output: i64,
}

/// A product to be planned. `kernel` holds what does not depend on panel and row.
pub(super) struct Job<'a> {
    pub id: NodeId,
    pub op: &'a str,
    /// Output channels of one iteration of the outer loops.
    pub outputs: usize,
    pub outer: Vec<Outer>,
    pub rows: Vec<Rows>,
    pub kernel: Product,
    /// The sliding window, where rows are those of an image and see others.
    pub window: Option<Sliding>,
    pub rings: Rings,
    pub input: Place,
    pub weights: Weights<'a>,
    pub bias: Option<Place>,
    /// Where results go; `None`: a home of the node's value.
    pub to: Option<Place>,
    pub layout: Layout,
    pub stages: Vec<Stage>,
    pub macs: u64,
}

/// A window over the rows of the input.
pub(super) struct Sliding {
    pub window: Window,
    /// Bytes of a row of the input.
    pub row: i64,
    /// What the kernel takes for the step from row to row.
    pub table: Arg,
}

/// Rows of the rings that input and result lie in, where they do.
#[derive(Clone, Copy, Default)]
pub(super) struct Rings {
    pub input: Option<u64>,
    pub output: Option<u64>,
}

/// Where weights come from.
pub(super) enum Weights<'a> {
    /// A constant to pack: the filter of one group, and how many groups there are.
    Packed(NodeId, pack::Filter<'a>, usize),
    /// A matrix in memory, a row a term.
    Rows(Place),
}

/// Plans a product: appends its step, and a map step for the stages that the kernel cannot take.
pub(super) fn lower(p: &mut Planner, job: Job) -> Result<(), String> {
    let lanes = p.target.lanes;
    let panels = panel::cut(p.target, job.outputs, &job.rows);
    let (weights, per_vector) = job.place_weights(p, &panels)?;
    let channel = job.terms(|o| o.bias, (panels.vectors * lanes * 4) as i64);
    // The places of operands are those of the first panel and row; each call moves them to its own.
    let view = View {
        layout: job.layout,
        same: &[],
        same_span: 0..0,
        channel: Some((&channel, 0..0)),
        first_arg: 7,
    };
    let (pipe, taken) = pipe::fuse(p, job.id, &job.stages, &view)?;
    let to = match job.to {
        Some(to) => to,
        None => p.result_over(job.id, job.layout, pipe.replaceable()),
    };
    let nest = Nest { job: &job, panels, weights, per_vector, to, pipe, channel };
    let mut calls = Vec::new();
    let mut pixel = 0;
    for rows in &job.rows {
        for panel in panels.kinds(job.outputs, lanes) {
            calls.push(nest.call(p, &panel, rows, pixel));
        }
        pixel += rows.pixels * rows.count;
    }
    let most = job.rows.iter().map(|r| r.pixels).max().unwrap_or(1);
    let widest = panel::tile(p.target, panels.vectors).min(most);
    p.step(&p.name(job.id), job.op, format!("direct {widest}x{}", panels.vectors), calls, job.macs);
    super::finish(p, job.id, to, job.layout, job.stages[taken..].to_vec())
}

impl Job<'_> {
    /// Terms of one output: padded input channels times taps.
    fn depth(&self) -> usize {
        let rows = self.window.as_ref().map_or(1, |s| s.window.kernel as usize);
        self.kernel.channels.div_ceil(self.kernel.block) * self.kernel.block * self.kernel.taps * rows
    }

    /// How an address moves with the outer loops, then with the panels.
    fn terms(&self, outer: impl Fn(&Outer) -> i64, panel: i64) -> Vec<Term> {
        let strides = self.outer.iter().map(outer).chain([panel]);
        strides.enumerate().map(|(dim, stride)| Term::Index { dim, stride }).collect()
    }

    /// Where the weights lie, and how many bytes of them a vector of outputs takes.
    fn place_weights(&self, p: &mut Planner, panels: &Panels) -> Result<(Place, i64), String> {
        let lanes = p.target.lanes;
        match &self.weights {
            Weights::Packed(id, filter, groups) => {
                let form = format!("panels{}x{}x{groups}", panels.vectors, filter.block);
                let place = p.pack(*id, &form, |_, _| {
                    let group = |g: usize| {
                        let at = |o, i, r, c| (filter.at)(g * filter.outputs + o, i, r, c);
                        pack::panels(&pack::Filter { at: &at, ..*filter }, &panels.list(lanes), lanes)
                    };
                    Ok(Data::F32((0..*groups).flat_map(group).collect()))
                })?;
                Ok((place, (self.depth() * lanes * 4) as i64))
            }
            Weights::Rows(place) => Ok((*place, (lanes * 4) as i64)),
        }
    }
}

/// A product with all its places: what is left to say for each kind of panel and row is where they start.
struct Nest<'a> {
    job: &'a Job<'a>,
    panels: Panels,
    weights: Place,
    /// Bytes of weights from vector to vector of the outputs.
    per_vector: i64,
    to: Place,
    pipe: Pipe,
    /// How the address of a vector of channels moves.
    channel: Vec<Term>,
}

impl Nest<'_> {
    /// The call for one kind of panel and one kind of row, which starts at pixel `pixel`.
    fn call(&self, p: &Planner, panel: &Panel, rows: &Rows, pixel: usize) -> Call {
        let job = self.job;
        let lanes = p.target.lanes;
        let in_rows = matches!(job.weights, Weights::Rows(_));
        let kernel = Product {
            pixels: rows.pixels,
            vectors: panel.vectors,
            tile: panel::tile(p.target, panel.vectors),
            term: if in_rows { job.kernel.term } else { (panel.vectors * lanes * 4) as i64 },
            bias: job.bias.is_some(),
            to: Destination { lanes: panel.lanes, ..job.kernel.to.clone() },
            weights_cut: in_rows,
            pipe: self.pipe.functions.clone(),
            ..job.kernel.clone()
        };
        let args = self.args(&kernel, panel, rows, pixel as i64, lanes);
        let inner = [panel.count as u64, rows.count as u64];
        let extents = job.outer.iter().map(|o| o.extent as u64).chain(inner).collect();
        Call { kernel: kernel.into(), extents, window: job.window.as_ref().map(|s| s.window), args }
    }

    fn args(&self, kernel: &Product, panel: &Panel, rows: &Rows, pixel: i64, lanes: usize) -> Vec<Arg> {
        let job = self.job;
        let to = &kernel.to;
        let first = panel.first as i64;
        let row_dim = job.outer.len() + 1;
        let vectors = |count: usize| (count * lanes * 4) as i64;

        let stored = if to.padded { lanes } else { to.lanes };
        let result_span = 0..(rows.pixels as i64 - 1) * to.pixel
            + (panel.vectors as i64 - 1) * to.vector
            + 4 * stored as i64;
        let result_at = first * to.vector + pixel * to.pixel;
        let mut result = job.terms(|o| o.output, self.panels.vectors as i64 * to.vector);
        result.push(along(row_dim, rows.output, job.rings.output));

        let mut input = job.terms(|o| o.input, 0);
        let mut weights = job.terms(|o| o.weights, self.panels.vectors as i64 * self.per_vector);
        // Bytes of weights of one row of the window.
        let line = (kernel.taps * kernel.block) as i64 * kernel.term;
        let input_at = match &job.window {
            Some(sliding) => {
                input.push(Term::FirstRow { stride: sliding.row });
                weights.push(Term::FirstTap { stride: line });
                0
            }
            None => {
                input.push(along(row_dim, rows.input, job.rings.input));
                pixel * kernel.column
            }
        };
        let weight_span = match kernel.weights_cut {
            true => {
                (kernel.channels as i64 - 1) * kernel.term + vectors(panel.vectors - 1) + 4 * to.lanes as i64
            }
            false => panel.vectors as i64 * self.per_vector,
        };
        let channel = |place: Place| {
            read(place.moved(vectors(panel.first)), self.channel.clone(), 0..vectors(panel.vectors))
        };
        let mut args = vec![
            write(self.to.moved(result_at), result.clone(), result_span.clone()),
            read(job.input.moved(input_at), input, self.input_span(kernel, rows)),
            read(self.weights.moved(first * self.per_vector), weights, 0..weight_span),
            // Without a bias its argument is not read.
            job.bias.map_or(Arg::Taps, channel),
            Arg::Taps,
            Arg::SkippedTaps(line),
            job.window.as_ref().map_or(Arg::Taps, |s| s.table.clone()),
        ];
        let sources = self.pipe.functions.iter().filter_map(|f| f.source());
        let in_memory = sources.filter(|s| !matches!(s, Source::Constant(_)));
        for (arg, source) in self.pipe.args.iter().zip(in_memory) {
            let Arg::Address { place, .. } = arg else { continue };
            args.push(match source {
                Source::Same(_) => read(place.moved(result_at), result.clone(), result_span.clone()),
                _ => channel(*place),
            });
        }
        args
    }

    /// The bytes of the input that a unit may touch: of rows that may be any of the image, the last one too.
    fn input_span(&self, kernel: &Product, rows: &Rows) -> std::ops::Range<i64> {
        let blocks = kernel.channels.div_ceil(kernel.block) as i64;
        let line = match &self.job.window {
            Some(sliding) => sliding.row,
            None => (rows.pixels as i64 - 1) * kernel.column + 4 * kernel.block as i64,
        };
        // The last block of a matrix's row may be cut.
        let cut = match self.job.layout {
            Layout::Plain => 4 * (blocks * kernel.block as i64 - kernel.channels as i64),
            Layout::Blocked => 0,
        };
        0..(blocks - 1) * kernel.block_bytes + line - cut
    }
}
