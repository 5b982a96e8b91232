//! `reshape`: the same elements in another shape.
//!
//!     y = x, read in row-major order
//!
//! Of every element type. Also what flattens, squeezes and unsqueezes.
//!
//! (C1) No extent is negative. (C2) The shape has as many elements as x.

use super::{Cost, Operator};
use crate::attrs::Attrs;
use crate::error::require;
use crate::{Mismatch, Shape, Tensor, Type};

/// The same elements in another shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reshape {
    /// The extents of the result.
    pub shape: Vec<i64>,
}

impl Operator for Reshape {
    const NAME: &'static str = "reshape";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.ints("shape", &mut self.shape);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        let shape = Shape::from_signed(&self.shape)
            .map_err(|Mismatch(m)| Mismatch(format!("(C1): shape={:?}: {m}", self.shape)))?;
        require!(
            shape.elements() == x.elements(),
            "(C2): x {x} has {} elements, shape {shape} has {}",
            x.elements(),
            shape.elements()
        );
        Ok(Type { dtype: x.dtype, shape })
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        operands[0].reshaped(&result.shape)
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}
