//! `reduce_max`: the greatest element along some axes.
//!
//!     y = max of x
//!
//! The maximum is taken in row-major order by `acc = x > acc ? x : acc`, from -inf: NaN never wins.
//! With `keep` a reduced extent becomes 1, otherwise it goes away.
//!
//! (C1) x is real. (C2) axes are one or more dimensions of x, counted from 0, each there once, in any order.

use super::{Cost, Operator, reduce};
use crate::attrs::Attrs;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Tensor, Type};

/// The greatest element along some axes.
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceMax {
    /// The dimensions that are reduced.
    pub axes: Vec<i64>,
    /// Whether they stay, with extent 1.
    pub keep: bool,
}

impl Default for ReduceMax {
    fn default() -> ReduceMax {
        ReduceMax { axes: Vec::new(), keep: true }
    }
}

impl Operator for ReduceMax {
    const NAME: &'static str = "reduce_max";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        reduce::attrs(a, &mut self.axes, &mut self.keep);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        reduce::infer(&self.axes, self.keep, operands[0])
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_real!(operands[0], T => {
            let greater = |acc: T, x: T| if x > acc { x } else { acc };
            let max = |max: T, _| max;
            reduce::fold(&self.axes, operands[0], result, T::from_f64(f64::NEG_INFINITY), greater, max)
        })
    }

    fn cost(&self, operands: &[&Type], _: &Type) -> Cost {
        reduce::cost(operands[0])
    }
}
