//! What convolutions and matrix products share: one product kernel for each kind of panel and row.

use super::filter::Filter;
use super::image::along;
use super::panel::{self, Panel, Panels, Rows};
use super::pipe::{self, Pipe, View, read, write};
use super::sums::{self, Sums, Wanted};
use super::zeros::Listed;
use crate::kernels::pointwise::Source;
use crate::kernels::product::{CACHE_LINE, Destination, Product};
use crate::plan::{Access, Arg, Call, Home, Layout, Place, Planner, Term, Window};
use cnnc_ir::{NodeId, Stage};

/// Bytes of a panel that is asked for while the one before is at work: most of both stays in the second cache level
/// (PERF: a window of 3x3 over 512 channels, 7x7 results of stride 2: 1398 -> 922 us with wide vectors).
const MOST_AHEAD: i64 = 640 << 10;

/// A loop around panels and rows: images, groups, or matrices of a batch. Strides in bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Outer {
    pub extent: usize,
    pub input: i64,
    pub weights: i64,
    pub bias: i64,
    pub output: i64,
    /// Whether it is over images: what is written, and read beside it, is as far apart as its home says, not `output`.
    pub is_image: bool,
}

/// A product to be planned.
pub(super) struct Job<'a> {
    pub id: NodeId,
    pub op: &'a str,
    /// Output channels of one iteration of the outer loops.
    pub outputs: usize,
    /// The dimension of the result that they are.
    pub axis: usize,
    /// What makes up the result.
    pub parts: Vec<Part>,
    pub rings: Rings,
    pub bias: Option<Place>,
    /// Where results go; `None`: a home of the node's value.
    pub to: Option<Home>,
    pub layout: Layout,
    pub stages: Vec<Stage>,
    /// Whether the rows of the map, the only part, are summed; the kernel takes all stages then.
    pub summed: Option<Wanted>,
    pub macs: u64,
}

/// Results that are computed alike. `kernel` holds what does not depend on panel and row.
pub(super) struct Part {
    pub outer: Vec<Outer>,
    pub rows: Vec<Rows>,
    /// Input channels.
    pub channels: usize,
    pub kernel: Product,
    /// The sliding window, where rows are those of an image and see others.
    pub window: Option<Sliding>,
    pub input: Place,
    pub weights: Weights,
    /// Bytes from the first result of all to the first of these.
    pub start: i64,
    /// The terms that count, where others are left out.
    pub listed: Option<Listed>,
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
pub(super) enum Weights {
    /// Panels.
    Packed(Filter),
    /// A matrix in memory, a row a term.
    Rows(Place),
}

/// Plans a product: appends its step, and a map step for the stages that the kernel cannot take.
pub(super) fn lower(p: &mut Planner, job: Job) -> Result<(), String> {
    let lanes = p.target.lanes;
    let (mut to, mut taken) = (job.to, 0);
    let (mut calls, mut tiles) = (Vec::new(), Vec::new());
    for part in &job.parts {
        let panels = panel::cut(p.target, job.outputs, &part.rows);
        let (weights, per_vector) = match &part.weights {
            Weights::Packed(filter) => (filter.place(p, &panels)?, (filter.depth() * lanes * 4) as i64),
            Weights::Rows(place) => (*place, (lanes * 4) as i64),
        };
        let channel = part.terms(|o| o.bias, (panels.vectors * lanes * 4) as i64);
        // The places of operands are those of the first panel and row; each call moves them to its own.
        let view = View {
            layout: job.layout,
            same: &|image| part.result(image, &panels),
            same_span: 0..0,
            axis: job.axis,
            channel: Some((&channel, 0..0)),
            first_arg: 9,
        };
        let (pipe, fused) = pipe::fuse(p, job.id, &job.stages, &view)?;
        taken = fused;
        let sums = match job.summed {
            Some(_) => Some(sums::buffer(p, job.id, part.rows.iter().map(|rows| rows.count).sum())?),
            None => None,
        };
        if to.is_none() && !job.summed.is_some_and(|s| s.is_alone) {
            to = Some(p.result_over(job.id, job.layout, pipe.replaceable()));
        }
        let nest = Nest { job: &job, part, panels, weights, per_vector, to, pipe, channel, sums };
        let mut before = Before::default();
        for rows in &part.rows {
            for panel in panels.kinds(job.outputs, lanes) {
                calls.push(nest.call(p, &panel, rows, before));
            }
            before.pixels += (rows.pixels * rows.count) as i64;
            before.rows += rows.count as i64;
        }
        let most = part.rows.iter().map(|r| r.pixels).max().unwrap_or(1);
        tiles.push(format!("{}x{}", panel::tile(p.target, panels.vectors).min(most), panels.vectors));
    }
    tiles.dedup();
    let name = p.name(job.id);
    let name = if to.is_some() { name } else { format!("{name}.sums") };
    p.step(&name, job.op, format!("direct {}", tiles.join(" ")), calls, job.macs);
    let Some(to) = to else { return Ok(()) };
    super::finish(p, job.id, to, job.stages[taken..].to_vec())
}

impl Part {
    /// How an address moves with the outer loops, then with the panels.
    fn terms(&self, outer: impl Fn(&Outer) -> i64, panel: i64) -> Vec<Term> {
        let strides = self.outer.iter().map(outer).chain([panel]);
        strides.enumerate().map(|(dim, stride)| Term::Index { dim, stride }).collect()
    }

