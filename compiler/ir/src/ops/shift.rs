//! `shift`: the bits of an integer moved; the operands broadcast.
//!
//!     y = a * 2^b                   mod 2^8
//!     y = floor(a / 2^b)   right
//!
//! (C1) The operands have one element type. (C2) Their shapes broadcast. (C3) They are u8.

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
        // No bit of 8 is left after 8 steps, and i64 has place for as many.
        let count = count.min(8);
        if self.right { x >> count } else { x << count }
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
        require!(ty.dtype == DType::U8, "(C3): the operands are {}, they must be u8", ty.dtype);
        Ok(ty)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        elementwise::binary(self, operands, result)
    }
}
