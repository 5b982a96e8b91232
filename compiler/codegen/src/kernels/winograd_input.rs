//! winograd_input: a row of tiles of one channel block, transformed: `B' d B`.
//!
//! ```text
//! v[i, j, t] = sum over u, w of B'[i, u] C'[j, w] x[u, t * m * stride + w - pad]      B, C: of rows, of columns
//! ```
//!
//! Lanes are the channels of the block. A tile overlaps the next one; elements outside of the image are zeros. Rows are
//! transformed as they come and stored, columns then in place. The elements of a result lie a constant number of bytes
//! apart, the tiles of a row beside each other.
//!
//! Arguments: result, input (column 0 of the first row inside the image), rows inside the image, rows of the tile
//! above it, rows outside of it, the table of a ring.

use super::row::RowStep;
use super::winograd::{Axis, Transform};
use super::winograd_sums::{self, Abreast};
use crate::vasm::{Addr, Builder, Kernel, P, V, VECTOR};

/// The facts an input transform is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WinogradInput {
    /// Which transform.
    pub transform: Transform,
    /// Tiles of the row.
    pub tiles: usize,
    /// Columns left of the image that count.
    pub pad: usize,
    /// Columns of the image.
    pub width: usize,
    /// From one row of the image to the next.
    pub row: RowStep,
    /// Bytes from element to element of a tile's result.
    pub element: i64,
}

impl WinogradInput {
    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        self.write(name, 1)
    }

    /// Writes the kernel with wide vectors: two tiles at once.
    pub fn generate_wide(&self, name: &str) -> Option<Kernel> {
        (self.tiles > 1).then(|| self.write(name, 2))
    }

    fn write(&self, name: &str, abreast: usize) -> Kernel {
        let mut k = Builder::new(name);
        let (to, input, taps, above, outside) = (k.arg(0), k.arg(1), k.arg(2), k.arg(3), k.arg(4));
        let below = k.difference(outside, above);
        let to = k.copy(to);
        let x = k.offset(input, -(self.pad as i64) * VECTOR);
        let Transform { rows, columns } = self.transform;
        let (n, step) = (columns.size(), columns.results * columns.stride);
        let column =
            |tile: usize, j: usize| (tile * step + j).checked_sub(self.pad).filter(|&c| c < self.width);
        let is_whole = |tile: usize| (0..n).all(|j| column(tile, j).is_some());
        winograd_sums::tiles(&mut k, self.tiles, abreast, is_whole, |k, tiles| {
            let at = k.copy(to);
            self.zeros(k, tiles, above, at);
            self.row.walk(k, taps, 5, x, |k, x| {
                let load = |j: usize| {
                    let inside = tiles.tiles().map(|tile| tile.is_none_or(|tile| column(tile, j).is_some()));
                    let places = inside
                        .enumerate()
                        .map(|(i, inside)| inside.then(|| x.at((i * step + j) as i64 * VECTOR)));
                    match places.collect::<Vec<Option<Addr>>>()[..] {
                        [place] => place.map(|place| k.load(place)),
                        [None, None] => None,
                        [low, high, ..] => Some(k.load_halves([low, high])),
                        [] => None,
                    }
                };
                let line: Vec<Option<V>> = (0..n).map(load).collect();
                k.with_lanes(tiles.lanes(), |k| {
                    columns.spread(k, &line, |k, j, v| k.store(v, at.at(j as i64 * self.element)));
                });
                k.advance(at, n as i64 * self.element);
            });
            self.zeros(k, tiles, below, at);
            if rows != Axis::ONE {
                let at = k.copy(to);
                k.repeat(n as u64, |k| {
                    let row = |i: usize| at.at(i as i64 * n as i64 * self.element);
                    k.with_lanes(tiles.lanes(), |k| {
                        let line: Vec<Option<V>> = (0..rows.size()).map(|i| Some(k.load(row(i)))).collect();
                        rows.spread(k, &line, |k, i, v| k.store(v, row(i)));
                    });
                    k.advance(at, self.element);
                });
            }
            k.advance(x, (tiles.count * step) as i64 * VECTOR);
            k.advance(to, tiles.count as i64 * VECTOR);
        });
        k.finish()
    }

    /// Stores `rows` rows of zeros; moves `at` past them.
    fn zeros(&self, k: &mut Builder, tiles: Abreast, rows: P, at: P) {
        let n = self.transform.columns.size() as i64;
        k.repeat(rows, |k| {
            let zero = k.with_lanes(tiles.lanes(), |k| k.splat(0.0));
            for j in 0..n {
                k.store(zero, at.at(j * self.element));
            }
            k.advance(at, n * self.element);
        });
    }
}
