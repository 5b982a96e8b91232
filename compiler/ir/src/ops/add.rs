//! `add`: the sum of two tensors that broadcast.
//!
//!     y = a + b
//!
//! Integers wrap.

use super::{Operator, elementwise};
use crate::{Mismatch, Real, Tensor, Type};

/// The sum of two tensors that broadcast.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Add;

impl elementwise::RealOp for Add {
    fn apply<T: Real>(&self, x: T, y: T) -> T {
        x + y
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
        elementwise::arithmetic(operands, result, Add, i64::wrapping_add)
    }
}
