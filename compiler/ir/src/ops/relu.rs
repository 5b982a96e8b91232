//! `relu`: the positive part.
//!
//!     y = 0 > x ? 0 : x
//!
//! So NaN stays NaN and -0 stays -0.
//!
//! (C1) The operand is real.

use super::{Operator, elementwise};
use crate::{Mismatch, Real, Tensor, Type};

/// The positive part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relu;

impl elementwise::Unary for Relu {
    fn real<T: Real>(&self, x: T) -> T {
        if T::default() > x { T::default() } else { x }
    }
}

impl Operator for Relu {
    const NAME: &'static str = "relu";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_unary(operands)
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        elementwise::unary(self, operands[0])
    }
}
