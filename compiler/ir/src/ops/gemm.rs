//! `gemm`: the product of two matrices, and a tensor added to it.
//!
//!     y[i,j] = c[i,j] + sum over k of a[i,k] * b[k,j]
//!
//! Operands: a `[M, K]`, with `trans_a` `[K, M]`; b `[K, N]`, with `trans_b` `[N, K]`; c (optional) of a
//! shape that broadcasts to `[M, N]`. Result `[M, N]`. The sum starts from c and runs through k in ascending
//! order.
//!
//! (C1) Operands are real, of one type, a and b of rank 2. (C2) a and b have the same K. (C3) c broadcasts to
//! the result.

use super::product::{Matrix, add_product};
use super::view::View;
use super::{Cost, Operator};
use crate::attrs::Attrs;
use crate::error::require;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Tensor, Type};

/// The product of two matrices, and a tensor added to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gemm {
    /// Whether a is given transposed.
    pub trans_a: bool,
    /// Whether b is given transposed.
    pub trans_b: bool,
}

impl Operator for Gemm {
    const NAME: &'static str = "gemm";
    const ARITY: (usize, usize) = (2, 3);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.flag("trans_a", &mut self.trans_a, false);
        a.flag("trans_b", &mut self.trans_b, false);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (a, b) = (operands[0], operands[1]);
        let one_type = operands.iter().all(|t| t.dtype == a.dtype && t.dtype.is_float());
        require!(one_type && a.rank() == 2 && b.rank() == 2, "(C1): a {a} and b {b} must be real matrices");
        let (m, k) = flipped(self.trans_a, a.dims());
        let (depth, n) = flipped(self.trans_b, b.dims());
        require!(
            k == depth,
            "(C2): a {a} with trans_a={} has {k} columns, b {b} with trans_b={} has {depth} rows",
            self.trans_a,
            self.trans_b
        );
        let y = a.with_dims([m, n])?;
        if let Some(c) = operands.get(2) {
            let fits = c.shape.broadcast(&y.shape).is_ok_and(|shape| shape == y.shape);
            require!(fits, "(C3): c {c} does not broadcast to the product {y}");
        }
        Ok(y)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_real!(operands[0], T => self.multiply::<T>(operands, result))
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let (_, depth) = flipped(self.trans_a, operands[0].dims());
        Cost { macs: (result.elements() as u64).saturating_mul(depth as u64), flops: 0 }
    }
}

/// What a matrix has for its rows and for its columns, or its transpose has.
fn flipped(transposed: bool, pair: &[usize]) -> (usize, usize) {
    if transposed { (pair[1], pair[0]) } else { (pair[0], pair[1]) }
}

impl Gemm {
    fn multiply<T: Real>(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let matrix = |operand: usize, transposed| Matrix::<T> {
            elements: operands[operand].slice(),
            strides: flipped(transposed, &operands[operand].shape().strides()),
        };
        let (a, b) = (matrix(0, self.trans_a), matrix(1, self.trans_b));
        let (_, depth) = flipped(self.trans_a, operands[0].shape().dims());
        let columns = result.dims()[1];
        let mut y = match operands.get(2) {
            Some(c) => {
                View::stretched(c.shape().dims(), result.dims()).places().map(|at| c.slice()[at]).collect()
            }
            None => vec![T::default(); result.elements()],
        };
        add_product(&mut y, columns, depth, |i, k| a.at(i, k), |ks, j, panel| b.pack(ks, j, columns, panel));
        Tensor::of(&result.shape, y)
    }
}
