//! What convolutions and matrix products share: output channels cut into panels of vectors, results into rows of
//! pixels, and one product kernel for each kind of panel and row.

use super::pipe::{self, View, read, write};
use crate::kernels::pointwise::{Pointwise, Source};
use crate::kernels::product::{Destination, Product};
use crate::plan::{Arg, Call, Layout, Place, Planner, Term, Window, pack};
use crate::target::Target;
use cnnc_ir::{NodeId, Stage};

/// A loop around panels and rows: images, groups, or matrices of a batch. Strides in bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Outer {
    pub extent: usize,
    pub input: i64,
    pub weights: i64,
    pub bias: i64,
    pub output: i64,
}

/// How results are cut into rows, the innermost loop.
pub(super) struct Rows {
    /// Results of one row.
    pub pixels: usize,
    /// How many rows.
    pub count: usize,
    /// Bytes from row to row of the result.
    pub output: i64,
    /// Bytes from row to row of the input; 0 where the window says it.
    pub input: i64,
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
    /// The window and the bytes of a row of the input, where rows are those of an image.
    pub window: Option<(Window, i64)>,
    pub input: Place,
    /// The bytes that a unit may touch in the input, relative to its address.
    pub input_span: i64,
    pub weights: Weights<'a>,
    pub bias: Option<Place>,
    /// Where results go; `None`: a home of the node's value.
    pub to: Option<Place>,
    pub layout: Layout,
    pub stages: Vec<Stage>,
    pub macs: u64,
}

/// Where weights come from.
pub(super) enum Weights<'a> {
    /// A constant to pack.
    Packed(NodeId, pack::Filter<'a>, usize),
    /// A matrix in memory, a row a term.
    Rows(Place),
}

/// How output channels are cut: `full` panels of `vectors`, then one of `rest` vectors.
#[derive(Clone, Copy)]
struct Panels {
    vectors: usize,
    full: usize,
    rest: usize,
}

/// The cut that takes the fewest cycles. Panels of two vectors ask the least of the second cache level, so they win a
/// tie (PERF: 1x1 layers of ResNet-50 on Zen 4: 94 % of peak against 92 and 91 for three and four).
fn cut(target: &Target, outputs: usize, rows: &[Rows]) -> Panels {
    let vectors = outputs.div_ceil(target.lanes);
    // A single row of one pixel streams its weights: as many sums as hide the latency of a multiply-add.
    if rows.iter().all(|r| r.pixels == 1) {
        let widest = vectors.min(target.accumulators.min(8));
        return Panels { vectors: widest, full: vectors / widest, rest: vectors % widest };
    }
    let cycles = |n: usize| {
        rows.iter().map(|r| r.count as f64 * Product::row_cycles(r.pixels, n, tile(target, n))).sum::<f64>()
    };
    let cost = |n: usize| {
        let rest = vectors % n;
        (vectors / n) as f64 * cycles(n) + if rest > 0 { cycles(rest) } else { 0.0 }
    };
    let best = [2, 3, 4, 1]
        .into_iter()
        .filter(|&n| n <= vectors)
        .min_by(|&a, &b| cost(a).total_cmp(&(cost(b) * 0.99)))
        .unwrap_or(1);
    Panels { vectors: best, full: vectors / best, rest: vectors % best }
}

/// Pixels of the widest tile beside so many vectors.
fn tile(target: &Target, vectors: usize) -> usize {
    (target.accumulators / vectors).max(1)
}

/// Cuts `pixels` that may be cut anywhere into rows that fill register tiles and can be shared out.
pub(super) fn rows(target: &Target, pixels: usize, output: i64, input: i64) -> Vec<Rows> {
    let cycles = |n: usize| Product::row_cycles(n, 2, tile(target, 2));
    const MOST: usize = 256;
    let piece = if pixels <= MOST {
        pixels
    } else {
        let cost = |n: usize| {
            let whole = (pixels / n) as f64 * cycles(n);
            whole + if pixels.is_multiple_of(n) { 0.0 } else { cycles(pixels % n) }
        };
        (MOST / 2..=MOST).min_by(|&a, &b| cost(a).total_cmp(&cost(b)).then(b.cmp(&a))).unwrap_or(MOST)
    };
    let mut rows = vec![Rows {
        pixels: piece,
        count: pixels / piece,
        output: output * piece as i64,
        input: input * piece as i64,
    }];
    if !pixels.is_multiple_of(piece) {
        rows.push(Rows { pixels: pixels % piece, count: 1, output: 0, input: 0 });
    }
    rows
}

