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
//! code is generated, so a row has its own code for its edges and a loop for its interior.
//!
//! Arguments: result, input (column 0 of the first row inside the image), weights (at that row's taps), bias, rows
//! inside the image, bytes of weights to skip a block for rows outside, then the operands of the pipe.
//! Weights lie as `[block][u][t][c in block][panel]`, the last block padded.

use super::pointwise::{self, Pointwise, Source};
use crate::target::Target;
use crate::vasm::{Addr, Bin, Builder, Kernel, LANES, Operand, P, Trips, V};

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
    /// Bytes from one row of the window to the next in the input; `None`: the window has one row, always inside.
    pub row: Option<i64>,
    /// Bytes from block to block of the input.
    pub block_bytes: i64,
    /// Bytes of weights from term to term: a packed panel, or a row of a matrix used as it is.
    pub term: i64,
    /// Whether the last vector of weights has no more lanes in memory than the result.
    pub weights_cut: bool,
    /// Whether the sum starts from a bias.
    pub bias: bool,
    /// Where results go.
    pub to: Destination,
    /// What is applied to them.
    pub pipe: Vec<Pointwise>,
}

/// Pixels that one tile computes, and where.
struct Tile {
    /// The first pixel, or `None` in the loop over interior tiles.
    first: Option<usize>,
    pixels: usize,
}

/// Registers of the row.
struct Row {
    /// Input column of the tile's first pixel and tap.
    input: P,
    /// Bytes from the start of the result.
    at: P,
    taps: Option<P>,
    skip: Option<P>,
}

impl Product {
    /// The widths of the tiles that cover the row, least total cycles first found, wide ones first.
    fn cover(&self) -> Vec<usize> {
        let widest = self.tile;
        let mut best: Vec<(f64, usize)> = vec![(0.0, 0)];
        for n in 1..=self.pixels {
            let choice = (1..=widest.min(n))
                .map(|p| (best[n - p].0 + Target::tile_cycles(p, self.vectors), p))
                .min_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            best.push(choice.unwrap_or((0.0, 1)));
        }
        let mut widths = Vec::new();
        let mut n = self.pixels;
        while n > 0 {
            widths.push(best[n].1);
            n -= best[n].1;
        }
        widths.sort_unstable_by(|a, b| b.cmp(a));
        widths
    }

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

    /// The input column that a pixel sees through a tap, if it lies inside the image.
    fn column(&self, pixel: usize, tap: usize) -> Option<usize> {
        (pixel * self.stride + tap * self.dilation).checked_sub(self.pad).filter(|&c| c < self.width)
    }

