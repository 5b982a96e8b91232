//! `shift`: the bits of an integer moved; the operands broadcast.
//!
//!     y = a * 2^b                   without the bits that find no place
//!     y = floor(a / 2^b)   right
//!
//! A negative b, or one of as many bits as there are or more, moves them all out: 0 is left, of a negative a to the
//! right -1.
//!
//! (C1) The operands have one element type. (C2) Their shapes broadcast. (C3) They are integers.

use super::{Operator, elementwise};
use crate::attrs::Attrs;
use crate::error::require;
use crate::{DType, Mismatch, Real, Tensor, Type};

/// The bits of an integer moved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shift {
    /// Whether they go towards the lowest; to the highest otherwise.
    pub right: bool,
}

impl elementwise::Binary for Shift {
    fn real<T: Real>(&self, _: T, _: T) -> T {
        unreachable!("(C3)")
    }

    fn integer(&self, x: i64, count: i64) -> i64 {
        match u32::try_from(count) {
            Ok(count) if count < i64::BITS => {
                if self.right {
                    x >> count
                } else {
                    x << count
                }
            }
            _ if self.right => x >> (i64::BITS - 1),
            _ => 0,
        }
    }
}

impl Operator for Shift {
    const NAME: &'static str = "shift";
    const ARITY: (usize, usize) = (2, 2);
    const ELEMENTWISE: bool = true;

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.flag("right", &mut self.right, false);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let ty = elementwise::infer_binary(operands)?;
        let is_integer = !ty.dtype.is_float() && ty.dtype != DType::Bool;
        require!(is_integer, "(C3): the operands are {}, they must be integers", ty.dtype);
        Ok(ty)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        elementwise::binary(self, operands, result)
    }
}
