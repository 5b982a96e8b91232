//! `softmax`: exponentials that sum to one along an axis.
//!
//!     y[i] = exp(x[i] - m) / sum over j of exp(x[j] - m),  m = max over j of x[j]
//!
//! j runs along the axis, in ascending order; m is found by `acc = x > acc ? x : acc` from -inf. Result as x.
//!
//! (C1) x is real. (C2) axis is a dimension of x, counted from the outermost, from 0.

use super::lines::Lines;
use super::{Cost, Operator, dimension};
use crate::attrs::Attrs;
use crate::error::require;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Tensor, Type};

/// Exponentials that sum to one along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Softmax {
    /// The dimension along which they sum to one; it has no default.
    pub axis: i64,
}

impl Default for Softmax {
    fn default() -> Softmax {
        Softmax { axis: -1 }
    }
}

impl Operator for Softmax {
    const NAME: &'static str = "softmax";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.int("axis", &mut self.axis, -1);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        require!(operands[0].dtype.is_float(), "(C1): x {} is not real", operands[0]);
        dimension("(C2)", self.axis, operands[0])?;
        Ok(operands[0].clone())
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        with_real!(operands[0], T => self.normalize::<T>(operands[0]))
    }

    fn cost(&self, _: &[&Type], result: &Type) -> Cost {
        Cost { macs: 0, flops: 4 * result.elements() as u64 }
    }
}

impl Softmax {
    fn normalize<T: Real>(&self, x: &Tensor) -> Tensor {
        let lines = Lines::along(x.shape(), self.axis as usize);
        let mut y = x.slice::<T>().to_vec();
        for start in lines.starts() {
            let places = || lines.places(start);
            let least = T::from_f64(f64::NEG_INFINITY);
            let m = places().fold(least, |m, j| if y[j] > m { y[j] } else { m });
            for j in places() {
                y[j] = (y[j] - m).exp();
            }
            let sum = places().fold(T::default(), |sum, j| sum + y[j]);
            for j in places() {
                y[j] = y[j] / sum;
            }
        }
        Tensor::of(x.shape(), y)
    }
}
