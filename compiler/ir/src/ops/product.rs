//! The matrix product behind convolution, gemm and matmul.
//!
//!     y[i,j] = y[i,j] + a[i,0] * b[0,j] + a[i,1] * b[1,j] + ..
//!
//! Terms are added in ascending order of k, each product rounded before it is added, to what y held before: the bits
//! of a result depend on nothing else. Columns are packed into panels of [`LANES`], so that the innermost loop is
//! over neighbouring lanes and a compiler makes vectors of it; panels run in parallel.

use crate::Real;
use rayon::prelude::*;

/// Columns of a panel.
pub(super) const LANES: usize = 16;

/// Columns that start together, row by row; lanes behind the last column may hold anything.
pub(super) type Panel<T> = [[T; LANES]];

/// Adds the product of a, with `depth` columns, and b to y, whose rows have `columns` elements. `pack` fills a panel
/// with the columns of b from a given one on.
pub(super) fn add_product<T: Real>(
    y: &mut [T],
    columns: usize,
    depth: usize,
    a: impl Fn(usize, usize) -> T + Sync,
    pack: impl Fn(usize, &mut Panel<T>) + Sync,
) {
    if y.is_empty() {
        return;
    }
    let sums: &[T] = y;
    let done: Vec<Vec<T>> = (0..columns.div_ceil(LANES))
        .into_par_iter()
        .map_init(
            || vec![[T::default(); LANES]; depth],
            |panel, p| {
                let lanes = p * LANES..columns.min((p + 1) * LANES);
                pack(lanes.start, panel);
                let mut out = Vec::with_capacity(sums.len() / columns * lanes.len());
                for (i, row) in sums.chunks(columns).enumerate() {
                    let mut sum = [T::default(); LANES];
                    sum[..lanes.len()].copy_from_slice(&row[lanes.clone()]);
                    for (k, b) in panel.iter().enumerate() {
                        let a = a(i, k);
                        for (sum, &b) in sum.iter_mut().zip(b) {
                            *sum += a * b;
                        }
                    }
                    out.extend_from_slice(&sum[..lanes.len()]);
                }
                out
            },
        )
        .collect();
    for (p, panel) in done.iter().enumerate() {
        let lanes = p * LANES..columns.min((p + 1) * LANES);
        for (row, sum) in y.chunks_mut(columns).zip(panel.chunks(lanes.len())) {
            row[lanes.clone()].copy_from_slice(sum);
        }
    }
}

/// A matrix by the distances of neighbours down a column and along a row, so that a transposed one is none of its own.
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

    /// Fills a panel with its columns from `first` on; there are `columns` of them.
    pub(super) fn pack(&self, columns: usize, first: usize, panel: &mut Panel<T>) {
        let lanes = LANES.min(columns - first);
        for (k, line) in panel.iter_mut().enumerate() {
            for (lane, element) in line[..lanes].iter_mut().enumerate() {
                *element = self.at(k, first + lane);
            }
        }
    }
}
