//! How far a convolution by Winograd's tiles may be off: known before it is computed, for each element of its result.
//!
//! ```text
//! y = A' ((G g G') * (B' d B)) A
//! |got - y| <= gamma(N) (|A'| (sum over c of (|G| |g| |G'|) * (|B'| |d| |B|)) |A| + |bias|)
//! gamma(N) = N unit / (1 - N unit)
//! ```
//!
//! A sum of products, each of whose terms is rounded at most N times, is off by at most gamma(N) times the sum of their
//! magnitudes. A term of y is rounded
//!
//! - once when its filter is stored, which was transformed in f64,
//! - along rows and along columns as often as a row of B' has terms, once for its coefficient, which is one of f32, and
//!   once when the halves of a pair of rows are added,
//! - once for each channel by the product,
//! - along rows and along columns by A' as by B',
//! - once when the bias is added.
//!
//! Of a pair of rows, half their sum and half their difference are computed first: for both, the magnitudes of B' are
//! the larger ones of the two. What is rounded in f64, points like 2/3 among it, is less than what gamma(N) is above
//! N unit. Nothing may be so small that f32 has no normal number for it.
//!
//! Source: Barabasz, Anderson, Soodhalter and Gregg, Error Analysis and Improving the Accuracy of Winograd Convolution
//! for Deep Neural Networks, ACM TOMS 46(4), 2020, whose bounds are in norms; here nothing is lost by them.

use cnnc_codegen::kernels::winograd::{Axis, Transform};
use cnnc_ir::Tensor;
use cnnc_ir::ops::Conv;

/// Half a unit in the last place of f32.
const UNIT: f64 = 1.0 / (1u64 << 24) as f64;

/// For each element of `conv x, w, bias`, a result of this shape, the most that it may be off.
pub(super) fn bounds(
    transform: Transform,
    conv: &Conv,
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    shape: [usize; 4],
) -> Vec<f64> {
    let [images, outputs, oh, ow] = shape;
    let [_, channels, height, width] = [0, 1, 2, 3].map(|d| x.shape()[d]);
    let taps = w.shape()[2] * w.shape()[3];
    let axes = [transform.rows, transform.columns];
    let filter = axes.map(|axis| magnitudes(axis.filter()));
    let input = axes.map(|axis| of_halves(magnitudes(axis.input()), axis.pairs()));
    let output = axes.map(|axis| magnitudes(axis.output()));
    let transforms: usize = input.iter().chain(&output).map(roundings).sum();
    let n = (1 + transforms + channels + 1) as f64;
    let gamma = n * UNIT / (1.0 - n * UNIT);

    let magnitude =
        |tensor: &Tensor| -> Vec<f64> { tensor.data().to_f64().iter().map(|x| x.abs()).collect() };
    let (x, w, bias) = (magnitude(x), magnitude(w), bias.map(magnitude));
    let filters: Vec<Vec<f64>> = w.chunks(taps).map(|g| between(&filter, g)).collect();
    let mut bounds = vec![0.0; images * outputs * oh * ow];
    let [(m, step), (k, across)] = axes.map(|axis| (axis.results, axis.results * axis.stride));
    for image in 0..images {
        for (row, column) in (0..oh.div_ceil(m)).flat_map(|row| (0..ow.div_ceil(k)).map(move |c| (row, c))) {
            let element = |channel: usize, i: usize, j: usize| {
                let i = (row * step + i).checked_sub(conv.pad.top).filter(|&i| i < height);
                let j = (column * across + j).checked_sub(conv.pad.left).filter(|&j| j < width);
                i.zip(j).map_or(0.0, |(i, j)| x[((image * channels + channel) * height + i) * width + j])
            };
            let tile = |channel: usize| -> Vec<f64> {
                let [rows, columns] = axes.map(Axis::size);
                (0..rows * columns).map(|e| element(channel, e / columns, e % columns)).collect()
            };
            let tiles: Vec<Vec<f64>> = (0..channels).map(|channel| between(&input, &tile(channel))).collect();
            for o in 0..outputs {
                let mut products = vec![0.0; transform.elements()];
                for (u, v) in filters[o * channels..].iter().zip(&tiles) {
                    products.iter_mut().zip(u.iter().zip(v)).for_each(|(sum, (u, v))| *sum += u * v);
                }
                let added = bias.as_ref().map_or(0.0, |bias| bias[o]);
                for (e, sum) in between(&output, &products).into_iter().enumerate() {
                    let (i, j) = (row * m + e / k, column * k + e % k);
                    if i < oh && j < ow {
                        bounds[((image * outputs + o) * oh + i) * ow + j] = gamma * (sum + added);
                    }
                }
            }
        }
    }
    bounds
}

/// A matrix, row by row.
type Matrix = Vec<Vec<f64>>;

fn magnitudes(matrix: Matrix) -> Matrix {
    matrix.into_iter().map(|row| row.into_iter().map(f64::abs).collect()).collect()
}

/// Both rows of each pair with the larger elements of the two.
fn of_halves(mut matrix: Matrix, pairs: Vec<usize>) -> Matrix {
    for first in pairs {
        let larger: Vec<f64> = matrix[first].iter().zip(&matrix[first + 1]).map(|(a, b)| a.max(*b)).collect();
        matrix[first].clone_from(&larger);
        matrix[first + 1] = larger;
    }
    matrix
}

/// How often a term is rounded at most by a transform.
fn roundings(matrix: &Matrix) -> usize {
    let terms = matrix.iter().map(|row| row.iter().filter(|&&c| c != 0.0).count()).max();
    // A row of one term is a copy.
    terms.filter(|&terms| terms > 1).map_or(0, |terms| terms + 2)
}

/// `left x right'`
fn between([left, right]: &[Matrix; 2], x: &[f64]) -> Vec<f64> {
    let lines: Vec<Vec<f64>> = x
        .chunks(right[0].len())
        .map(|line| right.iter().map(|row| row.iter().zip(line).map(|(a, b)| a * b).sum()).collect())
        .collect();
    let element = |row: &[f64], j: usize| row.iter().zip(&lines).map(|(a, line)| a * line[j]).sum();
    left.iter()
        .flat_map(|row| (0..right.len()).map(move |j| (row, j)))
        .map(|(row, j)| element(row, j))
        .collect()
}
