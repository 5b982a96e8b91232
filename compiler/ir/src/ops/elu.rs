//! `elu`: the exponential linear unit.
//!
//!     y = 0 > x ? alpha * (exp(x) - 1) : x
//!
//! So NaN stays NaN and -0 stays -0.
//!
//! (C1) The operand is real.

use super::{Operator, elementwise};
use crate::attrs::Attrs;
use crate::{Mismatch, Real, Tensor, Type};

/// The exponential linear unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Elu {
    /// How far below zero the results reach.
    pub alpha: f32,
}

impl Default for Elu {
    fn default() -> Elu {
        Elu { alpha: 1.0 }
    }
}

impl elementwise::Unary for Elu {
    fn real<T: Real>(&self, x: T) -> T {
        if T::default() > x { T::from_f64(self.alpha.into()) * x.exp_m1() } else { x }
    }
}

impl Operator for Elu {
    const NAME: &'static str = "elu";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.float("alpha", &mut self.alpha, 1.0);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_unary(operands)
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        elementwise::unary(self, operands[0])
    }
}
