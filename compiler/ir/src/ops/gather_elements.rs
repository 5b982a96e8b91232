//! `gather_elements`: each element of the result is the one of x that an index names along an axis, at its
//! own place along the others.
//!
//!     y[p.., i, q..] = x[p.., indices[p.., i, q..], q..]
//!
//! Operands: x of every element type, indices of the same rank. A negative index counts from the end; one
//! out of range is clamped to it. Result: the shape of the indices.
//!
//! (C1) axis is a dimension of x, counted from the outermost, from 0. (C2) The indices are i64 or i32.
//! (C3) x has elements along the axis, and the indices, but along the axis, no extent beyond that of x.

use super::view::{View, row_major};
use super::{Cost, Operator, dimension, index};
use crate::attrs::Attrs;
use crate::error::require;
use crate::{Mismatch, Tensor, Type};

/// The elements that indices name along an axis, one for each element of the result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GatherElements {
    /// The dimension of x that the indices count along.
    pub axis: i64,
}

impl Operator for GatherElements {
    const NAME: &'static str = "gather_elements";
    const ARITY: (usize, usize) = (2, 2);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.int("axis", &mut self.axis, 0);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        infer_along(self.axis, operands)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let mut places = places_along(self.axis as usize, operands[0], operands[1]);
        operands[0].gathered(&result.shape, 0.0, |_| places.next())
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}

/// Checks x and indices along an axis; x in the shape of the indices.
pub(super) fn infer_along(axis: i64, operands: &[&Type]) -> Result<Type, Mismatch> {
    let (x, indices) = (operands[0], operands[1]);
    let axis = dimension("(C1)", axis, x)?;
    index::check("(C2)", indices)?;
    let inside = |d: usize| d == axis || indices.dims()[d] <= x.dims()[d];
    let legal = x.dims()[axis] > 0 && indices.rank() == x.rank() && (0..x.rank()).all(inside);
    require!(legal, "(C3): the indices {indices} leave x {x} along other dimensions than axis {axis}");
    x.with_dims(indices.dims())
}

/// The element of x that each index names.
pub(super) fn places_along(axis: usize, x: &Tensor, indices: &Tensor) -> impl Iterator<Item = usize> {
    let strides = row_major(x.shape().dims());
    let (extent, stride) = (x.shape()[axis], strides[axis] as usize);
    let lines = View::new(0, indices.shape().dims(), |d| if d == axis { 0 } else { strides[d] }).places();
    lines.zip(index::given(indices)).map(move |(line, i)| line + index::place(i, extent) * stride)
}
