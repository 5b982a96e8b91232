//! `clip`: the nearest number between two bounds.
//!
//!     y = min(max(x, lo), hi)
//!
//! NaN stays NaN, -0 stays -0 where a bound is 0, and hi wins where lo is above it.
//!
//! (C1) The operand is real. (C2) No bound is NaN.

use super::{Operator, elementwise};
use crate::attrs::Attrs;
use crate::error::require;
use crate::{Mismatch, Real, Tensor, Type};

/// The nearest number between two bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// The least result, lo.
    pub min: f32,
    /// The greatest result, hi.
    pub max: f32,
}

impl Default for Clip {
    fn default() -> Clip {
        Clip { min: f32::NEG_INFINITY, max: f32::INFINITY }
    }
}

impl elementwise::Unary for Clip {
    fn real<T: Real>(&self, x: T) -> T {
        let (lo, hi) = (T::from_f64(self.min.into()), T::from_f64(self.max.into()));
        let y = if x < lo { lo } else { x };
        if y > hi { hi } else { y }
    }
}

impl Operator for Clip {
    const NAME: &'static str = "clip";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.float("min", &mut self.min, f32::NEG_INFINITY);
        a.float("max", &mut self.max, f32::INFINITY);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        require!(
            !self.min.is_nan() && !self.max.is_nan(),
            "(C2): bounds {} and {} must be numbers",
            self.min,
            self.max
        );
        elementwise::infer_unary(operands)
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        elementwise::unary(self, operands[0])
    }
}
