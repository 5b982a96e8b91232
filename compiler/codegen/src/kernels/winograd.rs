//! Winograd's convolution: what tiles, filters and results are multiplied by. How it becomes code: `winograd_sums.rs`.
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
pub(super) struct Phase {
    pub(super) results: usize,
    pub(super) taps: usize,
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
    pub(super) fn phases(self) -> impl Iterator<Item = Phase> {
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
}

impl Phase {
    pub(super) fn size(self) -> usize {
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
    pub(super) fn pairs(self) -> impl Iterator<Item = usize> {
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
    pub(super) fn input(self) -> Vec<Vec<f64>> {
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
    pub(super) fn output(self) -> Vec<Vec<f64>> {
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
