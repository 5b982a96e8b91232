//! `concat`: tensors one behind the other along an axis.
//!
//!     y[.., i, ..] = x_t[.., i - (extents of x_0 to x_(t-1) along the axis), ..]
//!
//! Of every element type. Operands: one or more x_t of the same shape but for the axis.
//!
//! (C1) axis is a dimension of the operands, counted from the outermost, from 0. (C2) The operands have one
//! element type and the same extents, but for the axis. (C3) The result is a shape.

use super::{Cost, Operator, dimension};
use crate::attrs::Attrs;
use crate::error::require;
use crate::tensor::with_element;
use crate::{Element, Mismatch, Tensor, Type};

/// Tensors one behind the other along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Concat {
    /// The dimension along which they stand; it has no default.
    pub axis: i64,
}

impl Default for Concat {
    fn default() -> Concat {
        Concat { axis: -1 }
    }
}

impl Operator for Concat {
    const NAME: &'static str = "concat";
    const ARITY: (usize, usize) = (1, usize::MAX);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.int("axis", &mut self.axis, -1);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let first = operands[0];
        let axis = dimension("(C1)", self.axis, first)?;
        let mut extent = 0usize;
        for t in operands {
            let alike = t.dtype == first.dtype
                && t.rank() == first.rank()
                && (0..first.rank()).all(|d| d == axis || t.dims()[d] == first.dims()[d]);
            require!(alike, "(C2): {first} and {t} differ in more than their extents along axis {axis}");
            extent = extent.saturating_add(t.dims()[axis]);
        }
        let mut dims = first.dims().to_vec();
        dims[axis] = extent;
        first.with_dims(dims).map_err(|Mismatch(m)| Mismatch(format!("(C3): {m}")))
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_element!(operands[0], T => self.join::<T>(operands, result))
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}

impl Concat {
    fn join<T: Element>(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let axis = self.axis as usize;
        let outer: usize = result.dims()[..axis].iter().product();
        let mut y = Vec::with_capacity(result.elements());
        if !result.shape.is_empty() {
            for i in 0..outer {
                for x in operands {
                    let block: usize = x.shape().dims()[axis..].iter().product();
                    y.extend_from_slice(&x.slice::<T>()[i * block..][..block]);
                }
            }
        }
        Tensor::of(&result.shape, y)
    }
}
