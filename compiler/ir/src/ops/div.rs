//! `div`: the quotient of two tensors that broadcast.
//!
//!     y = a / b
//!
//! Integers truncate towards zero and never trap: x / 0 = 0, MIN / -1 = MIN.
//!
//! (C1) The operands have one element type. (C2) Their shapes broadcast.

use super::{Operator, elementwise};
use crate::{Mismatch, Real, Tensor, Type};

/// The quotient of two tensors that broadcast.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Div;

impl elementwise::Binary for Div {
    fn real<T: Real>(&self, x: T, y: T) -> T {
        x / y
    }

    fn integer(&self, x: i64, y: i64) -> i64 {
        if y == 0 { 0 } else { x.wrapping_div(y) }
    }
}

impl Operator for Div {
    const NAME: &'static str = "div";
    const ARITY: (usize, usize) = (2, 2);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_binary(operands)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        elementwise::binary(self, operands, result)
    }
}
