//! Rows of results under a sliding window: what the kernels that compute them share.
//!
//! A row is cut into register tiles, whose sums stay in registers over all terms. Taps left or right of the
//! image are left out when the code is generated, so the edges of a row have code of their own and its
//! interior is a loop.

use super::pointwise::{self, Pointwise, Source};
use crate::vasm::{Addr, Bin, Builder, Operand, P, V};

/// The columns of the image that the windows of a row see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Columns {
    /// Results along the row.
    pub pixels: usize,
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
}

/// Pixels that one tile computes, and where.
pub(super) struct Tile {
    /// The first pixel, or `None` in the loop over interior tiles.
    pub first: Option<usize>,
    pub pixels: usize,
}

impl Columns {
    /// The input column that a pixel sees through a tap, if it lies inside the image.
    fn column(&self, pixel: usize, tap: usize) -> Option<usize> {
        (pixel * self.stride + tap * self.dilation).checked_sub(self.pad).filter(|&c| c < self.width)
    }

    fn is_interior(&self, first: usize, pixels: usize) -> bool {
        let last = self.distance(first + pixels - 1, self.taps - 1);
        first * self.stride >= self.pad && last < self.width + self.pad
    }

    /// The pixels of a tile that see the image through a tap.
    pub(super) fn inside(&self, tile: &Tile, tap: usize) -> Vec<usize> {
        let sees = |p: &usize| tile.first.is_none_or(|first| self.column(first + p, tap).is_some());
        (0..tile.pixels).filter(sees).collect()
    }

    /// Columns from the first column of a tile's first window to that of a pixel through a tap.
    pub(super) fn distance(&self, pixel: usize, tap: usize) -> usize {
        pixel * self.stride + tap * self.dilation
    }

    /// The widths of the tiles that cover the row, least total `cycles` first found, wide ones first.
    fn cover(&self, widest: usize, cycles: impl Fn(usize) -> f64) -> Vec<usize> {
        let mut best: Vec<(f64, usize)> = vec![(0.0, 0)];
        for n in 1..=self.pixels {
            let choice = (1..=widest.min(n))
                .map(|p| (best[n - p].0 + cycles(p), p))
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

    /// Writes the tiles of the row; `tile` moves the row's registers past each.
    pub(super) fn tiles(
        &self,
        k: &mut Builder,
        widest: usize,
        cycles: impl Fn(usize) -> f64,
        tile: impl Fn(&mut Builder, &Tile),
    ) {
        let widths = self.cover(widest, cycles);
        let (mut place, mut i) = (0, 0);
        while i < widths.len() {
            let pixels = widths[i];
            let run = widths[i..].iter().take_while(|&&w| w == pixels).enumerate();
            let interior = run.take_while(|(r, _)| self.is_interior(place + r * pixels, pixels)).count();
            if interior > 1 {
                k.repeat(interior as u64, |k| tile(k, &Tile { first: None, pixels }));
            } else {
                tile(k, &Tile { first: Some(place), pixels });
            }
            let done = interior.max(1);
            place += done * pixels;
            i += done;
        }
    }
}

/// How a window goes from one row of the image to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowStep {
    /// So many bytes further.
    Bytes(i64),
    /// Around a ring: by the 64-bit distances of a table, from the entry of the first row on.
    Ring {
        /// Rows, and thereby entries, between taps.
        dilation: usize,
    },
}

impl RowStep {
    /// Repeats `line` for `taps` rows from `x` on; a ring's table is the argument of that index.
    pub(super) fn walk(
        self,
        k: &mut Builder,
        taps: P,
        table: u32,
        x: P,
        mut line: impl FnMut(&mut Builder, P),
    ) {
        let x = k.copy(x);
        match self {
            RowStep::Bytes(bytes) => k.repeat(taps, |k| {
                line(k, x);
                k.advance(x, bytes);
            }),
            RowStep::Ring { dilation } => {
                let entry = k.arg(table);
                k.repeat(taps, |k| {
                    line(k, x);
                    let distance = k.load_word(entry.at(0));
                    k.advance_by(x, distance);
                    k.advance(entry, 8 * dilation as i64);
                });
            }
        }
    }
}

/// Where a vector of results goes.
#[derive(Clone, Copy)]
pub(super) struct At {
    /// Bytes from where the tile's results start, the same in operands of the result's shape.
    pub offset: i64,
    /// Bytes to its channels in an operand of one number a channel.
    pub channel: i64,
}

/// A vector of results in a register, and where it goes.
pub(super) struct Sum {
    pub x: V,
    pub place: At,
    /// Of the upper half, if the vector is wide.
    pub upper: Option<At>,
    /// Lanes that exist.
    pub lanes: usize,
    /// Lanes that are there in memory; those that do not exist become zero.
    pub stored: usize,
}

/// Runs sums through a pipe and stores them, `at` bytes from the start of the result, argument 0.
pub(super) fn finish(k: &mut Builder, pipe: &[Pointwise], at: P, sums: &[Sum]) {
    let split = pipe.iter().position(Pointwise::is_heavy).unwrap_or(pipe.len());
    let (light, heavy) = pipe.split_at(split);
    apply(k, light, at, sums);
    for sum in sums {
        sum.clear(k);
        sum.store(k, at);
    }
    if heavy.is_empty() {
        return;
    }
    // The sums fill the registers: what needs more of them takes the results back one by one.
    let to = k.arg(0);
    for sum in sums {
        let x = match sum.halves(|place| to.indexed(at, 1, place.offset)) {
            (low, None) => k.load_lanes(low, sum.stored),
            (low, high) => k.load_halves([Some(low), high]),
        };
        let sum = Sum { x, ..*sum };
        for stage in heavy {
            sum.stage(k, at, stage);
        }
        sum.clear(k);
        sum.store(k, at);
    }
}

/// Runs sums through a pipe of light functions.
pub(super) fn apply(k: &mut Builder, pipe: &[Pointwise], at: P, sums: &[Sum]) {
    for stage in pipe {
        for sum in sums {
            sum.stage(k, at, stage);
        }
    }
}

impl Sum {
    /// Makes the lanes zero that do not exist.
    pub(super) fn clear(&self, k: &mut Builder) {
        if self.lanes < self.stored {
            let mask = k.lane_mask(self.lanes);
            k.bin_to(Bin::And, self.x, self.x, mask);
        }
    }

