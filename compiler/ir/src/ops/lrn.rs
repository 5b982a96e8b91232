//! `lrn`: local response normalisation, across channels.
//!
//!     y[n,c,..] = x[n,c,..] / (bias + alpha / size * sum over r of x[n,r,..]^2)^beta
//!
//! r runs from c - floor((size - 1) / 2) to c + ceil((size - 1) / 2), within the channels, in ascending
//! order. Operand: x `[N, C, ..]`. Result as x.
//!
//! (C1) x is real, of rank 2 at least. (C2) size is positive.

use super::{Cost, Operator};
use crate::attrs::Attrs;
use crate::error::require;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Tensor, Type};

/// Local response normalisation, across channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Lrn {
    /// Channels in a region.
    pub size: usize,
    /// Weight of the mean square.
    pub alpha: f32,
    /// Exponent of the divisor.
    pub beta: f32,
    /// What the divisor is where x is zero.
    pub bias: f32,
}

impl Default for Lrn {
    fn default() -> Lrn {
        Lrn { size: 0, alpha: 1e-4, beta: 0.75, bias: 1.0 }
    }
}

impl Operator for Lrn {
    const NAME: &'static str = "lrn";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.count("size", &mut self.size, 0);
        a.float("alpha", &mut self.alpha, 1e-4);
        a.float("beta", &mut self.beta, 0.75);
        a.float("bias", &mut self.bias, 1.0);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        require!(x.dtype.is_float() && x.rank() >= 2, "(C1): x {x} must be real, of rank 2 at least");
        require!(self.size > 0, "(C2): a region of {} channels: size must be positive", self.size);
        Ok(x.clone())
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        with_real!(operands[0], T => self.normalize::<T>(operands[0]))
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let region = self.size.min(operands[0].dims()[1]) as u64;
        Cost { macs: 0, flops: region.saturating_add(2).saturating_mul(result.elements() as u64) }
    }
}

impl Lrn {
    fn normalize<T: Real>(&self, x: &Tensor) -> Tensor {
        let channels = x.shape()[1];
        let plane: usize = x.shape().dims()[2..].iter().product();
        let share = T::from_f64(self.alpha.into()) / T::from_f64(self.size as f64);
        let (bias, beta) = (T::from_f64(self.bias.into()), T::from_f64(self.beta.into()));
        let (below, above) = ((self.size - 1) / 2, self.size / 2);
        let xs = x.slice::<T>();
        let normalized = |at: usize| {
            let (c, first) = (at / plane % channels, at - at / plane % channels * plane);
            let region = c.saturating_sub(below)..=c.saturating_add(above).min(channels - 1);
            let squares = region.map(|r| xs[first + r * plane] * xs[first + r * plane]);
            let sum = squares.fold(T::default(), |sum, square| sum + square);
            xs[at] / (bias + share * sum).powf(beta)
        };
        Tensor::of(x.shape(), (0..xs.len()).map(normalized).collect())
    }
}
