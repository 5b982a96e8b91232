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
use super::row::{self, At, Sum};
use super::winograd::{Axis, Transform};
use super::winograd_sums;
use crate::vasm::{Bin, Builder, Kernel, LANES, V, VECTOR, WIDE};

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
        self.write(name, 1)
    }

    /// Writes the kernel with wide vectors: two tiles at once, where all lanes are there.
    pub fn generate_wide(&self, name: &str) -> Option<Kernel> {
        let tiles = self.width.div_ceil(self.transform.columns.results);
        (tiles > 1 && self.lanes == LANES).then(|| self.write(name, 2))
    }

    fn write(&self, name: &str, abreast: usize) -> Kernel {
        let mut k = Builder::new(name);
        let (products, inside) = (k.arg(1), k.arg(3));
        let bias = self.bias.then(|| k.arg(2));
        let from = k.copy(products);
        let to = k.set(0);
        let Transform { rows, columns } = self.transform;
        let (n, m) = (columns.size(), columns.results);
        let row = self.width as i64 * VECTOR;
        let count = |tile: Option<usize>| tile.map_or(m, |tile| m.min(self.width - tile * m));
        let is_whole = |tile: usize| count(Some(tile)) == m;
        winograd_sums::tiles(&mut k, self.width.div_ceil(m), abreast, is_whole, |k, tiles| {
            let lanes = tiles.lanes();
            if rows != Axis::ONE {
                let at = k.copy(from);
                k.repeat(n as u64, |k| {
                    let line = |i: usize| at.at(i as i64 * n as i64 * self.element);
                    k.with_lanes(lanes, |k| {
                        let column: Vec<V> = (0..rows.size()).map(|i| k.load(line(i))).collect();
                        for (i, v) in rows.gather(k, &column, rows.results).into_iter().enumerate() {
                            k.store(v, line(i));
                        }
                    });
                    k.advance(at, self.element);
                });
            }
            // Results of each tile.
            let counts: Vec<usize> = tiles.tiles().map(count).collect();
            let (at, result) = (k.copy(from), k.copy(to));
            k.repeat(inside, |k| {
                let results = k.with_lanes(lanes, |k| {
                    let line: Vec<V> = (0..n).map(|j| k.load(at.at(j as i64 * self.element))).collect();
                    columns.gather(k, &line, counts[0])
                });
                let wide = bias.filter(|_| tiles.count > 1).map(|bias| k.load_halves([Some(bias.at(0)); 2]));
                for &x in &results {
                    match (wide, bias) {
                        (Some(bias), _) => k.bin_to(Bin::Add, x, x, bias),
                        (_, Some(bias)) => k.bin_to(Bin::Add, x, x, bias.at(0)),
                        _ => {}
                    }
                }
                let sums = results.into_iter().enumerate().map(|(w, x)| self.sum(k, &counts, w, x));
                let sums: Vec<Sum> = sums.collect();
                row::finish(k, &self.pipe, result, &sums);
                k.advance(at, n as i64 * self.element);
                k.advance(result, row);
            });
            k.advance(from, tiles.count as i64 * VECTOR);
            k.advance(to, (tiles.count * m) as i64 * VECTOR);
        });
        k.finish()
    }

    /// The results at column `w` of tiles side by side that have so many columns, the first of them at least that.
    fn sum(&self, k: &mut Builder, counts: &[usize], w: usize, x: V) -> Sum {
        let m = self.transform.columns.results;
        let at = |tile: usize| At { offset: (tile * m + w) as i64 * VECTOR, channel: 0 };
        let upper = counts.get(1).filter(|&&count| w < count).map(|_| at(1));
        let x = if counts.len() > 1 && upper.is_none() { k.lower(x) } else { x };
        let stored = if upper.is_some() { WIDE } else { LANES };
        let lanes = if upper.is_some() { WIDE } else { self.lanes };
        Sum { x, place: at(0), upper, lanes, stored }
    }
}
