//! `batch_norm`: each channel moved and scaled by fixed statistics.
//!
//!     y[n,c,..] = (x[n,c,..] - mean[c]) / sqrt(var[c] + eps) * gamma[c] + beta[c]
//!
//! Operands: x `[N, C, ..]`, then gamma, beta, mean and var, each `[C]`. Result as x.
//!
//! (C1) Operands are real, of one type, x of rank 2 at least. (C2) gamma, beta, mean and var are `[C]`.

use super::{Cost, Operator};
use crate::attrs::Attrs;
use crate::error::require;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Tensor, Type};

/// Each channel moved and scaled by fixed statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// What keeps the root away from zero.
    pub eps: f32,
}

impl Default for BatchNorm {
    fn default() -> BatchNorm {
        BatchNorm { eps: 1e-5 }
    }
}

impl Operator for BatchNorm {
    const NAME: &'static str = "batch_norm";
    const ARITY: (usize, usize) = (5, 5);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.float("eps", &mut self.eps, 1e-5);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        let one_type = operands.iter().all(|t| t.dtype == x.dtype && t.dtype.is_float());
        require!(
            one_type && x.rank() >= 2,
            "(C1): x {x} and its statistics must be real, x of rank 2 at least"
        );
        for (t, name) in operands[1..].iter().zip(["gamma", "beta", "mean", "var"]) {
            require!(
                t.dims() == [x.dims()[1]],
                "(C2): {name} {t} must be [{}], the channels of x {x}",
                x.dims()[1]
            );
        }
        Ok(x.clone())
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        with_real!(operands[0], T => self.normalize::<T>(operands))
    }

    fn cost(&self, _: &[&Type], result: &Type) -> Cost {
        Cost { macs: 0, flops: 4 * result.elements() as u64 }
    }
}

impl BatchNorm {
    fn normalize<T: Real>(&self, operands: &[&Tensor]) -> Tensor {
        let x = operands[0];
        let [gamma, beta, mean, var] = [1, 2, 3, 4].map(|i| operands[i].slice::<T>());
        let channels = x.shape()[1];
        let plane: usize = x.shape().dims()[2..].iter().product();
        let mut y = x.slice::<T>().to_vec();
        for (i, y) in y.chunks_mut(plane.max(1)).enumerate() {
            let c = i % channels;
            let deviation = (var[c] + T::from_f64(self.eps.into())).sqrt();
            for y in y {
                *y = (*y - mean[c]) / deviation * gamma[c] + beta[c];
            }
        }
        Tensor::of(x.shape(), y)
    }
}
