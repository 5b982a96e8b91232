//! `gather`: the elements that an index tensor names along an axis.
//!
//!     y[p.., i.., q..] = x[p.., indices[i..], q..]
//!
//! Operands: x of every element type, indices of any shape. A negative index counts from the end; one out of
//! range is clamped to it. Result: the shape of x with that of the indices in place of the axis.
//!
//! (C1) axis is a dimension of x, counted from the outermost, from 0. (C2) The indices are i64 or i32. (C3) x
//! has elements along the axis. (C4) The result is a shape.

use super::{Cost, Operator, dimension, index};
use crate::attrs::Attrs;
use crate::error::require;
use crate::{Mismatch, Tensor, Type};

/// The elements that an index tensor names along an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gather {
    /// The dimension of x that the indices count along.
    pub axis: i64,
}

impl Operator for Gather {
    const NAME: &'static str = "gather";
    const ARITY: (usize, usize) = (2, 2);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.int("axis", &mut self.axis, 0);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (x, indices) = (operands[0], operands[1]);
        let axis = dimension("(C1)", self.axis, x)?;
        index::check("(C2)", indices)?;
        require!(x.dims()[axis] > 0, "(C3): x {x} has no elements along axis {axis}");
        let dims = [&x.dims()[..axis], indices.dims(), &x.dims()[axis + 1..]].concat();
        x.with_dims(dims).map_err(|Mismatch(m)| Mismatch(format!("(C4): {m}")))
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let (x, axis) = (operands[0], self.axis as usize);
        let extent = x.shape()[axis];
        let inner: usize = x.shape().dims()[axis + 1..].iter().product();
        let places: Vec<usize> =
            index::given(operands[1]).into_iter().map(|i| index::place(i, extent)).collect();
        x.gathered(&result.shape, 0.0, |at| {
            let (block, q) = (at / inner, at % inner);
            let (p, i) = (block / places.len(), block % places.len());
            Some((p * extent + places[i]) * inner + q)
        })
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}
