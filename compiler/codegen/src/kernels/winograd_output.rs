//! winograd_output: a row of tiles of results of one channel block, out of products: `A' m A`.
//!
//! ```text
//! y[u, t * m + w] = pipe(bias + sum over i, j of A'[u, i] D'[w, j] p[i, j, t])      A, D: of rows, of columns
//! ```
//!
//! Lanes are the channels of the block. Columns are transformed first, in place of the products, then the rows that
//! lie inside the image, a count given at run time.
//!
//! Arguments: result, products, bias, rows inside the image, then the operands of the pipe.

use super::pointwise::Pointwise;
use super::row::{self, Sum};
use super::winograd::{self, Axis, Transform};
use crate::vasm::{Bin, Builder, Kernel, LANES, V};

/// Bytes of a vector.
const VECTOR: i64 = 4 * LANES as i64;

/// The facts an output transform is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WinogradOutput {
    /// Which transform.
    pub transform: Transform,
    /// Columns of the result.
    pub width: usize,
    /// Bytes from element to element of a tile's products.
    pub element: i64,
    /// Whether the sum starts from a bias.
    pub bias: bool,
    /// Lanes that exist; the others are stored as zeros.
    pub lanes: usize,
    /// What is applied to the results.
    pub pipe: Vec<Pointwise>,
}

impl WinogradOutput {
    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let mut k = Builder::new(name);
        let (products, inside) = (k.arg(1), k.arg(3));
        let bias = self.bias.then(|| k.arg(2));
        let from = k.copy(products);
        let to = k.set(0);
        let Transform { rows, columns } = self.transform;
        let (n, m) = (columns.size(), columns.results);
        let row = self.width as i64 * VECTOR;
        let count = |tile: usize| m.min(self.width - tile * m);
        let is_whole = |tile: usize| count(tile) == m;
        winograd::tiles(&mut k, self.width.div_ceil(m), is_whole, |k, tile| {
            let count = tile.map_or(m, count);
            if rows != Axis::ONE {
                let at = k.copy(from);
                k.repeat(n as u64, |k| {
                    let line = |i: usize| at.at((i as i64 * n as i64 * self.element) as i32);
                    let column: Vec<V> = (0..rows.size()).map(|i| k.load(line(i))).collect();
                    for (i, v) in rows.gather(k, &column, rows.results).into_iter().enumerate() {
                        k.store(v, line(i));
                    }
                    k.advance(at, self.element);
                });
            }
            let (at, result) = (k.copy(from), k.copy(to));
            k.repeat(inside, |k| {
                let line: Vec<V> = (0..n).map(|j| k.load(at.at((j as i64 * self.element) as i32))).collect();
                let results = columns.gather(k, &line, count);
                for &x in &results {
                    if let Some(bias) = bias {
                        k.bin_to(Bin::Add, x, x, bias.at(0));
                    }
                }
                let sum = |(w, x)| Sum {
                    x,
                    offset: (w as i64 * VECTOR) as i32,
                    upper: None,
                    channel: 0,
                    lanes: self.lanes,
                    stored: LANES,
                };
                let sums: Vec<Sum> = results.into_iter().enumerate().map(sum).collect();
                row::finish(k, &self.pipe, result, &sums);
                k.advance(at, n as i64 * self.element);
                k.advance(result, row);
            });
            k.advance(from, VECTOR);
            k.advance(to, m as i64 * VECTOR);
        });
        k.finish()
    }
}
