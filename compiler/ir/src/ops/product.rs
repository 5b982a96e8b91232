//! The matrix product behind convolution, gemm and matmul.
//!
//!     y[i,j] = y[i,j] + a[i,0] * b[0,j] + a[i,1] * b[1,j] + ..
//!
//! Terms are added in ascending order of k, each product rounded before it is added, to what y held before:
//! the bits of a result depend on nothing else. b is packed into panels of [`LANES`] columns and [`DEPTH`]
//! rows, which stay in the cache while every row of a goes through them, and the innermost loop is over
//! neighbouring lanes, so that a compiler makes vectors of it. Panels of different columns run in parallel.

use crate::Real;
use rayon::prelude::*;
use std::ops::Range;

/// Columns of a panel.
pub(super) const LANES: usize = 32;

/// The most rows of a panel.
const DEPTH: usize = 256;

/// Terms that are added in one pass over the sums.
const TERMS: usize = 4;

/// Some columns of some rows of b, row by row; lanes behind the last column may hold anything.
pub(super) type Panel<T> = [[T; LANES]];

/// Adds the product of a, with `depth` columns, and b to y, whose rows have `columns` elements. `pack` fills
/// a panel with those rows of b, from the given column on.
pub(super) fn add_product<T: Real>(
    y: &mut [T],
    columns: usize,
    depth: usize,
    a: impl Fn(usize, usize) -> T + Sync,
    pack: impl Fn(Range<usize>, usize, &mut Panel<T>) + Sync,
) {
    if y.is_empty() {
        return;
    }
    let lanes = |p: usize| p * LANES..columns.min((p + 1) * LANES);
    let add_panels = |panel: &mut Vec<[T; LANES]>, p: usize| {
        let mut sums = vec![[T::default(); LANES]; y.len() / columns];
        for (sum, row) in sums.iter_mut().zip(y.chunks(columns)) {
            sum[..lanes(p).len()].copy_from_slice(&row[lanes(p)]);
        }
        for first in (0..depth).step_by(DEPTH) {
            let panel = &mut panel[..DEPTH.min(depth - first)];
            pack(first..first + panel.len(), p * LANES, panel);
            for (i, sum) in sums.iter_mut().enumerate() {
                add_row(sum, panel, |k| a(i, first + k));
            }
        }
        sums
    };
    let panels: Vec<_> = (0..columns.div_ceil(LANES))
        .into_par_iter()
        .map_init(|| vec![[T::default(); LANES]; DEPTH.min(depth)], add_panels)
        .collect();
    for (p, sums) in panels.iter().enumerate() {
        for (row, sum) in y.chunks_mut(columns).zip(sums) {
            row[lanes(p)].copy_from_slice(&sum[..lanes(p).len()]);
        }
    }
}

/// Adds the product of a row of a and a panel.
fn add_row<T: Real>(sums: &mut [T; LANES], panel: &Panel<T>, a: impl Fn(usize) -> T) {
    let (blocks, rest) = panel.as_chunks::<TERMS>();
    for (block, b) in blocks.iter().enumerate() {
        let a: [T; TERMS] = std::array::from_fn(|term| a(block * TERMS + term));
        for lane in 0..LANES {
            sums[lane] = (0..TERMS).fold(sums[lane], |sum, term| sum + a[term] * b[term][lane]);
        }
    }
    for (k, b) in rest.iter().enumerate() {
        let a = a(blocks.len() * TERMS + k);
        for lane in 0..LANES {
            sums[lane] += a * b[lane];
        }
    }
}

/// A matrix by the distances of neighbours down a column and along a row, so that a transposed one is none of
/// its own.
pub(super) struct Matrix<'a, T> {
    /// The elements.
    pub(super) elements: &'a [T],
    /// From a row to the next, and from a column to the next.
    pub(super) strides: (usize, usize),
}

impl<T: Real> Matrix<'_, T> {
    /// Its element in row i and column k.
    pub(super) fn at(&self, i: usize, k: usize) -> T {
        self.elements[i * self.strides.0 + k * self.strides.1]
    }

    /// Fills a panel with some of its rows, from column `first` of `columns` on, reading along its memory.
    pub(super) fn pack(&self, rows: Range<usize>, first: usize, columns: usize, panel: &mut Panel<T>) {
        let lanes = LANES.min(columns - first);
        if self.strides.0 < self.strides.1 {
            for lane in 0..lanes {
                for (k, line) in rows.clone().zip(panel.iter_mut()) {
                    line[lane] = self.at(k, first + lane);
                }
            }
        } else {
            for (k, line) in rows.zip(panel) {
                for (lane, element) in line[..lanes].iter_mut().enumerate() {
                    *element = self.at(k, first + lane);
                }
            }
        }
    }
}
