//! `max`: the greater of two tensors that broadcast.
//!
//!     y = a > b ? a : b
//!
//! NaN where either is one, and b of 0 and -0.
//!
//! (C1) The operands have one element type. (C2) Their shapes broadcast.

use super::{Operator, elementwise};
use crate::{Mismatch, Real, Tensor, Type};

/// The greater of two tensors that broadcast.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Max;

impl elementwise::Binary for Max {
    fn real<T: Real>(&self, x: T, y: T) -> T {
        if x > y || x.is_nan() { x } else { y }
    }

    fn integer(&self, x: i64, y: i64) -> i64 {
        x.max(y)
    }
}

impl Operator for Max {
    const NAME: &'static str = "max";
    const ARITY: (usize, usize) = (2, 2);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_binary(operands)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        elementwise::binary(self, operands, result)
    }
}
