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
//! Points are 0, pairs of `p` and `-p`, perhaps a single one, and infinity: the rows of a pair are the sum and the
//! difference of two halves. Pairs of inverses keep the coefficients small: n = 6 with 2/3 and 3/2 loses no more digits
//! than the direct sum, and n = 10 along one dimension, or 7 along both, less than one digit.
//!
//! A stride of s makes s phases: every s-th element meets every s-th tap, with matrices of their own, and the results
//! of all phases are summed. A single tap needs none.
//!
//! Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308; the choice of points:
//! Alam et al., Winograd Convolution for Deep Neural Networks: Efficient Point Selection, ACM TECS 2022.

use crate::vasm::{Bin, Builder, LANES, V};

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

/// A tile along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    /// Results, m.
    pub results: usize,
    /// Taps, r: at least as many as the stride.
    pub taps: usize,
    /// Elements from result to result.
    pub stride: usize,
}

/// F(m, r): what every stride-th element of a tile, counted from one of the first, has to do with every stride-th tap.
#[derive(Clone, Copy)]
struct Phase {
    results: usize,
    taps: usize,
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
    pub const ONE: Axis = Axis { results: 1, taps: 1, stride: 1 };

    /// Elements of a tile, before and after its transform.
    pub fn size(self) -> usize {
        (self.results - 1) * self.stride + self.taps
    }

    /// The phases, one behind the other in a transformed tile.
    fn phases(self) -> impl Iterator<Item = Phase> {
        let Axis { results, taps, stride } = self;
        (0..stride).map(move |first| Phase { results, taps: (taps - first).div_ceil(stride) })
    }

    /// G, `[n, r]`.
    pub fn filter(self) -> Vec<Vec<f64>> {
        self.spaced(Phase::filter, self.taps)
    }

    /// B', `[n, n]`.
    pub fn input(self) -> Vec<Vec<f64>> {
        self.spaced(Phase::input, self.size())
    }

    /// A', `[m, n]`.
    pub fn output(self) -> Vec<Vec<f64>> {
        let row = |i: usize| self.phases().flat_map(|phase| phase.output().swap_remove(i)).collect();
        (0..self.results).map(row).collect()
    }

    /// The first rows of all pairs in B', each the sum of two halves, and the next one their difference.
    pub fn pairs(self) -> Vec<usize> {
        let mut before = 0;
        let of_phase = |phase: Phase| {
            let start = before;
            before += phase.size();
            phase.pairs().map(move |row| start + row)
        };
        self.phases().flat_map(of_phase).collect()
    }

    /// The rows of a matrix of all phases, over `count` elements, every stride-th of which belongs to one.
    fn spaced(self, matrix: fn(Phase) -> Vec<Vec<f64>>, count: usize) -> Vec<Vec<f64>> {
        let of_phase = |(first, phase): (usize, Phase)| {
            let spaced = move |row: Vec<f64>| {
                let mut all = vec![0.0; count];
                all.iter_mut().skip(first).step_by(self.stride).zip(row).for_each(|(x, c)| *x = c);
                all
            };
            matrix(phase).into_iter().map(spaced)
        };
        self.phases().enumerate().flat_map(of_phase).collect()
    }

    /// Writes `B' d` for one line of a tile, of which elements may be zero for certain; `out` takes the elements of the
    /// result one by one.
    pub(super) fn spread(
        self,
        k: &mut Builder,
        d: &[Option<V>],
        mut out: impl FnMut(&mut Builder, usize, V),
    ) {
        let mut before = 0;
        for (first, phase) in self.phases().enumerate() {
            let d: Vec<Option<V>> = d.iter().copied().skip(first).step_by(self.stride).collect();
            phase.spread(k, &d, |k, j, v| out(k, before + j, v));
            before += phase.size();
        }
    }

    /// Writes the first `count` elements of `A' m` for one line of products.
    pub(super) fn gather(self, k: &mut Builder, m: &[V], count: usize) -> Vec<V> {
        let mut rest = m;
        let mut sums: Vec<V> = Vec::new();
        for phase in self.phases() {
            let (of_phase, behind) = rest.split_at(phase.size());
            rest = behind;
            let results = phase.gather(k, of_phase, count);
            for (&sum, &x) in sums.iter().zip(&results) {
                k.bin_to(Bin::Add, sum, sum, x);
            }
            if sums.is_empty() {
                sums = results;
            }
        }
        sums
    }
}

impl Phase {
    fn size(self) -> usize {
        self.results + self.taps - 1
    }

