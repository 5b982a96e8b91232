//! `sigmoid`: the logistic function.
//!
//!     y = 1 / (1 + exp(-x))
//!
//! (C1) The operand is real.

use super::{Operator, elementwise};
use crate::{Mismatch, Real, Tensor, Type};

/// The logistic function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sigmoid;

impl elementwise::Unary for Sigmoid {
    fn real<T: Real>(&self, x: T) -> T {
        T::from_f64(1.0) / (T::from_f64(1.0) + (-x).exp())
    }
}

impl Operator for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_unary(operands)
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        elementwise::unary(self, operands[0])
    }
}
