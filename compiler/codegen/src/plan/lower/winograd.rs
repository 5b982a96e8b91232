//! `conv` by tiles: transform the input, multiply, transform the products back (see
//! [`winograd`](crate::kernels::winograd)).
//!
//! ```text
//! v[e, c, t] = B' d B     for every channel block c and tile t
//! p[e, o, t] = sum over c of u[e, o, c] v[e, c, t]     a matrix product for each element e of a tile
//! y          = pipe(bias + A' p A)
//! ```
//!
//! Where the filters `u` stay in the second cache level, all three run row of tiles by row of tiles, as one group, so
//! that v and p do too, and with what is computed before them by rows. Else they are three steps over all tiles: each
//! filter is read once.

use super::Reach;
use super::conv::dims4;
use super::filter::Filter;
use super::image::{Image, along};
use super::panel::{self, Rows};
use super::pieces::{Pieces, pieces};
use super::pipe::{self, View, read, update, write};
use super::product::{self, Job, Outer, Part, Rings, Weights};
use crate::kernels::product::{Destination, Product};
use crate::kernels::winograd::{Axis, Transform};
use crate::kernels::winograd_input::WinogradInput;
use crate::kernels::winograd_output::WinogradOutput;
use crate::plan::{Arg, Call, Home, Layout, Over, Place, Planner, Space, Term, Window, at};
use cnnc_ir::ops::Conv;
use cnnc_ir::{DType, NodeId, Type};

/// Bytes of filters that are read again for every row of tiles.
const FILTERS: usize = 3328 << 10;

/// Bytes of tiles and products that need no rows: they stay in cache as a whole.
const TILES: usize = 2048 << 10;

/// Bytes of tiles and products of a block of rows.
const BLOCK: usize = 512 << 10;

/// Bytes of them where filters do not stay in cache, and memory counts.
const LARGEST: usize = 2 << 20;

/// The elements of all tiles, or of the rows of a ring: `[e][channel block][image][row][column][lane]`.
#[derive(Clone, Copy)]
struct Elements {
    place: Place,
    /// Bytes from element to element.
    element: i64,
    /// From channel block to channel block.
    plane: i64,
    /// From image to image.
    image: i64,
    /// From row of tiles to row of tiles.
    row: i64,
    ring: Option<u64>,
}

impl Elements {
    /// How an address moves with images, channel blocks and rows of tiles.
    fn terms(&self) -> Vec<Term> {
        let index = |dim, stride| Term::Index { dim, stride };
        vec![index(0, self.image), index(1, self.plane), along(2, self.row, self.ring)]
    }

    /// What a unit touches: a row of every element.
    fn span(&self, elements: usize) -> std::ops::Range<i64> {
        0..(elements as i64 - 1) * self.element + self.row
    }
}

/// How a convolution is cut into tiles.
struct Tiling {
    id: NodeId,
    transform: Transform,
    images: usize,
    rows: usize,
    columns: usize,
    /// Rows of tiles that run at once, where not all do.
    ring: Option<u64>,
}

/// Rows of tiles that run at once so that they stay in cache, of images of so many rows and columns of tiles; `None`:
/// all do.
fn block(
    transform: Transform,
    [outputs, inputs]: [usize; 2],
    [images, rows, columns]: [usize; 3],
) -> Option<u64> {
    let elements = transform.elements();
    let row_bytes = 4 * elements * columns * (inputs + outputs);
    let by_rows = 4 * elements * inputs * outputs <= FILTERS && row_bytes * rows * images > TILES;
    by_rows.then(|| (BLOCK / row_bytes).clamp(1, rows.div_ceil(8)) as u64)
}

/// Bytes of the arena that the tiles and the products of a convolution take.
pub(in crate::plan) fn bytes(
    transform: Transform,
    channels @ [outputs, inputs]: [usize; 2],
    tiles: [usize; 3],
) -> [u64; 2] {
    match block(transform, channels, tiles) {
        Some(_) => [0; 2],
        None => {
            [inputs, outputs].map(|n| (4 * transform.elements() * tiles.iter().product::<usize>() * n) as u64)
        }
    }
}

/// How a convolution runs row of tiles by row of tiles, where it does.
#[derive(Clone, Copy)]
pub(in crate::plan) struct ByRows {
    /// Rows of tiles.
    pub rows: u64,
    /// Those that run at once.
    pub block: u64,
    /// The rows of the input that one sees.
    pub reach: Reach,
}