    /// Finite points but 0: those that come with their opposites, and perhaps one that does not.
    fn points(self) -> (&'static [f64], Option<f64>) {
        match self.size() {
            ..=3 => (&[], Some(1.0)),
            4 => (&[1.0], None),
            5 => (&[0.75], Some(2.0)),
            6 => (&[2.0 / 3.0, 3.0 / 2.0], None),
            7 => (&[0.6, 1.0], Some(3.0)),
            8 => (&[1.0, 2.0, 0.5], None),
            _ => (&[0.75, 4.0 / 3.0, 0.4, 2.5], None),
        }
    }

    /// The first rows of pairs.
    fn pairs(self) -> impl Iterator<Item = usize> {
        let points = if self.taps == 1 { 0 } else { self.points().0.len() };
        (0..points).map(|pair| 1 + 2 * pair)
    }

    /// All finite points: 0, then the pairs, then the one that is left.
    fn finite(self) -> Vec<f64> {
        let (pairs, single) = self.points();
        let pairs = pairs.iter().flat_map(|&p| [p, -p]);
        std::iter::once(0.0).chain(pairs).chain(single).collect()
    }

    /// B', `[n, n]`; elements that meet a single tap stay what they are.
    fn input(self) -> Vec<Vec<f64>> {
        if self.taps == 1 {
            return unit(self.results);
        }
        let points = self.finite();
        let product = |left_out: Option<usize>| {
            let mut coefficients = vec![1.0];
            for (_, &q) in points.iter().enumerate().filter(|(i, _)| Some(*i) != left_out) {
                let lower = coefficients.iter().map(|c| -q * c).chain([0.0]);
                let higher = std::iter::once(0.0).chain(coefficients.iter().copied());
                coefficients = lower.zip(higher).map(|(a, b)| a + b).collect();
            }
            coefficients.resize(self.size(), 0.0);
            coefficients
        };
        (0..points.len()).map(|p| product(Some(p))).chain([product(None)]).collect()
    }

    /// G, `[n, r]`; a single tap stays what it is.
    fn filter(self) -> Vec<Vec<f64>> {
        if self.taps == 1 {
            return vec![vec![1.0]; self.results];
        }
        let points = self.finite();
        let row = |(i, &p): (usize, &f64)| {
            let others = points.iter().enumerate().filter(|(j, _)| *j != i);
            let scale: f64 = others.map(|(_, q)| p - q).product();
            (0..self.taps as i32).map(|k| p.powi(k) / scale).collect()
        };
        let infinity = (0..self.taps).map(|k| if k + 1 == self.taps { 1.0 } else { 0.0 }).collect();
        points.iter().enumerate().map(row).chain([infinity]).collect()
    }

    /// A', `[m, n]`; products with a single tap are results.
    fn output(self) -> Vec<Vec<f64>> {
        if self.taps == 1 {
            return unit(self.results);
        }
        let points = self.finite();
        let row = |i: usize| {
            let infinity = if i + 1 == self.results { 1.0 } else { 0.0 };
            points.iter().map(|p| p.powi(i as i32)).chain([infinity]).collect()
        };
        (0..self.results).map(row).collect()
    }

    fn spread(self, k: &mut Builder, d: &[Option<V>], mut out: impl FnMut(&mut Builder, usize, V)) {
        if self.taps == 1 {
            for (i, &v) in d.iter().enumerate() {
                let v = v.unwrap_or_else(|| k.splat(0.0));
                out(k, i, v);
            }
            return;
        }
        let rows = self.input();
        let terms = |c: &dyn Fn(usize) -> f64| -> Vec<(f64, Option<V>)> {
            d.iter().enumerate().map(|(i, &v)| (c(i), v)).collect()
        };
        let behind_pairs = 1 + 2 * self.pairs().count();
        for row in std::iter::once(0).chain(behind_pairs..rows.len()) {
            let x = linear(k, &terms(&|i| rows[row][i]));
            let x = x.unwrap_or_else(|| k.splat(0.0));
            out(k, row, x);
        }
        for plus in self.pairs() {
            // Without a single point these are every other element.
            let same = linear(k, &terms(&|i| (rows[plus][i] + rows[plus + 1][i]) / 2.0));
            let opposite = linear(k, &terms(&|i| (rows[plus][i] - rows[plus + 1][i]) / 2.0));
            let (x, y) = match (same, opposite) {
                (Some(same), Some(opposite)) => {
                    (k.bin(Bin::Add, same, opposite), k.bin(Bin::Sub, same, opposite))
                }
                (Some(same), None) => (same, same),
                (None, opposite) => {
                    let zero = k.splat(0.0);
                    let opposite = opposite.unwrap_or(zero);
                    (opposite, k.bin(Bin::Sub, zero, opposite))
                }
            };
            out(k, plus, x);
            out(k, plus + 1, y);
        }
    }

