//! `relu`: the positive part.
//!
//!     y = 0 > x ? 0 : x
//!
//! So NaN stays NaN and -0 stays -0.

use super::{Operator, elementwise};
use crate::{Mismatch, Tensor, Type};

/// The positive part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relu;

impl Operator for Relu {
    const NAME: &'static str = "relu";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_unary(operands)
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        elementwise::unary(operands[0], |x| if 0.0 > x { 0.0 } else { x }, |x| if 0.0 > x { 0.0 } else { x })
    }
}
