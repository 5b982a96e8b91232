//! `prelu`: the positive part and a multiple of the negative one; the operands broadcast.
//!
//!     y = 0 > x ? slope * x : x
//!
//! So NaN stays NaN and -0 stays -0. Integers wrap.
//!
//! (C1) The operands have one element type. (C2) Their shapes broadcast.

use super::{Operator, elementwise};
use crate::{Mismatch, Real, Tensor, Type};

/// The positive part and a multiple of the negative one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prelu;

impl elementwise::Binary for Prelu {
    fn real<T: Real>(&self, x: T, slope: T) -> T {
        if T::default() > x { slope * x } else { x }
    }

    fn integer(&self, x: i64, slope: i64) -> i64 {
        if 0 > x { slope.wrapping_mul(x) } else { x }
    }
}

impl Operator for Prelu {
    const NAME: &'static str = "prelu";
    const ARITY: (usize, usize) = (2, 2);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_binary(operands)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        elementwise::binary(self, operands, result)
    }
}
