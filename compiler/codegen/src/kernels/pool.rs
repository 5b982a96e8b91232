//! pool: a row of results, each the largest or the mean element under a sliding window.
//!
//! ```text
//! y[p] = pipe(max or sum / count over u, t of x[u, p * stride + t * dilation - pad])
//! ```
//!
//! Lanes are the channels of one block. `u` runs over the rows of the window that lie inside the image, a count given
//! at run time, `t` over its columns inside. The largest of NaN and x is x: a comparison with NaN does not hold.
//!
//! Arguments: result, input (column 0 of the first row inside the image), rows inside the image, the address of the
//! rows that count as f32 (for means), then the operands of the pipe.

use super::pointwise::Pointwise;
use super::row::{self, Columns, Sum, Tile};
use crate::target::Target;
use crate::vasm::{Bin, Builder, Kernel, LANES, Operand, P, V};

/// Bytes of a vector.
const VECTOR: i64 = 4 * LANES as i64;

/// What a window is reduced to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reduce {
    /// The largest element, starting from minus infinity.
    Max,
    /// The sum of the elements over the rows that count times the columns that count, given for each pixel.
    Mean(Vec<u32>),
}

/// The facts a pool kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    /// What a window is reduced to.
    pub reduce: Reduce,
    /// The columns of the window.
    pub columns: Columns,
    /// Pixels of the widest register tile.
    pub tile: usize,
    /// Bytes from one row of the window to the next in the input.
    pub row: i64,
    /// Lanes that exist; the others are stored as zeros.
    pub lanes: usize,
    /// What is applied to the results.
    pub pipe: Vec<Pointwise>,
}

impl Pool {
    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let mut k = Builder::new(name);
        let from = k.arg(1);
        let input = k.offset(from, -(self.columns.pad as i64) * VECTOR);
        let at = k.set(0);
        let taps = k.arg(2);
        self.columns.tiles(&mut k, self.tile, |pixels| Target::tile_cycles(pixels, 1), |k, tile| {
            let sums: Vec<V> = (0..tile.pixels).map(|_| k.splat(self.start())).collect();
            let x = k.copy(input);
            k.repeat(taps, |k| {
                for tap in 0..self.columns.taps {
                    self.tap(k, tile, &sums, x, tap);
                }
                k.advance(x, self.row);
            });
            self.divide(k, tile, &sums);
            let sum = |(p, &x): (usize, &V)| Sum {
                x,
                offset: (p as i64 * VECTOR) as i32,
                channel: 0,
                lanes: self.lanes,
                stored: LANES,
            };
            row::finish(k, &self.pipe, at, &sums.iter().enumerate().map(sum).collect::<Vec<Sum>>());
            k.advance(input, (tile.pixels * self.columns.stride) as i64 * VECTOR);
            k.advance(at, tile.pixels as i64 * VECTOR);
        });
        k.finish()
    }

    fn start(&self) -> f32 {
        match self.reduce {
            Reduce::Max => f32::NEG_INFINITY,
            Reduce::Mean(_) => 0.0,
        }
    }

    /// Takes in one tap of a row of the window, for all pixels of the tile.
    fn tap(&self, k: &mut Builder, tile: &Tile, sums: &[V], x: P, tap: usize) {
        for p in self.columns.inside(tile, tap) {
            let at = x.at((self.columns.distance(p, tap) as i64 * VECTOR) as i32);
            match self.reduce {
                Reduce::Max => {
                    let element = k.load(at);
                    k.bin_to(Bin::Max, sums[p], element, sums[p]);
                }
                Reduce::Mean(_) => k.bin_to(Bin::Add, sums[p], sums[p], Operand::Mem(at)),
            }
        }
    }

    /// Makes means of sums: one division by the exact count.
    fn divide(&self, k: &mut Builder, tile: &Tile, sums: &[V]) {
        let Reduce::Mean(columns) = &self.reduce else { return };
        let counts = k.arg(3);
        for (p, &sum) in sums.iter().enumerate() {
            let columns = tile.first.map_or(self.columns.taps as u32, |first| columns[first + p]);
            let count = k.broadcast(counts.at(0));
            k.bin_to(Bin::Mul, count, count, Operand::Const((columns as f32).to_bits()));
            k.bin_to(Bin::Div, sum, sum, count);
        }
    }
}