/// Whether a convolution that runs by tiles does so by rows of them: so that they stay in cache, or because it was
/// chosen to save memory.
pub(in crate::plan) fn by_rows(p: &Planner, id: NodeId) -> Option<ByRows> {
    let &transform = p.transforms.get(&id)?;
    let [outputs, inputs, ..] = dims4(p, p.module.graph.operands(id)[1]);
    let tiles @ [_, rows, columns] = tiles(p, id, transform);
    let row_bytes = 4 * transform.elements() * columns * (inputs + outputs);
    // The filters are read again for every block: few of them.
    let saving = (p.choices.rows.contains(&id) && row_bytes <= LARGEST)
        .then(|| (LARGEST / row_bytes).clamp(1, rows.div_ceil(2)) as u64);
    let block = block(transform, [outputs, inputs], tiles).or(saving)?;
    let Axis { results, stride, .. } = transform.rows;
    let reach =
        Reach { stride: (results * stride) as u64, kernel: transform.rows.size() as u64, dilation: 1 };
    Some(ByRows { rows: rows as u64, block, reach })
}

/// Images, and the rows and columns of tiles of each.
fn tiles(p: &Planner, id: NodeId, transform: Transform) -> [usize; 3] {
    let [images, _, oh, ow] = dims4(p, id);
    [images, oh.div_ceil(transform.rows.results), ow.div_ceil(transform.columns.results)]
}

/// Lowers a convolution and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, conv: &Conv, transform: Transform) -> Result<(), String> {
    let operands = p.module.graph.operands(id);
    let [outputs, inputs, ..] = dims4(p, operands[1]);
    let [images, rows, columns] = tiles(p, id, transform);
    let ring = p.groups.get(&id).map(|group| group.block);
    let tiling = Tiling { id, transform, images, rows, columns, ring };
    let tiles = tiling.elements(p, "tiles", inputs)?;
    let products = tiling.elements(p, "products", outputs)?;
    tiling.input(p, conv, tiles)?;
    tiling.multiply(p, tiles, products)?;
    let taken = tiling.output(p, products)?;
    p.close(id)?;
    let home = p.homes[&id];
    let stages = p.module.graph.expr(id).stages;
    super::finish(p, id, home, stages[taken..].to_vec())
}

impl Tiling {
    /// A buffer for the elements of tiles of so many channels.
    fn elements(&self, p: &mut Planner, what: &str, channels: usize) -> Result<Elements, String> {
        let lanes = p.target.lanes;
        let count = self.transform.elements();
        let row = (4 * lanes * self.columns) as i64;
        let (rows, images) = match self.ring {
            Some(ring) => (ring as usize, 1),
            None => (self.rows, self.images),
        };
        let plane = row * (rows * images) as i64;
        // Elements an odd number of cache lines apart do not meet in the same sets.
        let lines = (plane as usize * channels.div_ceil(lanes)).div_ceil(64);
        let element = 64 * (lines | 1) as i64;
        let ty = Type::new(DType::F32, [count, element as usize / 4]).map_err(|m| m.0)?;
        let space = if self.ring.is_some() { Space::Scratch } else { Space::Arena };
        let place = at(p.buffer(&format!("{}.{what}", p.name(self.id)), &ty, Layout::Plain, space));
        let image = if self.ring.is_some() { 0 } else { row * rows as i64 };
        Ok(Elements { place, element, plane, image, row, ring: self.ring })
    }

    fn input(&self, p: &mut Planner, conv: &Conv, to: Elements) -> Result<(), String> {
        let x = p.module.graph.operands(self.id)[0];
        let [_, channels, height, width] = dims4(p, x);
        let from = Image::blocked(p, x);
        let input = p.operand(x, Layout::Blocked)?;
        let window = Window {
            over: Over::Operand,
            dim: 2,
            stride: (self.transform.rows.results * self.transform.rows.stride) as u64,
            pad: conv.pad.top as u64,
            dilation: 1,
            kernel: self.transform.rows.size() as u64,
            extent: height as u64,
            ring: from.ring,
        };
        let (row, table) = from.step(p, &p.name(self.id), &window);
        let kernel = WinogradInput {
            transform: self.transform,
            tiles: self.columns,
            pad: conv.pad.left,
            width,
            row,
            element: to.element,
        };
        let args = vec![
            write(to.place, to.terms(), to.span(self.transform.elements())),
            read(input.place, from.window_terms(input.image), 0..from.row),
            Arg::Taps,
            Arg::TapsAbove,
            Arg::SkippedTaps(1),
            table,
        ];
        let extents = [self.images, channels.div_ceil(p.target.lanes), self.rows].map(|n| n as u64).to_vec();
        let calls = vec![Call { kernel: kernel.into(), extents, window: Some(window), args }];
        p.step(&p.name(self.id), "winograd_input", self.transform.to_string(), calls, 0);
        Ok(())
    }

