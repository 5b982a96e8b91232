//! `expand`: the same elements again and again, along dimensions that stretch.
//!
//!     y[i0, i1, ..] = x[i0 or 0, i1 or 0, ..]
//!
//! Of every element type. Extents align at the innermost; an index counts along those of x, and is 0 where x
//! has one element or no dimension.
//!
//! (C1) The shape is one, and x broadcasts to it.

use super::view::View;
use super::{Cost, Operator};
use crate::attrs::Attrs;
use crate::error::mismatch;
use crate::{Mismatch, Shape, Tensor, Type};

/// The same elements again and again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expand {
    /// The extents of the result.
    pub shape: Vec<i64>,
}

impl Operator for Expand {
    const NAME: &'static str = "expand";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.ints("shape", &mut self.shape);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        let shape = Shape::from_signed(&self.shape)
            .map_err(|Mismatch(m)| Mismatch(format!("(C1): shape={:?}: {m}", self.shape)))?;
        match x.shape.broadcast(&shape) {
            Ok(broadcast) if broadcast == shape => Ok(Type { dtype: x.dtype, shape }),
            _ => mismatch!("(C1): x {x} does not broadcast to {shape}"),
        }
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let x = operands[0];
        let mut places = View::stretched(x.shape().dims(), result.dims()).places();
        x.gathered(&result.shape, 0.0, |_| places.next())
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}