    fn gather(self, k: &mut Builder, m: &[V], count: usize) -> Vec<V> {
        if self.taps == 1 {
            return m[..count].to_vec();
        }
        let behind_pairs = 1 + 2 * self.pairs().count();
        let pairs: Vec<[V; 2]> = self
            .pairs()
            .map(|i| [k.bin(Bin::Add, m[i], m[i + 1]), k.bin(Bin::Sub, m[i], m[i + 1])])
            .collect();
        let mut results = Vec::with_capacity(count);
        for (i, row) in self.output().iter().enumerate().take(count) {
            let alone = std::iter::once(0).chain(behind_pairs..m.len());
            let mut terms: Vec<(f64, Option<V>)> = alone.map(|p| (row[p], Some(m[p]))).collect();
            terms.extend(pairs.iter().enumerate().map(|(p, pair)| (row[1 + 2 * p], Some(pair[i % 2]))));
            results.extend(linear(k, &terms));
        }
        results
    }
}

/// The matrix that changes nothing.
fn unit(n: usize) -> Vec<Vec<f64>> {
    (0..n).map(|i| (0..n).map(|j| if i == j { 1.0 } else { 0.0 }).collect()).collect()
}

/// Adds `c` times `x` to `sum`.
fn accumulate<const N: usize>(sum: &mut [f64; N], c: f64, x: &[f64; N]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += c * x;
    }
}

/// The sum of vectors times constants in a new register, of which those that are not there are zeros; `None`: none is
/// there. Their order is that of all terms, so that a zero in a register gives the same bits as none.
fn linear(k: &mut Builder, terms: &[(f64, Option<V>)]) -> Option<V> {
    let terms = terms.iter().map(|&(c, v)| (c as f32, v)).filter(|t| t.0 != 0.0);
    let mut terms: Vec<(f32, Option<V>)> = terms.collect();
    // One that needs no product comes first.
    let first = terms.iter().position(|t| t.0 == 1.0).unwrap_or(0);
    if let Some(terms) = terms.get_mut(..first + 1) {
        terms.rotate_right(1);
    }
    let mut terms = terms.into_iter().filter_map(|(c, v)| v.map(|v| (c, v))).peekable();
    let (c, v) = terms.next()?;
    let sum = match c {
        1.0 => match terms.next_if(|next| next.0 == 1.0) {
            Some((_, other)) => k.bin(Bin::Add, v, other),
            None => k.mov(v),
        },
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

/// Tiles of a row that are transformed side by side, in registers of as many vectors.
#[derive(Clone, Copy)]
pub(super) struct Abreast {
    /// The first one, or `None` in the loop over those that are alike.
    pub first: Option<usize>,
    /// How many: one, or two in wide vectors.
    pub count: usize,
}

impl Abreast {
    /// Lanes of the registers that they take.
    pub(super) fn lanes(self) -> usize {
        self.count * LANES
    }

    /// Their numbers, where they are known.
    pub(super) fn tiles(self) -> impl Iterator<Item = Option<usize>> {
        (0..self.count).map(move |i| self.first.map(|first| first + i))
    }
}

/// Calls `tile` for `count` tiles of a row, `abreast` of them at once as long as there are so many: those that are
/// alike, one behind the other, as a loop.
pub(super) fn tiles(
    k: &mut Builder,
    count: usize,
    abreast: usize,
    is_whole: impl Fn(usize) -> bool,
    mut tile: impl FnMut(&mut Builder, Abreast),
) {
    let mut t = 0;
    while t < count {
        let abreast = abreast.min(count - t);
        let run = (t..count).take_while(|&t| is_whole(t)).count() / abreast;
        if run > 1 {
            k.repeat(run as u64, |k| tile(k, Abreast { first: None, count: abreast }));
        } else {
            tile(k, Abreast { first: Some(t), count: abreast });
        }
        t += run.max(1) * abreast;
    }
}

#[cfg(test)]
mod tests {
    use super::Axis;

    /// The three matrices compute a correlation, whatever the numbers.
    #[test]
    fn matrices_fit_each_other() {
        let once =
            [(1, 1), (2, 2), (3, 2), (4, 2), (2, 3), (4, 3), (5, 3), (6, 3), (2, 5), (4, 5), (2, 7), (4, 7)];
        let twice = [(2, 2), (3, 3), (4, 3), (3, 4)];
        let strides = once.map(|f| (f, 1)).into_iter().chain(twice.map(|f| (f, 2)));
        for ((results, taps), stride) in strides {
            let f = Axis { results, taps, stride };
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
                let want: f64 = (0..taps).map(|k| g[k] * d[i * stride + k]).sum();
                assert!(
                    (got - want).abs() < 1e-9,
                    "F({results}, {taps}), stride {stride}, at {i}: {got}, wanted {want}"
                );
            }
            assert_eq!(got.len(), results);
        }
    }
}
