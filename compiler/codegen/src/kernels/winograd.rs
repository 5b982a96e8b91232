//! Winograd's convolution: what tiles, filters and results are multiplied by.
//!
//! ```text
//! y = A' ((G g G') * (B' d B)) A      d: a tile of n x n elements, g: r x r taps, y: m x m results, n = m + r - 1
//! ```
//!
//! The products of elements by `*` are the only ones that meet all input and output channels: n^2 for m^2 results
//! instead of m^2 r^2. Rows and columns have matrices of their own; where there is one tap, as along the rows of a 1x7
//! window, they are 1. With `P(x)` the product of `x - q` over all points `q`, and `p` one of them:
//!
//! ```text
//! B', row of p: the coefficients of P(x) / (x - p)       row of infinity: those of P(x)
//! G,  row of p: 1, p, .. p^(r-1) over P'(p)              row of infinity: 0, .. 0, 1
//! A', row of i: p^i at every point p                     at infinity 1 in the last row, 0 in the others
//! ```
//!
//! Points are 0, pairs of `p` and `-p`, and infinity: the rows of a pair share their even and their odd half. Pairs of
//! inverses keep the coefficients small: n = 6 with 2/3 and 3/2 loses no more digits than the direct sum, and n = 10
//! along one dimension less than one digit.
//!
//! Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308; the choice of points:
//! Alam et al., Winograd Convolution for Deep Neural Networks: Efficient Point Selection, ACM TECS 2022.

use crate::vasm::{Bin, Builder, V};

/// Taps along one dimension, at most.
const MOST_TAPS: usize = 8;

/// F(m x m', r x r'): a tile by rows and by columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transform {
    /// Along the rows of an image.
    pub rows: Axis,
    /// Along its columns.
    pub columns: Axis,
}

/// F(m, r): a tile along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    /// Results, m.
    pub results: usize,
    /// Taps, r.
    pub taps: usize,
}

impl Transform {
    /// Elements of a tile.
    pub fn elements(self) -> usize {
        self.rows.size() * self.columns.size()
    }

    /// `G g G'` of several filters side by side, whose taps are `g`; `out` takes its elements one by one. The matrices
    /// are those of [`Axis::filter`] for rows and columns. In f64.
    pub fn filters<const N: usize>(
        [rows, columns]: &[Vec<Vec<f64>>; 2],
        g: &[[f64; N]],
        mut out: impl FnMut([f64; N]),
    ) {
        let taps = columns[0].len();
        let mut half = [[0.0; N]; MOST_TAPS];
        for row in rows {
            for (v, sum) in half[..taps].iter_mut().enumerate() {
                *sum = [0.0; N];
                for (u, &c) in row.iter().enumerate() {
                    accumulate(sum, c, &g[u * taps + v]);
                }
            }
            for column in columns {
                let mut sum = [0.0; N];
                for (half, &c) in half.iter().zip(column) {
                    accumulate(&mut sum, c, half);
                }
                out(sum);
            }
        }
    }
}

impl std::fmt::Display for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Transform { rows, columns } = self;
        write!(f, "F({}x{}, {}x{})", rows.results, columns.results, rows.taps, columns.taps)
    }
}

impl Axis {
    /// One tap, and a result for each element.
    pub const ONE: Axis = Axis { results: 1, taps: 1 };

    /// Elements of a tile, n: even, for points come in pairs, or 1.
    pub fn size(self) -> usize {
        self.results + self.taps - 1
    }

    /// All finite points: 0, then those that come with their opposites. One element needs infinity alone.
    fn points(self) -> Vec<f64> {
        let pairs: &[f64] = match self.size() {
            1 => return Vec::new(),
            2..=4 => &[1.0],
            5..=6 => &[2.0 / 3.0, 3.0 / 2.0],
            7..=8 => &[1.0, 2.0, 0.5],
            _ => &[0.75, 4.0 / 3.0, 0.4, 2.5],
        };
        std::iter::once(0.0).chain(pairs.iter().flat_map(|&p| [p, -p])).collect()
    }

    /// B', `[n, n]`.
    pub fn input(self) -> Vec<Vec<f64>> {
        let points = self.points();
        let product = |left_out: Option<usize>| {
            let mut coefficients = vec![1.0];
            for (i, &q) in points.iter().enumerate().filter(|(i, _)| Some(*i) != left_out) {
                debug_assert!(i < points.len());
                let lower = coefficients.iter().map(|c| -q * c).chain([0.0]);
                let higher = std::iter::once(0.0).chain(coefficients.iter().copied());
                coefficients = lower.zip(higher).map(|(a, b)| a + b).collect();
            }
            coefficients.resize(self.size(), 0.0);
            coefficients
        };
        (0..points.len()).map(|p| product(Some(p))).chain([product(None)]).collect()
    }

    /// G, `[n, r]`.
    pub fn filter(self) -> Vec<Vec<f64>> {
        let points = self.points();
        let row = |(i, &p): (usize, &f64)| {
            let others = points.iter().enumerate().filter(|(j, _)| *j != i);
            let scale: f64 = others.map(|(_, q)| p - q).product();
            (0..self.taps as i32).map(|k| p.powi(k) / scale).collect()
        };
        let infinity = (0..self.taps).map(|k| if k + 1 == self.taps { 1.0 } else { 0.0 }).collect();
        points.iter().enumerate().map(row).chain([infinity]).collect()
    }

    /// A', `[m, n]`.
    pub fn output(self) -> Vec<Vec<f64>> {
        let points = self.points();
        let row = |i: usize| {
            let infinity = if i + 1 == self.results { 1.0 } else { 0.0 };
            points.iter().map(|p| p.powi(i as i32)).chain([infinity]).collect()
        };
        (0..self.results).map(row).collect()
    }

