//! `arg_max_pool`: where the greatest element under each window stands.
//!
//!     y[n,c,i,j] = the place in x of the first element that max_pool finds for the window
//!
//! A place counts the elements of x in row-major order, or, with `column_major`, those of each plane column
//! by column. NaN and -inf are passed over; a window of nothing else has the place of its first element.
//! Result of type i64.
//!
//! Operand and rules are those of `max_pool`: x `[N, C, H, W]`. (C1) x is of numbers and of rank 4. (C2) H
//! and W are positive. And the rules of [windows](super::Window): (W1) kernel, stride and dilation are
//! positive, (W2) a window fits, (W3) the padding on each side is smaller than what a window spans.

use super::elementwise::with_scalar;
use super::window::pool;
use super::{Cost, MaxPool, Operator};
use crate::attrs::Attrs;
use crate::scalar::Scalar;
use crate::{DType, Mismatch, Tensor, Type};

/// Where the greatest element under each window stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArgMaxPool {
    /// The pool whose elements are meant.
    pub pool: MaxPool,
    /// Whether the elements of a plane are counted column by column.
    pub column_major: bool,
}

impl Operator for ArgMaxPool {
    const NAME: &'static str = "arg_max_pool";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        self.pool.attrs(a);
        a.flag("column_major", &mut self.column_major, false);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        Ok(self.pool.infer(operands)?.with_dtype(DType::I64))
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_scalar!(operands[0], T => self.find::<T>(operands[0], result))
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        self.pool.cost(operands, result)
    }
}

impl ArgMaxPool {
    fn find<T: Scalar>(&self, x: &Tensor, result: &Type) -> Tensor {
        let (height, width) = (x.shape()[2], x.shape()[3]);
        let greater = |best: Option<(T, usize)>, x: T, at: usize| {
            let (max, place) = best.unwrap_or((T::LEAST, at));
            Some(if x > max { (x, at) } else { (max, place) })
        };
        let place = |best: Option<(T, usize)>, plane: usize, _: [usize; 2]| {
            let at = best.map_or(0, |(_, at)| at);
            let at = if self.column_major { at % width * height + at / width } else { at };
            (plane * height * width + at) as i64
        };
        pool(&self.pool.window(), x, None, greater, place, result)
    }
}
