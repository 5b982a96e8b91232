//! `top_k`: the greatest elements along an axis, the greatest first, or where they stand.
//!
//!     y[i] = x[p[i]], or p[i]:  p = the places along the axis, ordered by falling x
//!
//! Of equal elements that of the lower place comes first; NaN comes last. With `least` the order is that of
//! rising x. With `places` the result is p, of type i64. Result as x, with `k` elements along the axis.
//!
//! (C1) axis is a dimension of x, counted from 0. (C2) It has k elements at least.

use super::elementwise::with_scalar;
use super::lines::Lines;
use super::{Cost, Operator, dimension};
use crate::attrs::Attrs;
use crate::error::require;
use crate::scalar::Scalar;
use crate::{DType, Mismatch, Tensor, Type};
use std::cmp::Ordering;

/// The greatest elements along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct TopK {
    /// The dimension along which is looked; it has no default.
    pub axis: i64,
    /// How many elements.
    pub k: usize,
    /// Whether the least ones are looked for.
    pub least: bool,
    /// Whether their places are the result.
    pub places: bool,
}

impl Default for TopK {
    fn default() -> TopK {
        TopK { axis: -1, k: 1, least: false, places: false }
    }
}

impl Operator for TopK {
    const NAME: &'static str = "top_k";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.int("axis", &mut self.axis, -1);
        a.count("k", &mut self.k, 1);
        a.flag("least", &mut self.least, false);
        a.flag("places", &mut self.places, false);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        let d = dimension("(C1)", self.axis, x)?;
        require!(self.k <= x.dims()[d], "(C2): {} elements along axis {d} of x {x}: k is too great", self.k);
        let mut dims = x.dims().to_vec();
        dims[d] = self.k;
        Type::new(if self.places { DType::I64 } else { x.dtype }, dims)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let x = operands[0];
        let places = with_scalar!(x, T => self.order::<T>(x, result));
        let lines = Lines::along(x.shape(), self.axis as usize);
        match self.places {
            true => Tensor::of(&result.shape, places.iter().map(|&(_, i)| i as i64).collect()),
            false => x.gathered(&result.shape, 0.0, |at| Some(lines.place(places[at].0, places[at].1))),
        }
    }

    fn cost(&self, operands: &[&Type], _: &Type) -> Cost {
        let (x, levels) = (operands[0], self.k.max(2).ilog2().into());
        Cost { macs: 0, flops: (x.elements() as u64).saturating_mul(levels) }
    }
}

impl TopK {
    /// For each element of the result the line of x that it comes from, by its start, and its place there.
    fn order<T: Scalar>(&self, x: &Tensor, result: &Type) -> Vec<(usize, usize)> {
        let xs = x.slice::<T>();
        let axis = self.axis as usize;
        let (from, to) = (Lines::along(x.shape(), axis), Lines::along(&result.shape, axis));
        let mut places = vec![(0, 0); result.elements()];
        for (start, result) in from.starts().zip(to.starts()) {
            let mut order: Vec<usize> = (0..from.extent).collect();
            let at = |i: &usize| xs[from.place(start, *i)];
            // A stable sort: equal elements keep the order of their places.
            order.sort_by(|i, j| compare(at(i), at(j), self.least));
            for (k, &i) in order.iter().take(self.k).enumerate() {
                places[to.place(result, k)] = (start, i);
            }
        }
        places
    }
}

/// Which of two comes first; what is not equal to itself is NaN, and comes last.
fn compare<T: PartialOrd>(x: T, y: T, rising: bool) -> Ordering {
    let order = if rising { x.partial_cmp(&y) } else { y.partial_cmp(&x) };
    let is_nan = |x: &T| x.partial_cmp(x).is_none();
    order.unwrap_or_else(|| is_nan(&x).cmp(&is_nan(&y)))
}