/// Plans a product: appends its step, and a map step for the stages that the kernel cannot take.
pub(super) fn lower(p: &mut Planner, job: Job) -> Result<(), String> {
    let lanes = p.target.lanes;
    let panels = cut(p.target, job.outputs, &job.rows);
    let plane = job.kernel.to.vector;
    let groups: usize = match job.weights {
        Weights::Packed(_, _, groups) => groups,
        Weights::Rows(_) => 1,
    };
    let blocks = job.kernel.channels.div_ceil(job.kernel.block);
    let taps = job.window.map_or(1, |(w, ..)| w.kernel as usize) * job.kernel.taps;
    let terms = blocks * job.kernel.block * taps;
    let (weights, term, panel_bytes, group_bytes) = match &job.weights {
        Weights::Packed(id, filter, groups) => {
            let list: Vec<(usize, usize)> = (0..panels.full)
                .map(|i| (i * panels.vectors * lanes, panels.vectors))
                .chain((panels.rest > 0).then_some((panels.full * panels.vectors * lanes, panels.rest)))
                .collect();
            let form = format!("panels{}x{}x{}", panels.vectors, job.kernel.block, groups);
            let place = p.pack(*id, &form, |_, _| {
                let group = |g: usize| {
                    let at = |o, i, r, c| (filter.at)(g * filter.outputs + o, i, r, c);
                    pack::panels(&pack::Filter { at: &at, ..*filter }, &list, lanes)
                };
                Ok((0..*groups).flat_map(group).collect())
            })?;
            let width = job.outputs.div_ceil(lanes) * lanes * 4;
            (place, None, (terms * panels.vectors * lanes * 4) as i64, (terms * width) as i64)
        }
        Weights::Rows(place) => (*place, Some(job.kernel.term), (panels.vectors * lanes * 4) as i64, 0),
    };
    let outer = job.outer.len();
    let kinds = [(0, panels.full, panels.vectors), (panels.full * panels.vectors, 1, panels.rest)];
    let address_terms = |rows: &Rows| -> Vec<Term> {
        let mut terms: Vec<Term> =
            job.outer.iter().enumerate().map(|(dim, o)| Term::Index { dim, stride: o.output }).collect();
        terms.push(Term::Index { dim: outer, stride: panels.vectors as i64 * plane });
        terms.push(Term::Index { dim: outer + 1, stride: rows.output });
        terms
    };

    // The pipe is the same for every kind of panel and row but for its places: fuse it once to learn what it takes.
    let channel_terms: Vec<Term> = job
        .outer
        .iter()
        .enumerate()
        .map(|(dim, o)| Term::Index { dim, stride: o.bias })
        .chain([Term::Index { dim: outer, stride: (panels.vectors * lanes * 4) as i64 }])
        .collect();
    let view = View {
        layout: job.layout,
        same: &[],
        same_span: 0..0,
        channel: Some((&channel_terms, 0..0)),
        first_arg: 6,
    };
    let (pipe, taken) = pipe::fuse(p, job.id, &job.stages, &view)?;
    // A heavy function takes results back after storing them: they must not overwrite what it still reads.
    let in_place = !pipe.functions.iter().any(Pointwise::is_heavy);
    let to = match job.to {
        Some(to) => to,
        None => p.result_over(job.id, job.layout, if in_place { &pipe.same } else { &[] }),
    };

    let mut calls = Vec::new();
    let mut pixel = 0;
    for rows in &job.rows {
        for &(first, count, vectors) in &kinds {
            if vectors == 0 || count == 0 {
                continue;
            }
            let is_last = (first + count * vectors) * lanes >= job.outputs;
            let cut_lanes = job.outputs % lanes;
            let splits = match is_last && cut_lanes > 0 && count > 1 {
                // Only the last panel has a vector that is not full.
                true => vec![(first, count - 1, lanes), (first + (count - 1) * vectors, 1, cut_lanes)],
                false if is_last && cut_lanes > 0 => vec![(first, count, cut_lanes)],
                false => vec![(first, count, lanes)],
            };
            for (first, count, last_lanes) in splits {
                let term = term.unwrap_or((vectors * lanes * 4) as i64);
                let kernel = Product {
                    pixels: rows.pixels,
                    vectors,
                    tile: tile(p.target, vectors),
                    term,
                    bias: job.bias.is_some(),
                    to: Destination { lanes: last_lanes, ..job.kernel.to.clone() },
                    weights_cut: matches!(job.weights, Weights::Rows(_)),
                    pipe: pipe.functions.clone(),
                    ..job.kernel.clone()
                };
                let bytes = |v: usize| (v * lanes * 4) as i64;
                let shifted = |place: Place, by: i64| Place { offset: place.offset + by as u64, ..place };
                let output_shift = first as i64 * plane + pixel as i64 * job.kernel.to.pixel;
                let stored = if kernel.to.padded { lanes } else { last_lanes };
                let output_span = (rows.pixels as i64 - 1) * kernel.to.pixel
                    + (vectors as i64 - 1) * plane
                    + 4 * stored as i64;
                let mut input_terms: Vec<Term> = job
                    .outer
                    .iter()
                    .enumerate()
                    .map(|(dim, o)| Term::Index { dim, stride: o.input })
                    .collect();
                let mut weight_terms: Vec<Term> = job
                    .outer
                    .iter()
                    .enumerate()
                    .map(|(dim, o)| Term::Index { dim, stride: o.weights })
                    .collect();
                if groups > 1 {
                    weight_terms[outer - 1] = Term::Index { dim: outer - 1, stride: group_bytes };
                }
                weight_terms.push(Term::Index { dim: outer, stride: panel_bytes });
                let mut skip = 0;
                match job.window {
                    Some((_, row_bytes)) => {
                        let line = (kernel.taps * kernel.block) as i64 * term;
                        input_terms.push(Term::FirstRow { stride: row_bytes });
                        weight_terms.push(Term::FirstTap { stride: line });
                        skip = line;
                    }
                    None => input_terms.push(Term::Index { dim: outer + 1, stride: rows.input }),
                }
                let weight_shift = match term == bytes(vectors) && !kernel.weights_cut {
                    true => terms as i64 * bytes(first),
                    false => bytes(first),
                };
                let weight_span = match kernel.weights_cut {
                    true => {
                        (kernel.channels as i64 - 1) * term + 4 * ((vectors - 1) * lanes + last_lanes) as i64
                    }
                    false => terms as i64 * bytes(vectors),
                };
                let input_shift = if job.window.is_some() {
                    0
                } else {
                    pixel as i64 * job.kernel.stride as i64 * job.kernel.column
                };
                let bias = job.bias.unwrap_or(weights);
                let mut args = vec![
                    write(shifted(to, output_shift), address_terms(rows), 0..output_span),
                    read(shifted(job.input, input_shift), input_terms, 0..job.input_span.max(0)),
                    read(shifted(weights, weight_shift), weight_terms, 0..weight_span),
                    read(
                        shifted(bias, if job.bias.is_some() { bytes(first) } else { 0 }),
                        if job.bias.is_some() { channel_terms.clone() } else { Vec::new() },
                        0..bytes(vectors),
                    ),
                    Arg::Taps,
                    Arg::SkippedTaps(skip),
                ];
                for (arg, function) in pipe.args.iter().zip(
                    pipe.functions
                        .iter()
                        .filter_map(|f| f.source())
                        .filter(|s| !matches!(s, Source::Constant(_))),
                ) {
                    let Arg::Address { place, .. } = arg else { continue };
                    args.push(match function {
                        Source::Same(_) => {
                            read(shifted(*place, output_shift), address_terms(rows), 0..output_span)
                        }
                        _ => read(shifted(*place, bytes(first)), channel_terms.clone(), 0..bytes(vectors)),
                    });
                }
                calls.push(Call {
                    kernel: kernel.into(),
                    extents: job
                        .outer
                        .iter()
                        .map(|o| o.extent as u64)
                        .chain([count as u64, rows.count as u64])
                        .collect(),
                    window: job.window.map(|(w, ..)| w),
                    args,
                });
            }
        }
        pixel += rows.pixels * rows.count;
    }
    let most = job.rows.iter().map(|r| r.pixels).max().unwrap_or(1);
    let widest = tile(p.target, panels.vectors).min(most);
    let algorithm = format!("direct {widest}x{}", panels.vectors);
    p.step(&p.name(job.id), job.op, algorithm, calls, job.macs);
    super::finish(p, job.id, to, job.layout, job.stages[taken..].to_vec())
}
