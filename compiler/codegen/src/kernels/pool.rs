//! pool: a row of results, each the largest or the mean element under a sliding window.
//!
//! ```text
//! y[p] = pipe(max or sum / count over u, t of x[u, p * stride + t * dilation - pad])
//! ```
//!
//! Lanes are the channels of one block. `u` runs over the rows of the window that lie inside the image, a count given
//! at run time, `t` over its columns inside. A column is loaded once for all pixels of a tile that see it; each pixel
//! still takes its elements in ascending order.
//!
//! Arguments: result, input (column 0 of the first row inside the image), rows inside the image, the address of the
//! rows that count as f32 (for means), the table of a ring, then the operands of the pipe.

use super::fold::Fold;
use super::pointwise::Pointwise;
use super::row::{self, At, Columns, RowStep, Sum, Tile};
use crate::target::Target;
use crate::vasm::{Bin, Builder, Kernel, LANES, P, V, VECTOR};
use std::collections::BTreeMap;

/// The facts a pool kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    /// What is taken of the elements under a window.
    pub fold: Fold,
    /// For a mean, the columns that count under the window of each pixel.
    pub counts: Option<Vec<usize>>,
    /// The columns of the window.
    pub columns: Columns,
    /// Pixels of the widest register tile.
    pub tile: usize,
    /// From one row of the window to the next in the input.
    pub row: RowStep,
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
        self.columns.tiles(
            &mut k,
            self.tile,
            |pixels| Target::tile_cycles(pixels, 1),
            |k, tile| {
                let sums = self.fold.starts(k, tile.pixels);
                self.row.walk(k, taps, 4, input, |k, x| self.line(k, tile, &sums, x));
                self.divide(k, tile, &sums);
                let sum = |(p, &x): (usize, &V)| Sum {
                    x,
                    place: At { offset: p as i64 * VECTOR, channel: 0 },
                    upper: None,
                    lanes: self.lanes,
                    stored: LANES,
                };
                row::finish(k, &self.pipe, at, &sums.iter().enumerate().map(sum).collect::<Vec<Sum>>());
                k.advance(input, (tile.pixels * self.columns.stride) as i64 * VECTOR);
                k.advance(at, tile.pixels as i64 * VECTOR);
            },
        );
        k.finish()
    }

    /// Takes in one row of the window, for all pixels of the tile.
    fn line(&self, k: &mut Builder, tile: &Tile, sums: &[V], x: P) {
        let mut seen: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for tap in 0..self.columns.taps {
            for p in self.columns.inside(tile, tap) {
                seen.entry(self.columns.distance(p, tap)).or_default().push(p);
            }
        }
        for (column, pixels) in seen {
            let v = k.load(x.at(column as i64 * VECTOR));
            for p in pixels {
                self.fold.add(k, sums[p], v);
            }
        }
    }

    /// Makes means of sums: one division by the exact count.
    fn divide(&self, k: &mut Builder, tile: &Tile, sums: &[V]) {
        let Some(columns) = &self.counts else { return };
        let rows = k.arg(3);
        for (p, &sum) in sums.iter().enumerate() {
            // The windows of an interior tile lie inside the image with all their columns.
            let columns = tile.first.map_or(self.columns.taps, |first| columns[first + p]);
            let count = k.broadcast(rows.at(0));
            k.bin_to(Bin::Mul, count, count, columns as f32);
            k.bin_to(Bin::Div, sum, sum, count);
        }
    }
}
