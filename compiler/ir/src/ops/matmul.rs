//! `matmul`: products of matrices, by the rules of `numpy.matmul`.
//!
//!     y[..,i,j] = sum over k of a[..,i,k] * b[..,k,j]
//!
//! Operands: a `[.., M, K]`, b `[.., K, N]`; the extents in front broadcast. Result `[.., M, N]`. The sum
//! runs through k in ascending order.
//!
//! (C1) Operands are real, of one type, of rank 2 at least. (C2) a and b have the same K. (C3) The extents in
//! front broadcast.

use super::product::{Matrix, add_product};
use super::view::View;
use super::{Cost, Operator};
use crate::error::require;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Shape, Tensor, Type};

/// Products of matrices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matmul;

impl Operator for Matmul {
    const NAME: &'static str = "matmul";
    const ARITY: (usize, usize) = (2, 2);

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (a, b) = (operands[0], operands[1]);
        let real = a.dtype == b.dtype && a.dtype.is_float();
        require!(
            real && a.rank() >= 2 && b.rank() >= 2,
            "(C1): a {a} and b {b} must be real, of one type and of rank 2 at least"
        );
        let (batch_a, [m, k]) = split(a.dims());
        let (batch_b, [depth, n]) = split(b.dims());
        require!(k == depth, "(C2): a {a} has {k} columns, b {b} has {depth} rows");
        let batch = Shape::new(batch_a)?
            .broadcast(&Shape::new(batch_b)?)
            .map_err(|Mismatch(m)| Mismatch(format!("(C3): {m}")))?;
        a.with_dims([batch.dims(), &[m, n]].concat())
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_real!(operands[0], T => multiply::<T>(operands[0], operands[1], result))
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let (_, [_, depth]) = split(operands[0].dims());
        Cost { macs: (result.elements() as u64).saturating_mul(depth as u64), flops: 0 }
    }
}

/// The extents in front, and those of a matrix.
fn split(dims: &[usize]) -> (&[usize], [usize; 2]) {
    let (batch, matrix) = dims.split_at(dims.len() - 2);
    (batch, [matrix[0], matrix[1]])
}

fn multiply<T: Real>(a: &Tensor, b: &Tensor, result: &Type) -> Tensor {
    let (batch, [m, n]) = split(result.dims());
    let (_, [_, depth]) = split(a.shape().dims());
    let matrices = |t: &Tensor| {
        let (front, [rows, columns]) = split(t.shape().dims());
        let place = View::stretched(front, batch).places();
        place.map(move |at| at * rows * columns)
    };
    let mut y = vec![T::default(); result.elements()];
    for ((y, a_at), b_at) in y.chunks_mut((m * n).max(1)).zip(matrices(a)).zip(matrices(b)) {
        let a = Matrix { elements: &a.slice::<T>()[a_at..], strides: (depth, 1) };
        let b = Matrix { elements: &b.slice::<T>()[b_at..], strides: (n, 1) };
        add_product(y, n, depth, |i, k| a.at(i, k), |ks, j, panel| b.pack(ks, j, n, panel));
    }
    Tensor::of(&result.shape, y)
}
