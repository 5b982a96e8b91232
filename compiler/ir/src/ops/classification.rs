//! `is_nan`, `is_inf`: what a real number is.
//!
//!     is_nan(x) = x is no number
//!     is_inf(x) = x is infinite, and of a sign that is asked for
//!
//! (C1) The operand is real.

use super::Operator;
use super::elementwise::{self, map};
use crate::attrs::Attrs;
use crate::tensor::with_real;
use crate::{DType, Mismatch, Real, Tensor, Type};

/// Whether an element is no number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IsNan;

impl Operator for IsNan {
    const NAME: &'static str = "is_nan";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        Ok(elementwise::infer_unary(operands)?.with_dtype(DType::Bool))
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        with_real!(operands[0], T => map(operands[0], |x: T| x.is_nan()))
    }
}

/// Whether an element is infinite.
#[derive(Clone, Debug, PartialEq)]
pub struct IsInf {
    /// Whether -inf counts.
    pub negative: bool,
    /// Whether inf counts.
    pub positive: bool,
}

impl Default for IsInf {
    fn default() -> IsInf {
        IsInf { negative: true, positive: true }
    }
}

impl Operator for IsInf {
    const NAME: &'static str = "is_inf";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.flag("negative", &mut self.negative, true);
        a.flag("positive", &mut self.positive, true);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        Ok(elementwise::infer_unary(operands)?.with_dtype(DType::Bool))
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        let counts = |x: f64| x == f64::INFINITY && self.positive || x == f64::NEG_INFINITY && self.negative;
        with_real!(operands[0], T => map(operands[0], |x: T| counts(x.to_f64())))
    }
}
