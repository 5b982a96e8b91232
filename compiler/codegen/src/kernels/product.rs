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
//! also, or only, be summed, a tile at a time, from left to right.
//!
//! Arguments: result, input (column 0 of the first row inside the image), weights (at that row's taps), bias, rows
//! inside the image, bytes of weights to skip a block for rows outside, the table of a ring, the weights to prefetch,
//! then the operands of the pipe.
//! Weights lie as `[block][u][t][c in block][panel]`, the last block padded.

use super::pointwise::Pointwise;
use super::row::{self, Columns, RowStep, Sum, Tile};
use crate::target::Target;
use crate::vasm::{Bin, Builder, Kernel, LANES, Operand, P, V};

/// Bytes of a vector.
const VECTOR: i64 = 4 * LANES as i64;

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
    /// Input channels: terms of one tap.
    pub channels: usize,
    /// Channels that lie side by side in the input.
    pub block: usize,
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
}

/// Registers of the row.
struct Row {
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

    /// Multiply-adds of vectors in a row.
    pub fn work(&self) -> u64 {
        [self.pixels, self.vectors, self.taps, self.channels].map(|n| n.max(1) as u64).iter().product()
    }

    fn columns(&self) -> Columns {
        let Product { pixels, taps, stride, pad, dilation, width, .. } = *self;
        Columns { pixels, taps, stride, pad, dilation, width }
    }

    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let mut k = Builder::new(name);
        let input = k.arg(1);
        let row = Row {
            input: k.offset(input, -(self.pad as i64) * self.column),
            at: k.set(0),
            taps: self.row.map(|_| k.arg(4)),
            skip: self.row.map(|_| k.arg(5)),
            ahead: (self.prefetch > 0).then(|| k.arg(7)),
        };
        if let Some(arg) = self.sums {
            let (sums, zero) = (k.arg(arg), k.splat(0.0));
            (0..self.vectors).for_each(|v| k.store(zero, sums.at((v as i64 * VECTOR) as i32)));
        }
        let cycles = |pixels| Target::tile_cycles(pixels, self.vectors);
        self.columns().tiles(&mut k, self.tile, cycles, |k, tile| self.tile(k, &row, tile));
        k.finish()
    }

    /// One tile; moves the row's registers past it.
    fn tile(&self, k: &mut Builder, row: &Row, tile: &Tile) {
        let bias = self.bias.then(|| k.arg(3));
        // One list of sums for each vector.
        let sums: Vec<Vec<V>> = (0..self.vectors)
            .map(|v| row::sums(k, tile.pixels, bias.map(|b| b.at((v as i64 * VECTOR) as i32))))
            .collect();
        let weights = k.arg(2);
        let block = k.copy(row.input);
        let whole = self.channels / self.block;
        let rest = self.channels % self.block;
        if whole > 1 {
            k.repeat(whole as u64, |k| self.block(k, row, tile, &sums, block, weights, self.block));
        } else if whole == 1 {
            self.block(k, row, tile, &sums, block, weights, self.block);
        }
        if rest > 0 {
            self.block(k, row, tile, &sums, block, weights, rest);
        }
        self.finish(k, row.at, &sums);
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
            if let Some(ahead) = row.ahead {
                (0..self.prefetch as i64).for_each(|i| k.prefetch(ahead.at((i * CACHE_LINE) as i32)));
                k.advance(ahead, self.prefetch as i64 * CACHE_LINE);
            }
            for tap in 0..self.taps {
                for c in 0..channels {
                    self.term(k, tile, sums, x, weights, tap, c);
                }
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

    /// Adds one term: one channel of one tap for all pixels and vectors of the tile.
    #[allow(
        clippy::too_many_arguments,
        reason = "the registers of one loop level and the indices of the term"
    )]
    fn term(&self, k: &mut Builder, tile: &Tile, sums: &[Vec<V>], x: P, weights: P, tap: usize, c: usize) {
        let columns = self.columns();
        let pixels = columns.inside(tile, tap);
        let at = |p: usize| x.at((columns.distance(p, tap) as i64 * self.column) as i32 + 4 * c as i32);
        let term = ((tap * self.block + c) as i64 * self.term) as i32;
        let weight = |v: usize| weights.at(term + v as i32 * VECTOR as i32);
        let cut = |v: usize| self.weights_cut && v + 1 == self.vectors && self.to.lanes < LANES;
        let load = |k: &mut Builder, v: usize| match cut(v) {
            true => k.load_lanes(weight(v), self.to.lanes),
            false => k.load(weight(v)),
        };
        if let [p] = pixels[..] {
            let x = k.broadcast(at(p));
            for (v, sums) in sums.iter().enumerate() {
                let w = if cut(v) { Operand::Reg(load(k, v)) } else { Operand::Mem(weight(v)) };
                k.fma(sums[p], x, w);
            }
        } else if pixels.len() <= self.vectors {
            let xs: Vec<V> = pixels.iter().map(|&p| k.broadcast(at(p))).collect();
            for (v, sums) in sums.iter().enumerate() {
                let w = if pixels.is_empty() { break } else { load(k, v) };
                for (&p, &x) in pixels.iter().zip(&xs) {
                    k.fma(sums[p], x, w);
                }
            }
        } else {
            let ws: Vec<V> = (0..self.vectors).map(|v| load(k, v)).collect();
            for &p in &pixels {
                let x = k.broadcast(at(p));
                for (v, &w) in ws.iter().enumerate() {
                    k.fma(sums[v][p], x, w);
                }
            }
        }
    }

    /// Runs the sums through the pipe and stores them, or adds them to those of the row.
    fn finish(&self, k: &mut Builder, at: P, sums: &[Vec<V>]) {
        let mut list = Vec::new();
        for p in 0..sums[0].len() {
            for (v, sums) in sums.iter().enumerate() {
                let lanes = if v + 1 == self.vectors { self.to.lanes } else { LANES };
                list.push(Sum {
                    x: sums[p],
                    offset: (p as i64 * self.to.pixel + v as i64 * self.to.vector) as i32,
                    channel: (v as i64 * VECTOR) as i32,
                    lanes,
                    stored: if self.to.padded { LANES } else { lanes },
                });
            }
        }
        let Some(arg) = self.sums else { return row::finish(k, &self.pipe, at, &list) };
        row::apply(k, &self.pipe, at, &list);
        for sum in &list {
            sum.clear(k);
            if self.to.stored {
                sum.store(k, at);
            }
        }
        let row = k.arg(arg);
        for (v, results) in sums.iter().enumerate() {
            let so_far = row.at((v as i64 * VECTOR) as i32);
            let sum = results[0];
            // Addition commutes, and the others follow one by one: the width of the tile changes nothing.
            k.bin_to(Bin::Add, sum, sum, Operand::Mem(so_far));
            results[1..].iter().for_each(|&x| k.bin_to(Bin::Add, sum, sum, x));
            k.store(sum, so_far);
        }
    }
}
