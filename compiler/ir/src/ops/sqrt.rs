//! `sqrt`: the square root.
//!
//!     y = sqrt(x)
//!
//! NaN for negative x; -0 stays -0.
//!
//! (C1) The operand is real.

use super::{Operator, elementwise};
use crate::{Mismatch, Real, Tensor, Type};

/// The square root.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sqrt;

impl elementwise::Unary for Sqrt {
    fn real<T: Real>(&self, x: T) -> T {
        x.sqrt()
    }
}

impl Operator for Sqrt {
    const NAME: &'static str = "sqrt";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_unary(operands)
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        elementwise::unary(self, operands[0])
    }
}
