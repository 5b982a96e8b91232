//! grouped: a row of a convolution whose groups of channels each lie within one vector; depthwise is groups
//! of one.
//!
//! ```text
//! y[p, o] = pipe(bias[o] + sum over u, t, s of x[u, p * stride + t * dilation - pad, c] * w[u, t, s, o])
//! c = o / group * group + (o + s) % group
//! ```
//!
//! Lanes are the channels of one block, in and out. `u` runs over the rows of the window that lie inside the
//! image, a count given at run time, `t` over its columns, and `s` over the rotations that bring every input
//! of a group under each of its outputs: lane `o` of rotation `s` meets input `c`. A pixel is loaded once for
//! all of them; in groups of one it is an operand of the multiply-add itself.
//!
//! Arguments: result, input (column 0 of the first row inside the image), weights `[u][t][s][o]` (at that
//! row's taps), bias, rows inside the image, the table of a ring, then the operands of the pipe.

use super::pointwise::Pointwise;
use super::row::{self, At, Columns, RowStep, Sum, Tile};
use crate::target::Target;
use crate::vasm::{Builder, Kernel, LANES, P, Un, V, VECTOR, WIDE};

/// The facts a grouped kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grouped {
    /// Channels of a group: 1, 2 or 4.
    pub group: usize,
    /// The columns of the window.
    pub columns: Columns,
    /// Pixels of the widest register tile.
    pub tile: usize,
    /// From one row of the window to the next in the input.
    pub row: RowStep,
    /// Whether the sum starts from a bias.
    pub bias: bool,
    /// Lanes that exist; the others are stored as zeros.
    pub lanes: usize,
    /// What is applied to the sums.
    pub pipe: Vec<Pointwise>,
}

/// Neighbouring pixels whose sums lie in one register: one, or two in a wide one.
struct Run {
    /// The first one, counted in the tile.
    first: usize,
    /// Its sum, or theirs.
    sum: V,
}

impl Grouped {
    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        self.write(name, 1)
    }

    /// Writes the kernel with wide vectors: two pixels side by side, where their windows are.
    pub fn generate_wide(&self, name: &str) -> Option<Kernel> {
        (self.columns.stride == 1 && self.columns.pixels > 1 && self.lanes == LANES)
            .then(|| self.write(name, 2))
    }

    fn write(&self, name: &str, abreast: usize) -> Kernel {
        let mut k = Builder::new(name);
        let from = k.arg(1);
        let input = k.offset(from, -(self.columns.pad as i64) * VECTOR);
        let at = k.set(0);
        let taps = k.arg(4);
        let cycles = |pixels: usize| self.group as f64 * Target::tile_cycles(pixels.div_ceil(abreast), 1);
        self.columns.tiles(&mut k, abreast * self.tile, cycles, |k, tile| {
            let runs = self.runs(k, tile, abreast);
            let weights = k.arg(2);
            self.row.walk(k, taps, 5, input, |k, x| {
                for tap in 0..self.columns.taps {
                    self.tap(k, tile, &runs, x, weights, tap);
                }
                k.advance(weights, (self.columns.taps * self.group) as i64 * VECTOR);
            });
            row::finish(k, &self.pipe, at, &runs.iter().map(|run| self.sum(run)).collect::<Vec<Sum>>());
            k.advance(input, (tile.pixels * self.columns.stride) as i64 * VECTOR);
            k.advance(at, tile.pixels as i64 * VECTOR);
        });
        k.finish()
    }

    /// The pixels of a tile, up to `abreast` of them side by side as long as they see the image through the same taps;
    /// their sums start.
    fn runs(&self, k: &mut Builder, tile: &Tile, abreast: usize) -> Vec<Run> {
        let taps = |pixel: &usize| -> Vec<bool> {
            (0..self.columns.taps).map(|tap| self.columns.inside(tile, tap).contains(pixel)).collect()
        };
        let bias = self.bias.then(|| k.arg(3).at(0));
        let (mut runs, mut first) = (Vec::new(), 0);
        while first < tile.pixels {
            let is_pair = abreast > 1 && first + 1 < tile.pixels && taps(&first) == taps(&(first + 1));
            let sum = match (is_pair, bias) {
                (true, Some(bias)) => k.load_halves([Some(bias); 2]),
                (false, Some(bias)) => k.load(bias),
                (true, None) => k.with_lanes(WIDE, |k| k.splat(0.0)),
                (false, None) => k.splat(0.0),
            };
            runs.push(Run { first, sum });
            first += if is_pair { 2 } else { 1 };
        }
        runs
    }

    /// Adds the terms of one tap of a row of the window, for all pixels of the tile.
    fn tap(&self, k: &mut Builder, tile: &Tile, runs: &[Run], x: P, weights: P, tap: usize) {
        let inside = self.columns.inside(tile, tap);
        let runs: Vec<&Run> = runs.iter().filter(|run| inside.contains(&run.first)).collect();
        let is_wide = runs.iter().any(|run| run.sum.lanes() == WIDE);
        if runs.is_empty() {
            return;
        }
        let weight = |s: usize| weights.at((tap * self.group + s) as i64 * VECTOR);
        let load = |s: usize| if is_wide { k.load_halves([Some(weight(s)); 2]) } else { k.load(weight(s)) };
        let w: Vec<V> = (0..self.group).map(load).collect();
        // The same for single pixels.
        let is_mixed = is_wide && runs.iter().any(|run| run.sum.lanes() < WIDE);
        let single: Vec<V> = if is_mixed { w.iter().map(|&w| k.lower(w)).collect() } else { w.clone() };
        for &&Run { first, sum } in &runs {
            let w = if sum.lanes() == WIDE { &w } else { &single };
            let at = x.at(self.columns.distance(first, tap) as i64 * VECTOR);
            if self.group == 1 {
                k.fma(sum, w[0], at);
                continue;
            }
            let pixels = k.with_lanes(sum.lanes(), |k| k.load(at));
            k.fma(sum, pixels, w[0]);
            for (s, &w) in w.iter().enumerate().skip(1) {
                let rotated = k.un(Un::Permute(rotation(self.group, s)), pixels);
                k.fma(sum, rotated, w);
            }
        }
    }

    fn sum(&self, run: &Run) -> Sum {
        let at = |pixel: usize| At { offset: pixel as i64 * VECTOR, channel: 0 };
        let is_wide = run.sum.lanes() == WIDE;
        Sum {
            x: run.sum,
            place: at(run.first),
            upper: is_wide.then(|| at(run.first + 1)),
            lanes: if is_wide { WIDE } else { self.lanes },
            stored: run.sum.lanes(),
        }
    }
}

/// The permutation of four lanes that gives lane `i` the one `s` further within its group.
fn rotation(group: usize, s: usize) -> u8 {
    (0..4).map(|i| ((i / group * group + (i + s) % group) as u8) << (2 * i)).sum()
}
