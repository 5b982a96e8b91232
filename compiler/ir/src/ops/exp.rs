//! `exp`: e to the power of the operand.
//!
//!     y = exp(x)
//!
//! (C1) The operand is real.

use super::{Operator, elementwise};
use crate::{Mismatch, Real, Tensor, Type};

/// E to the power of the operand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exp;

impl elementwise::Unary for Exp {
    fn real<T: Real>(&self, x: T) -> T {
        x.exp()
    }
}

impl Operator for Exp {
    const NAME: &'static str = "exp";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_unary(operands)
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        elementwise::unary(self, operands[0])
    }
}
