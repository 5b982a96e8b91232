//! `rsqrt`: the reciprocal square root.
//!
//!     y = 1 / sqrt(x + eps)
//!
//! -0 gives inf, as 0 does: without eps too, 0 is added.
//!
//! (C1) The operand is real.

use super::{Operator, elementwise};
use crate::attrs::Attrs;
use crate::{Mismatch, Real, Tensor, Type};

/// The reciprocal square root.
#[derive(Clone, Debug, PartialEq)]
pub struct Rsqrt {
    /// What keeps the root away from zero.
    pub eps: f32,
}

impl Default for Rsqrt {
    fn default() -> Rsqrt {
        Rsqrt { eps: 0.0 }
    }
}

impl elementwise::Unary for Rsqrt {
    fn real<T: Real>(&self, x: T) -> T {
        T::from_f64(1.0) / (x + T::from_f64(self.eps.into())).sqrt()
    }
}

impl Operator for Rsqrt {
    const NAME: &'static str = "rsqrt";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.float("eps", &mut self.eps, 0.0);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_unary(operands)
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        elementwise::unary(self, operands[0])
    }
}
