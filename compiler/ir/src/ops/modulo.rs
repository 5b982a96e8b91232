//! `mod`: the remainder of a division; the operands broadcast.
//!
//!     y = a - b * floor(a / b)               which has the sign of b
//!     y = a - b * trunc(a / b)   truncated   which has the sign of a
//!
//! Reals are exact, for their quotient is not rounded; zeros have those signs too. The remainder of integers by 0 is 0.
//!
//! (C1) The operands have one element type. (C2) Their shapes broadcast. (C3) They are numbers.

use super::{Operator, elementwise};
use crate::attrs::Attrs;
use crate::error::require;
use crate::{DType, Mismatch, Real, Tensor, Type};

/// The remainder of a division.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Modulo {
    /// Whether the quotient is truncated; it is rounded down otherwise.
    pub truncated: bool,
}

impl elementwise::Binary for Modulo {
    fn real<T: Real>(&self, x: T, y: T) -> T {
        let (rest, zero) = (x % y, T::default());
        if self.truncated {
            rest
        } else if rest == zero {
            if y < zero { -rest.abs() } else { rest.abs() }
        } else if (rest < zero) == (y < zero) {
            rest
        } else {
            rest + y
        }
    }

    fn integer(&self, x: i64, y: i64) -> i64 {
        let rest = x.checked_rem(y).unwrap_or(0);
        if self.truncated || rest == 0 || (rest < 0) == (y < 0) { rest } else { rest + y }
    }
}

impl Operator for Modulo {
    const NAME: &'static str = "mod";
    const ARITY: (usize, usize) = (2, 2);
    const ELEMENTWISE: bool = true;

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.flag("truncated", &mut self.truncated, false);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let ty = elementwise::infer_binary(operands)?;
        require!(ty.dtype != DType::Bool, "(C3): the operands are bool, they must be numbers");
        Ok(ty)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        elementwise::binary(self, operands, result)
    }
}
