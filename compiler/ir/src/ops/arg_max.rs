//! `arg_max`: where along an axis the greatest element stands.
//!
//!     y = the first i whose x[i] is greatest
//!
//! With `least` it is that of the least element, with `last` the last such i. NaN is passed over, and without
//! `last` so is -inf, with `least` inf: where there is nothing else, it is the first i. With `keep` the extent
//! of the axis becomes 1, otherwise it goes away. Result of type i64.
//!
//! (C1) axis is a dimension of x, counted from 0. (C2) It has elements.

use super::elementwise::with_scalar;
use super::lines::Lines;
use super::{Cost, Operator, dimension};
use crate::attrs::Attrs;
use crate::error::require;
use crate::scalar::Scalar;
use crate::{DType, Mismatch, Tensor, Type};

/// Where along an axis the greatest element stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgMax {
    /// The dimension along which is looked; it has no default.
    pub axis: i64,
    /// Whether it stays, with extent 1.
    pub keep: bool,
    /// Whether the least element is looked for.
    pub least: bool,
    /// Whether the last of equal ones is meant.
    pub last: bool,
}

impl Default for ArgMax {
    fn default() -> ArgMax {
        ArgMax { axis: -1, keep: true, least: false, last: false }
    }
}

impl Operator for ArgMax {
    const NAME: &'static str = "arg_max";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.int("axis", &mut self.axis, -1);
        a.flag("keep", &mut self.keep, true);
        a.flag("least", &mut self.least, false);
        a.flag("last", &mut self.last, false);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        let d = dimension("(C1)", self.axis, x)?;
        require!(x.dims()[d] > 0, "(C2): axis {d} of x {x} has no elements");
        let mut dims = x.dims().to_vec();
        match self.keep {
            true => dims[d] = 1,
            false => drop(dims.remove(d)),
        }
        Type::new(DType::I64, dims)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_scalar!(operands[0], T => self.find::<T>(operands[0], result))
    }

    fn cost(&self, operands: &[&Type], _: &Type) -> Cost {
        Cost { macs: 0, flops: operands[0].elements() as u64 }
    }
}

impl ArgMax {
    fn find<T: Scalar>(&self, x: &Tensor, result: &Type) -> Tensor {
        let xs = x.slice::<T>();
        let lines = Lines::along(x.shape(), self.axis as usize);
        let wins = |x: T, best: T| match (self.least, self.last) {
            (false, false) => x > best,
            (false, true) => x >= best,
            (true, false) => x < best,
            (true, true) => x <= best,
        };
        let place = |start| {
            let none = (if self.least { T::GREATEST } else { T::LEAST }, 0);
            let better = |(best, at), (i, place): (usize, usize)| match wins(xs[place], best) {
                true => (xs[place], i as i64),
                false => (best, at),
            };
            lines.places(start).enumerate().fold(none, better).1
        };
        Tensor::of(&result.shape, lines.starts().map(place).collect())
    }
}
