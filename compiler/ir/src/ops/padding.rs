//! `pad`: a border of one value.
//!
//!     y[i0, i1, ..] = x[i0 - before[0], i1 - before[1], ..] inside, value outside
//!
//! Of every element type; the value is rounded to it.
//!
//! (C1) before and after have one entry for each dimension of x, none negative. (C2) The result is a shape.

use super::view::{View, row_major};
use super::{Cost, Operator};
use crate::attrs::Attrs;
use crate::error::{mismatch, require};
use crate::{Mismatch, Tensor, Type};

/// A border of one value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Padding {
    /// Elements added in front along each dimension.
    pub before: Vec<i64>,
    /// Elements added behind.
    pub after: Vec<i64>,
    /// What is added.
    pub value: f32,
}

impl Operator for Padding {
    const NAME: &'static str = "pad";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.ints("before", &mut self.before);
        a.ints("after", &mut self.after);
        a.float("value", &mut self.value, 0.0);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        let (before, after) = (&self.before, &self.after);
        require!(
            before.len() == x.rank()
                && after.len() == x.rank()
                && before.iter().chain(after).all(|&n| n >= 0),
            "(C1): before={before:?} and after={after:?} are no counts for the {} dimensions of x {x}",
            x.rank()
        );
        let sums = (0..x.rank())
            .map(|d| x.dims()[d].checked_add(before[d] as usize)?.checked_add(after[d] as usize));
        let dims: Option<Vec<usize>> = sums.collect();
        let Some(dims) = dims else {
            mismatch!("(C2): x {x} padded by {before:?} and {after:?} is too large")
        };
        x.with_dims(dims).map_err(|Mismatch(m)| Mismatch(format!("(C2): {m}")))
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let x = operands[0];
        let strides = row_major(result.dims());
        let base: usize =
            self.before.iter().zip(&strides).map(|(&n, &stride)| n as usize * stride as usize).sum();
        let mut inside = View::new(base, x.shape().dims(), |d| strides[d]).places().enumerate().peekable();
        x.gathered(&result.shape, self.value.into(), |at| {
            inside.next_if(|&(_, place)| place == at).map(|(element, _)| element)
        })
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}