    /// Writes `B' d` for one line of a tile, of which elements may be zero for certain; `out` takes the elements of the
    /// result one by one.
    pub(super) fn spread(
        self,
        k: &mut Builder,
        d: &[Option<V>],
        mut out: impl FnMut(&mut Builder, usize, V),
    ) {
        let rows = self.input();
        let terms = |row: &[f64], keep: fn(usize) -> bool| -> Vec<(f64, V)> {
            let present = d.iter().enumerate().filter(|(i, _)| keep(*i));
            present.filter_map(|(i, v)| v.map(|v| (row[i], v))).collect()
        };
        let last = rows.len() - 1;
        for row in [0, last].into_iter().take(rows.len()) {
            let x = linear(k, &terms(&rows[row], |_| true));
            let x = x.unwrap_or_else(|| k.splat(0.0));
            out(k, row, x);
        }
        for plus in (1..last).step_by(2) {
            let even = linear(k, &terms(&rows[plus], |i| i % 2 == 0));
            let odd = linear(k, &terms(&rows[plus], |i| i % 2 == 1));
            let (x, y) = match (even, odd) {
                (Some(even), Some(odd)) => (k.bin(Bin::Add, even, odd), k.bin(Bin::Sub, even, odd)),
                (Some(even), None) => (even, even),
                (None, odd) => {
                    let zero = k.splat(0.0);
                    let odd = odd.unwrap_or(zero);
                    (odd, k.bin(Bin::Sub, zero, odd))
                }
            };
            out(k, plus, x);
            out(k, plus + 1, y);
        }
    }

    /// Writes the first `count` elements of `A' m` for one line of products.
    pub(super) fn gather(self, k: &mut Builder, m: &[V], count: usize) -> Vec<V> {
        let rows = self.output();
        let last = m.len() - 1;
        let pairs: Vec<[V; 2]> = (1..last)
            .step_by(2)
            .map(|i| [k.bin(Bin::Add, m[i], m[i + 1]), k.bin(Bin::Sub, m[i], m[i + 1])])
            .collect();
        let mut results = Vec::with_capacity(count);
        for (i, row) in rows.iter().enumerate().take(count) {
            let mut terms = vec![(row[last], m[last])];
            terms.extend(pairs.iter().enumerate().map(|(p, pair)| (row[1 + 2 * p], pair[i % 2])));
            if last > 0 {
                terms.push((row[0], m[0]));
            }
            results.extend(linear(k, &terms));
        }
        results
    }
}

/// Adds `c` times `x` to `sum`.
fn accumulate<const N: usize>(sum: &mut [f64; N], c: f64, x: &[f64; N]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += c * x;
    }
}

/// The sum of vectors times constants in a new register; `None`: there is no term.
fn linear(k: &mut Builder, terms: &[(f64, V)]) -> Option<V> {
    let mut terms: Vec<(f32, V)> = terms.iter().map(|&(c, v)| (c as f32, v)).filter(|t| t.0 != 0.0).collect();
    // One that needs no product comes first.
    let first = terms.iter().position(|t| t.0 == 1.0).unwrap_or(0);
    if terms.is_empty() {
        return None;
    }
    let (c, v) = terms.remove(first);
    let sum = match (c, terms.first()) {
        (1.0, Some(&(1.0, other))) => {
            terms.remove(0);
            k.bin(Bin::Add, v, other)
        }
        (1.0, _) => k.mov(v),
        _ => k.bin(Bin::Mul, v, c),
    };
    for (c, v) in terms {
        match c {
            1.0 => k.bin_to(Bin::Add, sum, sum, v),
            -1.0 => k.bin_to(Bin::Sub, sum, sum, v),
            _ => k.fma(sum, v, c),
        }
    }
    Some(sum)
}

/// Calls `tile` for `count` tiles of a row: those that are alike, one behind the other, as a loop, without its number.
pub(super) fn tiles(
    k: &mut Builder,
    count: usize,
    is_whole: impl Fn(usize) -> bool,
    mut tile: impl FnMut(&mut Builder, Option<usize>),
) {
    let mut t = 0;
    while t < count {
        let run = (t..count).take_while(|&t| is_whole(t)).count();
        if run > 1 {
            k.repeat(run as u64, |k| tile(k, None));
        } else {
            tile(k, Some(t));
        }
        t += run.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::Axis;

    /// The three matrices compute a correlation, whatever the numbers.
    #[test]
    fn matrices_fit_each_other() {
        for (results, taps) in [(1, 1), (2, 3), (4, 3), (6, 3), (2, 5), (4, 5), (2, 7), (4, 7)] {
            let f = Axis { results, taps };
            let n = f.size();
            let d: Vec<f64> = (0..n).map(|i| ((i * 37 + 11) % 17) as f64 - 8.0).collect();
            let g: Vec<f64> = (0..taps).map(|i| ((i * 23 + 5) % 7) as f64 - 3.0).collect();
            let times = |rows: Vec<Vec<f64>>, x: &[f64]| -> Vec<f64> {
                rows.iter().map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
            };
            let products: Vec<f64> =
                times(f.filter(), &g).iter().zip(times(f.input(), &d)).map(|(a, b)| a * b).collect();
            let got = times(f.output(), &products);
            for (i, got) in got.iter().enumerate() {
                let want: f64 = (0..taps).map(|k| g[k] * d[i + k]).sum();
                assert!((got - want).abs() < 1e-9, "F({results}, {taps}) at {i}: {got}, wanted {want}");
            }
            assert_eq!(got.len(), results);
        }
    }
}
