//! product: a row of results, each the sum over taps and channels of input times weight.
//!
//! ```text
//! y[p, v] = pipe(bias[v] + sum over c, u, t of x[c, u, p * stride + t * dilation - pad] * w[c, u, t, v])
//! ```
//!
//! One kernel serves convolution in any layout (a pixel is a column), and matrix products (a pixel is a row of the
//! left matrix). `v` runs over the vectors of one panel of output channels, `c` over the input channels in blocks
//! that lie side by side, `u` over the rows of the window that lie inside the image, a count given at run time, and
//! `t` over its columns. The row is cut into register tiles of pixels x vectors; a tile's sums stay in registers over
//! all terms, in the order c-block, u, t, c, one FMA a term. Taps left or right of the image are left out when the
//! code is generated, so a row has its own code for its edges and a loop for its interior. The results of a row may
//! also, or only, be summed, a tile at a time, from left to right. The terms of a single pixel may be those of a
//! [list](super::terms).
//!
//! Arguments: result, input (column 0 of the first row inside the image), weights (at that row's taps), bias, rows
//! inside the image, bytes of weights to skip a block for rows outside, the table of a ring, the weights to prefetch,
//! whole blocks, then the operands of the pipe.
//! Weights lie as `[block][u][t][c in block][panel]`, the last block padded.

use super::pointwise::Pointwise;
use super::row::{self, At, Columns, RowStep, Sum, Tile};
use super::terms;
use crate::scalar::Interval;
use crate::target::Target;
use crate::vasm::{Bin, Builder, Kernel, LANES, Operand, P, Trips, V, VECTOR};

/// The result of a product kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// Bytes from pixel to pixel.
    pub pixel: i64,
    /// Bytes from vector to vector of the panel.
    pub vector: i64,
    /// Lanes of the last vector that exist.
    pub lanes: usize,
    /// Whether the lanes that do not exist are there in memory and become zero; else they are not touched.
    pub padded: bool,
    /// Whether results are stored: of others only sums are wanted.
    pub stored: bool,
}

/// The facts a product kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    /// Results along the row.
    pub pixels: usize,
    /// Vectors of the panel.
    pub vectors: usize,
    /// Pixels of the widest register tile.
    pub tile: usize,
    /// Channels that lie side by side in the input.
    pub block: usize,
    /// Whole blocks of input channels, none or one; `None`: as many as an argument says.
    pub blocks: Option<usize>,
    /// Input channels behind the whole blocks.
    pub rest: usize,
    /// Columns of the window.
    pub taps: usize,
    /// Columns a result moves.
    pub stride: usize,
    /// Columns left of the image that count.
    pub pad: usize,
    /// Columns between taps.
    pub dilation: usize,
    /// Columns of the image.
    pub width: usize,
    /// Bytes from column to column of the input.
    pub column: i64,
    /// From one row of the window to the next in the input; `None`: the window has one row, always inside.
    pub row: Option<RowStep>,
    /// Bytes from block to block of the input.
    pub block_bytes: i64,
    /// Bytes of weights from term to term: a packed panel, or a row of a matrix used as it is.
    pub term: i64,
    /// Whether the last vector of weights has no more lanes in memory than the result.
    pub weights_cut: bool,
    /// Cache lines of the weights that come next to ask for with every block and row of the window.
    pub prefetch: usize,
    /// Whether the sum starts from a bias.
    pub bias: bool,
    /// Where results go.
    pub to: Destination,
    /// What is applied to them.
    pub pipe: Vec<Pointwise>,
    /// The argument that takes the sums of the row's results, a vector after the other, where they are wanted.
    pub sums: Option<u32>,
    /// The argument that lists the terms that count, of a row of one pixel, where others are left out.
    pub list: Option<u32>,
}

/// Vectors of the panel that lie in one register: one, or two in a wide one.
#[derive(Clone, Copy)]
struct Strip {
    first: usize,
    vectors: usize,
}

impl Strip {
    fn lanes(self) -> usize {
        self.vectors * LANES
    }

    /// Bytes from the start of the panel.
    fn offset(self) -> i64 {
        self.first as i64 * VECTOR
    }
}

/// How a row is cut into register tiles.
struct Tiling {
    /// Pixels of the widest one.
    widest: usize,
    strips: Vec<Strip>,
    /// Cache lines to ask for with every block and row of the window.
    prefetch: usize,
}