    fn multiply(&self, p: &mut Planner, from: Elements, to: Elements) -> Result<(), String> {
        let w = p.module.graph.operands(self.id)[1];
        let [outputs, inputs, kh, kw] = dims4(p, w);
        let [.., oh, ow] = dims4(p, self.id);
        let lanes = p.target.lanes;
        let vector = 4 * lanes as i64;
        let count = self.transform.elements();
        let filter = Filter {
            weights: w,
            transform: Some(self.transform),
            outer: vec![(count, 0)],
            outputs,
            inputs,
            taps: (1, 1),
            block: lanes,
            first: 0,
            strides: [(inputs * kh * kw) as i64, (kh * kw) as i64, 0, 0],
        };
        let bytes = (filter.depth() * outputs.div_ceil(lanes) * lanes * 4) as i64;
        let element = Outer {
            extent: count,
            input: from.element,
            weights: bytes,
            output: to.element,
            ..Outer::default()
        };
        let pixels = self.images * self.rows * self.columns;
        let (outer, rows) = match self.ring {
            Some(_) => {
                let images = Outer { extent: self.images, ..Outer::default() };
                let row = Rows { pixels: self.columns, count: self.rows, output: to.row, input: from.row };
                (vec![images, element], vec![row])
            }
            None => (vec![element], panel::rows(p.target, pixels, vector, vector)),
        };
        let kernel = Product {
            pixels: 0,
            vectors: 0,
            tile: 0,
            block: lanes,
            blocks: None,
            rest: 0,
            taps: 1,
            stride: 1,
            pad: 0,
            dilation: 1,
            width: pixels,
            column: vector,
            row: None,
            block_bytes: from.plane,
            term: 0,
            weights_cut: false,
            prefetch: 0,
            bias: false,
            to: Destination { pixel: vector, vector: to.plane, lanes, padded: true, stored: true },
            pipe: Vec::new(),
            sums: None,
            list: None,
        };
        let part = Part {
            outer,
            rows,
            channels: inputs,
            kernel,
            window: None,
            input: from.place,
            weights: Weights::Packed(filter),
            start: 0,
            listed: None,
        };
        let job = Job {
            id: self.id,
            op: "winograd_product",
            outputs,
            axis: pipe::CHANNELS,
            parts: vec![part],
            rings: Rings { input: self.ring, output: self.ring },
            bias: None,
            to: Some(Home { place: to.place, layout: Layout::Blocked, image: to.image }),
            layout: Layout::Blocked,
            stages: Vec::new(),
            summed: None,
            // Those of the convolution, so that its speed compares with the direct one's.
            macs: (self.images * outputs * oh * ow * inputs * kh * kw) as u64,
        };
        product::lower(p, job)
    }

    /// Answers how many stages of the pipe the kernel took.
    fn output(&self, p: &mut Planner, from: Elements) -> Result<usize, String> {
        let id = self.id;
        let expr = p.module.graph.expr(id);
        let lanes = p.target.lanes;
        let vector = 4 * lanes as i64;
        let [_, channels, oh, ow] = dims4(p, id);
        let result = Image::blocked(p, id);
        let bias = match expr.operands.get(2) {
            Some(&b) => Some(pipe::channels(p, b)?),
            None => None,
        };
        let channel = vec![Term::Index { dim: 1, stride: vector }];
        let view = View {
            layout: Layout::Blocked,
            same: &|image| result.window_terms(image),
            same_span: 0..result.row,
            axis: pipe::CHANNELS,
            channel: Some((&channel, 0..vector)),
            first_arg: 4,
        };
        let (pipe, taken) = pipe::fuse(p, id, &expr.stages, &view)?;
        let to = p.result_over(id, Layout::Blocked, pipe.replaceable());
        let mut args = vec![
            write(to.place, result.window_terms(to.image), 0..result.row),
            // Transformed in place.
            update(from.place, from.terms(), from.span(self.transform.elements())),
            bias.map_or(Arg::Unread, |b| read(b, channel.clone(), 0..vector)),
            Arg::Taps,
        ];
        args.extend(pipe.args);
        let window = Window {
            over: Over::Result,
            dim: 2,
            stride: self.transform.rows.results as u64,
            pad: 0,
            dilation: 1,
            kernel: self.transform.rows.results as u64,
            extent: oh as u64,
            ring: None,
        };
        let call = |(first, count, lanes): Pieces| Call {
            kernel: WinogradOutput {
                transform: self.transform,
                width: ow,
                element: from.element,
                bias: bias.is_some(),
                lanes,
                pipe: pipe.functions.clone(),
            }
            .into(),
            extents: vec![self.images as u64, count as u64, self.rows as u64],
            window: Some(window),
            args: args.iter().map(|arg| arg.skipping(1, first)).collect(),
        };
        let calls = pieces(channels, lanes).map(call).collect();
        p.step(&p.name(id), "winograd_output", self.transform.to_string(), calls, 0);
        Ok(taken)
    }
}
