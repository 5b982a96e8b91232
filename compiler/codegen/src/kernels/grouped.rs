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
use crate::vasm::{Builder, Kernel, LANES, P, Un, V};

/// Bytes of a vector.
const VECTOR: i64 = 4 * LANES as i64;

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

impl Grouped {
    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let mut k = Builder::new(name);
        let from = k.arg(1);
        let input = k.offset(from, -(self.columns.pad as i64) * VECTOR);
        let at = k.set(0);
        let taps = k.arg(4);
        let cycles = |pixels| self.group as f64 * Target::tile_cycles(pixels, 1);
        self.columns.tiles(&mut k, self.tile, cycles, |k, tile| {
            let bias = self.bias.then(|| k.arg(3).at(0));
            let sums = row::sums(k, tile.pixels, bias);
            let weights = k.arg(2);
            self.row.walk(k, taps, 5, input, |k, x| {
                for tap in 0..self.columns.taps {
                    self.tap(k, tile, &sums, x, weights, tap);
                }
                k.advance(weights, (self.columns.taps * self.group) as i64 * VECTOR);
            });
            let sum = |(p, &x): (usize, &V)| Sum {
                x,
                place: At { offset: (p as i64 * VECTOR) as i32, channel: 0 },
                upper: None,
                lanes: self.lanes,
                stored: LANES,
            };
            row::finish(k, &self.pipe, at, &sums.iter().enumerate().map(sum).collect::<Vec<Sum>>());
            k.advance(input, (tile.pixels * self.columns.stride) as i64 * VECTOR);
            k.advance(at, tile.pixels as i64 * VECTOR);
        });
        k.finish()
    }

    /// Adds the terms of one tap of a row of the window, for all pixels of the tile.
    fn tap(&self, k: &mut Builder, tile: &Tile, sums: &[V], x: P, weights: P, tap: usize) {
        let pixels = self.columns.inside(tile, tap);
        if pixels.is_empty() {
            return;
        }
        let weight = |s: usize| weights.at(((tap * self.group + s) as i64 * VECTOR) as i32);
        let w: Vec<V> = (0..self.group).map(|s| k.load(weight(s))).collect();
        for p in pixels {
            let at = x.at((self.columns.distance(p, tap) as i64 * VECTOR) as i32);
            if self.group == 1 {
                k.fma(sums[p], w[0], at);
                continue;
            }
            let pixel = k.load(at);
            k.fma(sums[p], pixel, w[0]);
            for (s, &w) in w.iter().enumerate().skip(1) {
                let rotated = k.un(Un::Permute(rotation(self.group, s)), pixel);
                k.fma(sums[p], rotated, w);
            }
        }
    }
}

/// The permutation of four lanes that gives lane `i` the one `s` further within its group.
fn rotation(group: usize, s: usize) -> u8 {
    (0..4).map(|i| ((i / group * group + (i + s) % group) as u8) << (2 * i)).sum()
}