/// Registers of the row.
struct Row<'t> {
    tiling: &'t Tiling,
    /// Input column of the tile's first pixel and tap.
    input: P,
    /// Bytes from the start of the result.
    at: P,
    taps: Option<P>,
    skip: Option<P>,
    /// The weights to ask for next.
    ahead: Option<P>,
}

/// Bytes of a cache line.
pub const CACHE_LINE: i64 = 64;

impl Product {
    /// Cycles that the row takes for one term, by the table of the target: what the plan compares panels by.
    pub fn row_cycles(pixels: usize, vectors: usize, widest: usize) -> f64 {
        let full = pixels / widest;
        let rest = pixels % widest;
        let tail = match rest {
            0 => 0.0,
            // A narrow tile is avoided by taking pixels from a full one.
            r if full > 0 && r < widest / 2 => {
                let both = widest + r;
                let halves =
                    Target::tile_cycles(both / 2, vectors) + Target::tile_cycles(both - both / 2, vectors);
                halves - Target::tile_cycles(widest, vectors)
            }
            r => Target::tile_cycles(r, vectors),
        };
        full as f64 * Target::tile_cycles(widest, vectors) + tail
    }

    /// Multiply-adds of vectors in a row, for an input channel.
    pub fn work(&self) -> u64 {
        [self.pixels, self.vectors, self.taps].map(|n| n.max(1) as u64).iter().product()
    }

    /// The bounds of the words of a list, of as many terms as its arguments say.
    pub(super) fn listed_terms(
        &self,
        at: Interval,
        number: &dyn Fn(u32) -> Option<Interval>,
    ) -> Option<Interval> {
        let blocks = self.blocks.map_or_else(|| Some(number(8)?.most), |blocks| Some(blocks as i64))?;
        let terms = blocks * self.block as i64 + self.rest as i64;
        let most = match at {
            _ if at.least >= terms::PLACES.into() => 4 * (terms - 1),
            _ if at == Interval::only(terms::BLOCKS.into()) => blocks,
            _ if at == Interval::only(terms::REST.into()) => 1,
            _ => terms,
        };
        Some(Interval::new(0, most))
    }

