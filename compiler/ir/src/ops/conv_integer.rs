//! `conv_integer`: 2-D cross-correlation of quantised integers.
//!
//!     y[n,o,i,j] = sum over c,u,v of (w[o,c,u,v] - w_zero) * (x[n, g*C+c, i*s+u*d-p, j*s+v*d-p] - x_zero)
//!
//! Operands: x and w as those of [`conv`](super::conv), x_zero that broadcasts to x and is of its type,
//! w_zero that broadcasts to w and is of its type. Elements outside of x count as x_zero. Result: i32, exact
//! but for wrapping.
//!
//! (C4) x and w are u8 or i8, and zero points are of their types. (C5) Zero points broadcast to x and w. And
//! the rules of `conv`.

use super::conv::Conv;
use super::{Cost, Operator, quantum};
use crate::attrs::Attrs;
use crate::{DType, Mismatch, Tensor, Type};

/// 2-D cross-correlation of quantised integers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConvInteger {
    /// How the window slides.
    pub conv: Conv,
}

impl Operator for ConvInteger {
    const NAME: &'static str = "conv_integer";
    const ARITY: (usize, usize) = (4, 4);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        self.conv.attrs(a);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let [x, w] = quantum::infer_factors(["(C4)", "(C5)"], operands)?;
        Ok(self.conv.infer(&[&x, &w])?.with_dtype(DType::I32))
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let [x, w] = quantum::factors(operands);
        let exact = self.conv.eval(&[&x, &w], &result.with_dtype(DType::F64));
        quantum::wrapped(&exact)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        self.conv.cost(&operands[..2], result)
    }
}