    fn is_interior(&self, first: usize, pixels: usize) -> bool {
        (first..first + pixels).all(|p| (0..self.taps).all(|t| self.column(p, t).is_some()))
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
        };
        let widths = self.cover();
        let (mut place, mut i) = (0, 0);
        while i < widths.len() {
            let pixels = widths[i];
            let run = widths[i..].iter().take_while(|&&w| w == pixels).count();
            let interior = (0..run).take_while(|r| self.is_interior(place + r * pixels, pixels)).count();
            if interior > 1 {
                k.repeat(interior as u64, |k| self.tile(k, &row, &Tile { first: None, pixels }));
            } else {
                self.tile(&mut k, &row, &Tile { first: Some(place), pixels });
            }
            let done = interior.max(1);
            place += done * pixels;
            i += done;
        }
        k.finish()
    }

    /// One tile; moves the row's registers past it.
    fn tile(&self, k: &mut Builder, row: &Row, tile: &Tile) {
        let sums: Vec<Vec<V>> =
            (0..tile.pixels).map(|_| (0..self.vectors).map(|_| k.vector()).collect()).collect();
        let bias = self.bias.then(|| k.arg(3));
        for v in 0..self.vectors {
            let first = sums[0][v];
            match bias {
                Some(bias) => k.load_lanes_to(first, bias.at((v as i64 * VECTOR) as i32), LANES),
                None => k.splat_to(first, 0.0),
            }
            for sum in &sums[1..] {
                k.mov_to(sum[v], first);
            }
        }
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
            for tap in 0..self.taps {
                for c in 0..channels {
                    self.term(k, tile, sums, x, weights, tap, c);
                }
            }
            k.advance(weights, line_of_weights);
        };
        match (self.row, row.taps, row.skip) {
            (Some(stride), Some(taps), Some(skip)) => {
                let x = k.copy(block);
                k.repeat(Trips::Reg(taps), |k| {
                    line(k, x);
                    k.advance(x, stride);
                });
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
        let inside = |p: usize| tile.first.is_none_or(|first| self.column(first + p, tap).is_some());
        let pixels: Vec<usize> = (0..tile.pixels).filter(|&p| inside(p)).collect();
        let at = |p: usize| {
            x.at(((p * self.stride + tap * self.dilation) as i64 * self.column) as i32 + 4 * c as i32)
        };
        let term = ((tap * self.block + c) as i64 * self.term) as i32;
        let weight = |v: usize| weights.at(term + v as i32 * VECTOR as i32);
        let cut = |v: usize| self.weights_cut && v + 1 == self.vectors && self.to.lanes < LANES;
        let load = |k: &mut Builder, v: usize| match cut(v) {
            true => k.load_lanes(weight(v), self.to.lanes),
            false => k.load(weight(v)),
        };
        if let [p] = pixels[..] {
            let x = k.broadcast(at(p));
            for v in 0..self.vectors {
                let w = if cut(v) { Operand::Reg(load(k, v)) } else { Operand::Mem(weight(v)) };
                k.fma(sums[p][v], x, w);
            }
        } else if pixels.len() <= self.vectors {
            let xs: Vec<V> = pixels.iter().map(|&p| k.broadcast(at(p))).collect();
            for v in 0..self.vectors {
                let w = if pixels.is_empty() { break } else { load(k, v) };
                for (&p, &x) in pixels.iter().zip(&xs) {
                    k.fma(sums[p][v], x, w);
                }
            }
        } else {
            let ws: Vec<V> = (0..self.vectors).map(|v| load(k, v)).collect();
            for &p in &pixels {
                let x = k.broadcast(at(p));
                for (v, &w) in ws.iter().enumerate() {
                    k.fma(sums[p][v], x, w);
                }
            }
        }
    }

    /// Runs the sums through the pipe and stores them.
    fn finish(&self, k: &mut Builder, at: P, sums: &[Vec<V>]) {
        let split = self.pipe.iter().position(Pointwise::is_heavy).unwrap_or(self.pipe.len());
        let (light, heavy) = self.pipe.split_at(split);
        for stage in light {
            for (p, sum) in sums.iter().enumerate() {
                for (v, &x) in sum.iter().enumerate() {
                    self.stage(k, at, stage, x, p, v);
                }
            }
        }
        let to = k.arg(0);
        for (p, sum) in sums.iter().enumerate() {
            for (v, &x) in sum.iter().enumerate() {
                self.store(k, to, at, x, p, v);
            }
        }
        if heavy.is_empty() {
            return;
        }
        // The sums fill the registers: what needs more of them takes the results back one by one.
        for p in 0..sums.len() {
            for v in 0..self.vectors {
                let x = k.load_lanes(to.indexed(at, 1, self.offset(p, v)), self.stored_lanes(v));
                for stage in heavy {
                    self.stage(k, at, stage, x, p, v);
                }
                self.store(k, to, at, x, p, v);
            }
        }
    }

    fn offset(&self, p: usize, v: usize) -> i32 {
        (p as i64 * self.to.pixel + v as i64 * self.to.vector) as i32
    }

    /// Lanes of vector `v` that exist in memory.
    fn stored_lanes(&self, v: usize) -> usize {
        if v + 1 == self.vectors && !self.to.padded { self.to.lanes } else { LANES }
    }

    fn store(&self, k: &mut Builder, to: P, at: P, x: V, p: usize, v: usize) {
        if v + 1 == self.vectors && self.to.padded && self.to.lanes < LANES {
            let mask = k.lane_mask(self.to.lanes);
            k.bin_to(Bin::And, x, x, mask);
        }
        k.store_lanes(x, to.indexed(at, 1, self.offset(p, v)), self.stored_lanes(v));
    }

    fn stage(&self, k: &mut Builder, at: P, stage: &Pointwise, x: V, p: usize, v: usize) {
        let (offset, lanes) = (self.offset(p, v), self.stored_lanes(v));
        stage.apply(k, x, &mut |k, source| {
            let address = |k: &mut Builder| -> Addr {
                match source {
                    Source::Same(arg) => k.arg(arg).indexed(at, 1, offset),
                    Source::Channel(arg) => k.arg(arg).at((v as i64 * VECTOR) as i32),
                    Source::Scalar(arg) => k.arg(arg).at(0),
                    Source::Constant(_) => unreachable!("a constant is no memory"),
                }
            };
            let address = address(k);
            match source {
                Source::Scalar(_) => Operand::Reg(k.broadcast(address)),
                _ => pointwise::operand(k, address, lanes),
            }
        });
    }
}