    pub(super) fn store(&self, k: &mut Builder, at: P) {
        let to = k.arg(0);
        match self.halves(|place| to.indexed(at, 1, place.offset)) {
            (low, None) => k.store_lanes(self.x, low, self.stored),
            (low, Some(high)) => k.store_halves(self.x, [low, high]),
        }
    }

    /// The addresses of its halves, or of all of it.
    fn halves(&self, address: impl Fn(At) -> Addr) -> (Addr, Option<Addr>) {
        (address(self.place), self.upper.map(address))
    }

    /// What lies beside it in an operand.
    fn operand(&self, k: &mut Builder, address: impl Fn(At) -> Addr) -> Operand {
        match self.halves(address) {
            (low, None) => pointwise::operand(k, low, self.stored),
            (low, high) => Operand::Reg(k.load_halves([Some(low), high])),
        }
    }

    fn stage(&self, k: &mut Builder, at: P, stage: &Pointwise) {
        k.with_lanes(self.x.lanes(), |k| self.apply(k, at, stage));
    }

    fn apply(&self, k: &mut Builder, at: P, stage: &Pointwise) {
        stage.apply(k, self.x, &mut |k, source| match source {
            Source::Same(arg) => {
                let p = k.arg(arg);
                self.operand(k, |place| p.indexed(at, 1, place.offset))
            }
            Source::Channel(arg) => {
                let p = k.arg(arg);
                self.operand(k, |place| p.at(place.channel))
            }
            Source::Scalar(arg) => {
                let p = k.arg(arg);
                Operand::Reg(k.broadcast(p.at(0)))
            }
            Source::Constant(_) => unreachable!("a constant is no memory"),
        });
    }
}

/// As many registers that all start as the vector at an address, or as zeros.
pub(super) fn sums(k: &mut Builder, count: usize, bias: Option<crate::vasm::Addr>) -> Vec<V> {
    let sums: Vec<V> = (0..count).map(|_| k.vector()).collect();
    match bias {
        Some(bias) => k.load_lanes_to(sums[0], bias, sums[0].lanes()),
        None => k.splat_to(sums[0], 0.0),
    }
    for &sum in &sums[1..] {
        k.mov_to(sum, sums[0]);
    }
    sums
}