    fn columns(&self) -> Columns {
        let Product { pixels, taps, stride, pad, dilation, width, .. } = *self;
        Columns { pixels, taps, stride, pad, dilation, width }
    }

    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let strips = (0..self.vectors).map(|first| Strip { first, vectors: 1 }).collect();
        self.write(name, &Tiling { widest: self.tile, strips, prefetch: self.prefetch })
    }

    /// Writes the kernel with wide vectors: the same sums in the same order, two vectors of them in a register. A
    /// vector that is not whole in memory has a register of its own. `None`: no two vectors make a wide one.
    pub fn generate_wide(&self, name: &str) -> Option<Kernel> {
        let is_cut = self.to.lanes < LANES;
        let whole = self.vectors - usize::from(is_cut);
        let pairs = (0..whole).step_by(2).map(|first| Strip { first, vectors: 2.min(whole - first) });
        let cut = is_cut.then_some(Strip { first: whole, vectors: 1 });
        let strips: Vec<Strip> = pairs.chain(cut).collect();
        if strips[0].vectors < 2 {
            return None;
        }
        let widest = (Target::WIDE_ACCUMULATORS / strips.len()).max(1);
        // Fewer tiles ask for as much.
        let tiles = |widest: usize| self.pixels.div_ceil(widest);
        let prefetch = (self.prefetch * tiles(self.tile)).div_ceil(tiles(widest).max(1));
        Some(self.write(name, &Tiling { widest, strips, prefetch }))
    }

    fn write(&self, name: &str, tiling: &Tiling) -> Kernel {
        let mut k = Builder::new(name);
        let input = k.arg(1);
        let row = Row {
            tiling,
            input: k.offset(input, -(self.pad as i64) * self.column),
            at: k.set(0),
            taps: self.row.map(|_| k.arg(4)),
            skip: self.row.map(|_| k.arg(5)),
            ahead: (tiling.prefetch > 0).then(|| k.arg(7)),
        };
        if let Some(arg) = self.sums {
            let (sums, zero) = (k.arg(arg), k.splat(0.0));
            (0..self.vectors).for_each(|v| k.store(zero, sums.at(v as i64 * VECTOR)));
        }
        let cycles = |pixels| Target::tile_cycles(pixels, tiling.strips.len());
        self.columns().tiles(&mut k, tiling.widest, cycles, |k, tile| self.tile(k, &row, tile));
        k.finish()
    }

    /// One tile; moves the row's registers past it.
    fn tile(&self, k: &mut Builder, row: &Row, tile: &Tile) {
        let bias = self.bias.then(|| k.arg(3));
        // One list of sums for each strip.
        let of_strip = |strip: &Strip| {
            let bias = bias.map(|b| b.at(strip.offset()));
            k.with_lanes(strip.lanes(), |k| row::sums(k, tile.pixels, bias))
        };
        let sums: Vec<Vec<V>> = row.tiling.strips.iter().map(of_strip).collect();
        let weights = k.arg(2);
        let block = k.copy(row.input);
        let list = self.list.map(|arg| k.arg(arg));
        let trips = match (list, self.blocks) {
            (Some(list), _) => Trips::from(k.load_i32(list.at(terms::BLOCKS.into()))),
            (None, Some(blocks)) => Trips::from(blocks as u64),
            (None, None) => Trips::from(k.arg(8)),
        };
        if let Some(list) = list {
            self.listed(k, row, tile, &sums, list, weights);
        }
        if self.blocks != Some(0) {
            k.repeat(trips, |k| self.block(k, row, tile, &sums, block, weights, self.block));
        }
        if self.rest > 0 {
            let trips =
                list.map_or(Trips::from(1), |list| Trips::from(k.load_i32(list.at(terms::REST.into()))));
            k.repeat(trips, |k| self.block(k, row, tile, &sums, block, weights, self.rest));
        }
        self.finish(k, row, &sums);
        k.advance(row.input, (tile.pixels * self.stride) as i64 * self.column);
        k.advance(row.at, tile.pixels as i64 * self.to.pixel);
    }

    /// Adds the terms of `channels` channels that lie side by side, for every tap; moves `block` and `weights`.
    #[allow(clippy::too_many_arguments, reason = "the registers of one loop level")]
    fn block(
        &self,
        k: &mut Builder,
        row: &Row,
        tile: &Tile,
        sums: &[Vec<V>],
        block: P,
        weights: P,
        channels: usize,
    ) {
        let line_of_weights = (self.taps * self.block) as i64 * self.term;
        let line = |k: &mut Builder, x: P| {
            let (lines, terms) = (row.tiling.prefetch, self.taps * channels);
            for (i, (tap, c)) in
                (0..self.taps).flat_map(|tap| (0..channels).map(move |c| (tap, c))).enumerate()
            {
                if let Some(ahead) = row.ahead {
                    // Evenly: a burst would stand in the way of what the terms load.
                    let due = i * lines / terms..(i + 1) * lines / terms;
                    due.for_each(|line| k.prefetch(ahead.at(line as i64 * CACHE_LINE)));
                }
                self.term(k, &row.tiling.strips, tile, sums, [x, weights], [tap, c]);
            }
            if let Some(ahead) = row.ahead {
                k.advance(ahead, lines as i64 * CACHE_LINE);
            }
            k.advance(weights, line_of_weights);
        };
        match (self.row, row.taps, row.skip) {
            (Some(step), Some(taps), Some(skip)) => {
                step.walk(k, taps, 6, block, line);
                k.advance_by(weights, skip);
            }
            _ => line(k, block),
        }
        k.advance(block, self.block_bytes);
    }

    /// Adds the terms of a list.
    fn listed(&self, k: &mut Builder, row: &Row, tile: &Tile, sums: &[Vec<V>], list: P, weights: P) {
        let count = k.load_i32(list.at(terms::COUNT.into()));
        let place = k.offset(list, terms::PLACES.into());
        k.repeat(count, |k| {
            // Bytes from the first element, of 4 each; a term of weights takes as much as it does.
            let x = k.load_i32(place.at(0));
            let w = k.scaled(x, self.term / 4);
            k.advance_by(x, row.input);
            k.advance_by(w, weights);
            self.term(k, &row.tiling.strips, tile, sums, [x, w], [0, 0]);
            k.advance(place, 4);
        });
    }

    /// Adds one term: one channel of one tap for all pixels and vectors of the tile.
    fn term(
        &self,
        k: &mut Builder,
        strips: &[Strip],
        tile: &Tile,
        sums: &[Vec<V>],
        [x, weights]: [P; 2],
        [tap, c]: [usize; 2],
    ) {
        let columns = self.columns();
        let pixels = columns.inside(tile, tap);
        let at = |p: usize| x.at(columns.distance(p, tap) as i64 * self.column + 4 * c as i64);
        let term = (tap * self.block + c) as i64 * self.term;
        let weight = |strip: &Strip| weights.at(term + strip.offset());
        let cut = |strip: &Strip| {
            self.weights_cut && strip.first + strip.vectors == self.vectors && self.to.lanes < LANES
        };
        let load = |k: &mut Builder, strip: &Strip| match cut(strip) {
            true => k.load_lanes(weight(strip), self.to.lanes),
            false => k.with_lanes(strip.lanes(), |k| k.load(weight(strip))),
        };
        // Wide strips come first.
        let spread = |k: &mut Builder, p: usize| k.with_lanes(strips[0].lanes(), |k| k.broadcast(at(p)));
        let fit =
            |k: &mut Builder, x: V, strip: &Strip| if strip.lanes() < x.lanes() { k.lower(x) } else { x };
        if let [p] = pixels[..] {
            let x = spread(k, p);
            for (strip, sums) in strips.iter().zip(sums) {
                let w = if cut(strip) { Operand::Reg(load(k, strip)) } else { Operand::Mem(weight(strip)) };
                let x = fit(k, x, strip);
                k.fma(sums[p], x, w);
            }
        } else if pixels.len() <= strips.len() {
            let xs: Vec<V> = pixels.iter().map(|&p| spread(k, p)).collect();
            for (strip, sums) in strips.iter().zip(sums) {
                let w = if pixels.is_empty() { break } else { load(k, strip) };
                for (&p, &x) in pixels.iter().zip(&xs) {
                    let x = fit(k, x, strip);
                    k.fma(sums[p], x, w);
                }
            }
        } else {
            let ws: Vec<V> = strips.iter().map(|strip| load(k, strip)).collect();
            for &p in &pixels {
                let x = spread(k, p);
                for ((strip, sums), &w) in strips.iter().zip(sums).zip(&ws) {
                    let x = fit(k, x, strip);
                    k.fma(sums[p], x, w);
                }
            }
        }
    }

    /// Runs the sums through the pipe and stores them, or adds them to those of the row.
    fn finish(&self, k: &mut Builder, row: &Row, sums: &[Vec<V>]) {
        let mut list = Vec::new();
        for p in 0..sums[0].len() {
            for (strip, sums) in row.tiling.strips.iter().zip(sums) {
                let place = |vector: usize| At {
                    offset: p as i64 * self.to.pixel + vector as i64 * self.to.vector,
                    channel: vector as i64 * VECTOR,
                };
                let ends = strip.first + strip.vectors == self.vectors;
                let lanes = strip.lanes() - if ends { LANES - self.to.lanes } else { 0 };
                list.push(Sum {
                    x: sums[p],
                    place: place(strip.first),
                    upper: (strip.vectors > 1).then(|| place(strip.first + 1)),
                    lanes,
                    stored: if self.to.padded { strip.lanes() } else { lanes },
                });
            }
        }
        let Some(arg) = self.sums else { return row::finish(k, &self.pipe, row.at, &list) };
        row::apply(k, &self.pipe, row.at, &list);
        for sum in &list {
            sum.clear(k);
            if self.to.stored {
                sum.store(k, row.at);
            }
        }
        let sums_of_row = k.arg(arg);
        for (strip, results) in row.tiling.strips.iter().zip(sums) {
            let so_far = sums_of_row.at(strip.offset());
            let sum = results[0];
            // Addition commutes, and the others follow one by one: the width of the tile changes nothing.
            k.bin_to(Bin::Add, sum, sum, Operand::Mem(so_far));
            results[1..].iter().for_each(|&x| k.bin_to(Bin::Add, sum, sum, x));
            k.store(sum, so_far);
        }
    }
}
