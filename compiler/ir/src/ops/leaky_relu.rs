//! `leaky_relu`: the positive part and a fraction of the negative one.
//!
//!     y = 0 > x ? alpha * x : x
//!
//! So NaN stays NaN and -0 stays -0.
//!
//! (C1) The operand is real.

use super::{Operator, elementwise};
use crate::attrs::Attrs;
use crate::{Mismatch, Real, Tensor, Type};

/// The positive part and a fraction of the negative one.
#[derive(Clone, Debug, PartialEq)]
pub struct LeakyRelu {
    /// The fraction.
    pub alpha: f32,
}

impl Default for LeakyRelu {
    fn default() -> LeakyRelu {
        LeakyRelu { alpha: 0.01 }
    }
}

impl elementwise::Unary for LeakyRelu {
    fn real<T: Real>(&self, x: T) -> T {
        if T::default() > x { T::from_f64(self.alpha.into()) * x } else { x }
    }
}

impl Operator for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.float("alpha", &mut self.alpha, 0.01);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        elementwise::infer_unary(operands)
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        elementwise::unary(self, operands[0])
    }
}
