//! `add`: the sum of two tensors that broadcast.
//!
//!     y = a + b
//!
//! Integers wrap.
//!
//! (C1) The operands have one element type. (C2) Their shapes broadcast.

use super::{Operator, elementwise};
use crate::{Mismatch, Real, Tensor, Type};

/// The sum of two tensors that broadcast.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Add;

impl elementwise::Binary for Add {
    fn real<T: Real>(&self, x: T, y: T) -> T {
        x + y
    }

    fn integer(&self, x: i64, y: i64) -> i64 {
        x.wrapping_add(y)
    }
}

impl Operator for Add {
    const NAME: &'static str = "add";
    const ARITY: (usize, usize) = (2, 2);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_binary(operands)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        elementwise::binary(self, operands, result)
    }
}
