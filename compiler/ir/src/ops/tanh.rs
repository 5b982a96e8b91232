//! `tanh`: the hyperbolic tangent.
//!
//!     y = tanh(x)
//!
//! (C1) The operand is real.

use super::{Operator, elementwise};
use crate::{Mismatch, Real, Tensor, Type};

/// The hyperbolic tangent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tanh;

impl elementwise::Unary for Tanh {
    fn real<T: Real>(&self, x: T) -> T {
        x.tanh()
    }
}

impl Operator for Tanh {
    const NAME: &'static str = "tanh";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_unary(operands)
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        elementwise::unary(self, operands[0])
    }
}
