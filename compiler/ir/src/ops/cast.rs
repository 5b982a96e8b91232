//! `cast`: the elements in another type.
//!
//!     y = x as to
//!
//! Floats round to nearest, floats to integers truncate and saturate (NaN gives 0), integers wrap, anything
//! but 0 is true. Where the evaluator computes f32 in double precision, a cast to f32 does not round.

use super::{Cost, Operator};
use crate::attrs::Attrs;
use crate::{DType, Mismatch, Tensor, Type};

/// The elements in another type.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// The element type of the result.
    pub to: DType,
}

impl Default for Cast {
    fn default() -> Cast {
        Cast { to: DType::F32 }
    }
}

impl Operator for Cast {
    const NAME: &'static str = "cast";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.dtype("to", &mut self.to, DType::F32);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        Ok(operands[0].with_dtype(self.to))
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        operands[0].cast(result.dtype)
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}
