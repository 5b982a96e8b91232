//! `reduce_mean`: the mean along some axes.
//!
//!     y = (sum of x) / count
//!
//! The sum runs through x in row-major order, from 0; the mean of no elements is NaN.
//! With `keep` a reduced extent becomes 1, otherwise it goes away.
//!
//! (C1) x is real. (C2) axes are one or more dimensions of x, counted from 0, each there once, in any order.

use super::{Cost, Operator, reduce};
use crate::attrs::Attrs;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Tensor, Type};

/// The mean along some axes.
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceMean {
    /// The dimensions that are reduced.
    pub axes: Vec<i64>,
    /// Whether they stay, with extent 1.
    pub keep: bool,
}

impl Default for ReduceMean {
    fn default() -> ReduceMean {
        ReduceMean { axes: Vec::new(), keep: true }
    }
}

impl Operator for ReduceMean {
    const NAME: &'static str = "reduce_mean";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        reduce::attrs(a, &mut self.axes, &mut self.keep);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        reduce::infer(&self.axes, self.keep, operands[0])
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_real!(operands[0], T => {
            let add = |sum: T, x: T| sum + x;
            let mean = |sum: T, count| sum / T::from_f64(count);
            reduce::fold(&self.axes, operands[0], result, T::default(), add, mean)
        })
    }

    fn cost(&self, operands: &[&Type], _: &Type) -> Cost {
        reduce::cost(operands[0])
    }
}
