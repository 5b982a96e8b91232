//! `pow`: one number to the power of another; the two broadcast.
//!
//!     y = a^b
//!
//! Reals are those of IEEE 754: 1 where a is 1 or b is 0, whatever the other, NaN of a negative finite a where b is no
//! integer. Integers wrap; a negative power of one is 1 / a^-b, truncated, and 0 where a is 0.
//!
//! (C1) The operands have one element type. (C2) Their shapes broadcast. (C3) They are numbers.

use super::{Operator, elementwise};
use crate::error::require;
use crate::{DType, Mismatch, Real, Tensor, Type};

/// One number to the power of another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pow;

impl elementwise::Binary for Pow {
    fn real<T: Real>(&self, x: T, y: T) -> T {
        x.powf(y)
    }

    fn integer(&self, x: i64, y: i64) -> i64 {
        match (x, y) {
            (_, 0..) => power(x, y),
            (1, _) => 1,
            (-1, _) => power(-1, y & 1),
            _ => 0,
        }
    }
}

/// `x^y`, wrapped, by squaring.
fn power(mut x: i64, mut y: i64) -> i64 {
    let mut product = 1i64;
    while y > 0 {
        if y & 1 == 1 {
            product = product.wrapping_mul(x);
        }
        x = x.wrapping_mul(x);
        y >>= 1;
    }
    product
}

impl Operator for Pow {
    const NAME: &'static str = "pow";
    const ARITY: (usize, usize) = (2, 2);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let ty = elementwise::infer_binary(operands)?;
        require!(ty.dtype != DType::Bool, "(C3): the operands are bool, they must be numbers");
        Ok(ty)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        elementwise::binary(self, operands, result)
    }
}