    /// How the address of what lies as the result does moves, its images so far apart.
    fn result(&self, image: i64, panels: &Panels) -> Vec<Term> {
        let panel = panels.vectors as i64 * self.kernel.to.vector;
        self.terms(|o| if o.is_image { image } else { o.output }, panel)
    }
}

/// A product with all its places: what is left to say for each kind of panel and row is where they start.
struct Nest<'a> {
    job: &'a Job<'a>,
    part: &'a Part,
    panels: Panels,
    weights: Place,
    /// Bytes of weights from vector to vector of the outputs.
    per_vector: i64,
    /// Where results go; `None`: only their sums are wanted.
    to: Option<Home>,
    pipe: Pipe,
    /// How the address of a vector of channels moves.
    channel: Vec<Term>,
    sums: Option<Sums>,
}

/// What rows of other kinds come before those of a kind.
#[derive(Clone, Copy, Default)]
struct Before {
    pixels: i64,
    rows: i64,
}

impl Nest<'_> {
    /// The call for one kind of panel and one kind of row.
    fn call(&self, p: &Planner, panel: &Panel, rows: &Rows, before: Before) -> Call {
        let (job, part) = (self.job, self.part);
        let lanes = p.target.lanes;
        let in_rows = matches!(part.weights, Weights::Rows(_));
        let mut kernel = Product {
            pixels: rows.pixels,
            vectors: panel.vectors,
            tile: panel::tile(p.target, panel.vectors),
            blocks: Some(part.channels / part.kernel.block).filter(|&blocks| blocks < 2),
            rest: part.channels % part.kernel.block,
            term: if in_rows { part.kernel.term } else { (panel.vectors * lanes * 4) as i64 },
            bias: job.bias.is_some(),
            to: Destination { lanes: panel.lanes, stored: self.to.is_some(), ..part.kernel.to.clone() },
            weights_cut: in_rows,
            pipe: self.pipe.functions.clone(),
            ..part.kernel.clone()
        };
        if !in_rows {
            kernel.prefetch = self.prefetch(&kernel, panel, rows);
        }
        let mut args = self.args(&kernel, panel, rows, before.pixels, lanes);
        if let Some(sums) = self.sums {
            kernel.sums = Some(args.len() as u32);
            args.push(self.sums(p, sums, panel, before.rows));
        }
        if let Some(Listed { place, bytes }) = part.listed {
            kernel.list = Some(args.len() as u32);
            args.push(read(place, Vec::new(), 0..bytes));
        }
        let inner = [panel.count as u64, rows.count as u64];
        let extents = part.outer.iter().map(|o| o.extent as u64).chain(inner).collect();
        Call { kernel: kernel.into(), extents, window: part.window.as_ref().map(|s| s.window), args }
    }

    /// The sums of the rows of a kind.
    fn sums(&self, p: &Planner, sums: Sums, panel: &Panel, row: i64) -> Arg {
        let (vector, bytes) = ((4 * p.target.lanes) as i64, Sums::row_bytes(p, self.job.id));
        let panels = self.part.outer.len();
        let terms = [
            (0, sums.rows as i64 * bytes),
            (panels, self.panels.vectors as i64 * vector),
            (panels + 1, bytes),
        ];
        let terms = terms.map(|(dim, stride)| Term::Index { dim, stride }).to_vec();
        write(
            sums.place.moved(row * bytes + panel.first as i64 * vector),
            terms,
            0..panel.vectors as i64 * vector,
        )
    }

    fn args(&self, kernel: &Product, panel: &Panel, rows: &Rows, pixel: i64, lanes: usize) -> Vec<Arg> {
        let (job, part) = (self.job, self.part);
        let to = &kernel.to;
        let first = panel.first as i64;
        let row_dim = part.outer.len() + 1;
        let vectors = |count: usize| (count * lanes * 4) as i64;

        let stored = if to.padded { lanes } else { to.lanes };
        let result_span = 0..(rows.pixels as i64 - 1) * to.pixel
            + (panel.vectors as i64 - 1) * to.vector
            + 4 * stored as i64;
        let result_at = part.start + first * to.vector + pixel * to.pixel;
        let result = |place: Place, mut terms: Vec<Term>, access: Access| {
            terms.push(along(row_dim, rows.output, job.rings.output));
            Arg::Address { place: place.moved(result_at), terms, access, span: result_span.clone() }
        };

        let mut input = part.terms(|o| o.input, 0);
        let mut weights = part.terms(|o| o.weights, self.panels.vectors as i64 * self.per_vector);
        // Bytes of weights of one row of the window.
        let line = (kernel.taps * kernel.block) as i64 * kernel.term;
        let input_at = match &part.window {
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
        // The last panels ask for what lies behind them, which does no harm.
        let ahead = match kernel.prefetch {
            0 => Arg::Unread,
            lines => {
                let row = (lines * self.steps(kernel, rows)) as i64 * CACHE_LINE;
                let mut terms = part.terms(|o| o.weights, self.panels.vectors as i64 * self.per_vector);
                terms.push(Term::Index { dim: row_dim, stride: row });
                let next = first + panel.vectors as i64;
                let place = self.weights.moved(next * self.per_vector);
                Arg::Address { place, terms, access: Access::Prefetch, span: 0..0 }
            }
        };
        let weight_span = match kernel.weights_cut {
            true => {
                (part.channels as i64 - 1) * kernel.term + vectors(panel.vectors - 1) + 4 * to.lanes as i64
            }
            false => panel.vectors as i64 * self.per_vector,
        };
        let channel = |place: Place| {
            read(place.moved(vectors(panel.first)), self.channel.clone(), 0..vectors(panel.vectors))
        };
        let mut args = vec![
            self.to.map_or(Arg::Unread, |to| {
                result(to.place, part.result(to.image, &self.panels), Access::Write)
            }),
            read(part.input.moved(input_at), input, self.input_span(kernel, rows)),
            read(self.weights.moved(first * self.per_vector), weights, 0..weight_span),
            job.bias.map_or(Arg::Unread, channel),
            Arg::Taps,
            Arg::SkippedTaps(line),
            part.window.as_ref().map_or(Arg::Unread, |s| s.table.clone()),
            ahead,
            Arg::Number { from: (part.channels / kernel.block) as i64, dim: 0, step: 0 },
        ];
        let sources = self.pipe.functions.iter().filter_map(|f| f.source());
        let in_memory = sources.filter(|s| !matches!(s, Source::Constant(_)));
        for (arg, source) in self.pipe.args.iter().zip(in_memory) {
            let Arg::Address { place, terms, access, .. } = arg else { continue };
            args.push(match source {
                Source::Same(_) => result(*place, terms.clone(), *access),
                _ => channel(*place),
            });
        }
        args
    }

    /// How often a row comes to a block and a row of the window.
    fn steps(&self, kernel: &Product, rows: &Rows) -> usize {
        let taps = self.part.window.as_ref().map_or(1, |s| s.window.kernel as usize);
        rows.pixels.div_ceil(kernel.tile) * self.part.channels.div_ceil(kernel.block) * taps
    }

    /// Cache lines to ask for at each step, so that the next panel is in the second cache level when its turn comes.
    fn prefetch(&self, kernel: &Product, panel: &Panel, rows: &Rows) -> usize {
        let bytes = panel.vectors as i64 * self.per_vector;
        let lines = (bytes / CACHE_LINE) as usize;
        let steps = self.steps(kernel, rows) * rows.count;
        let worth = rows.pixels > 1 && bytes <= MOST_AHEAD && (1..=4 * lines).contains(&steps);
        if worth { lines.div_ceil(steps) } else { 0 }
    }

    /// The bytes of the input that a unit may touch: of rows that may be any of the image, the last one too.
    fn input_span(&self, kernel: &Product, rows: &Rows) -> std::ops::Range<i64> {
        let channels = self.part.channels;
        let blocks = channels.div_ceil(kernel.block) as i64;
        let line = match &self.part.window {
            Some(_) => kernel.width as i64 * kernel.column,
            None => (rows.pixels as i64 - 1) * kernel.column + 4 * kernel.block as i64,
        };
        // The last block of a matrix's row may be cut.
        let cut = match self.job.layout {
            Layout::Plain => 4 * (blocks * kernel.block as i64 - channels as i64),
            Layout::Blocked => 0,
        };
        0..(blocks - 1) * kernel.block_bytes + line - cut
    }
}
