//! `cum_sum`: running sums along an axis.
//!
//!     y[i] = x[0] + x[1] + .. + x[i]
//!
//! With `exclusive` the term i itself takes no part. With `reverse` the sum runs from the last term to term i.
//! Terms are added in that order, to 0; integers wrap. Result as x.
//!
//! (C1) x is of numbers. (C2) axis is a dimension of x, counted from 0.

use super::elementwise::with_scalar;
use super::lines::Lines;
use super::{Operator, dimension};
use crate::attrs::Attrs;
use crate::error::require;
use crate::scalar::Scalar;
use crate::{DType, Mismatch, Tensor, Type};

/// Running sums along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct CumSum {
    /// The dimension along which is added; it has no default.
    pub axis: i64,
    /// Whether a sum leaves out the element at its own place.
    pub exclusive: bool,
    /// Whether it runs from the end.
    pub reverse: bool,
}

impl Default for CumSum {
    fn default() -> CumSum {
        CumSum { axis: -1, exclusive: false, reverse: false }
    }
}

impl Operator for CumSum {
    const NAME: &'static str = "cum_sum";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.int("axis", &mut self.axis, -1);
        a.flag("exclusive", &mut self.exclusive, false);
        a.flag("reverse", &mut self.reverse, false);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        require!(x.dtype != DType::Bool, "(C1): x {x} is not of numbers");
        dimension("(C2)", self.axis, x)?;
        Ok(x.clone())
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        with_scalar!(operands[0], T => self.add_up::<T>(operands[0]))
    }
}

impl CumSum {
    fn add_up<T: Scalar>(&self, x: &Tensor) -> Tensor {
        let lines = Lines::along(x.shape(), self.axis as usize);
        let mut y = x.slice::<T>().to_vec();
        for start in lines.starts() {
            let mut sum = T::default();
            for i in 0..lines.extent {
                let i = if self.reverse { lines.extent - 1 - i } else { i };
                let place = lines.place(start, i);
                let next = sum.plus(y[place]);
                y[place] = if self.exclusive { sum } else { next };
                sum = next;
            }
        }
        Tensor::of(x.shape(), y)
    }
}
