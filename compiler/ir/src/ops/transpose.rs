//! `transpose`: the dimensions in another order.
//!
//!     y[i_perm[0], i_perm[1], ..] = x[i_0, i_1, ..]
//!
//! Of every element type. Dimension d of the result is dimension `perm[d]` of x.
//!
//! (C1) perm names each dimension of x once.

use super::view::{View, row_major};
use super::{Cost, Operator};
use crate::attrs::Attrs;
use crate::error::require;
use crate::{Mismatch, Tensor, Type};

/// The dimensions in another order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transpose {
    /// Which dimension of x each dimension of the result is.
    pub perm: Vec<i64>,
}

impl Operator for Transpose {
    const NAME: &'static str = "transpose";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.ints("perm", &mut self.perm);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        let mut sorted = self.perm.clone();
        sorted.sort_unstable();
        require!(
            sorted.iter().copied().eq(0..x.rank() as i64),
            "(C1): perm={:?} does not name each of the {} dimensions of x {x} once",
            self.perm,
            x.rank()
        );
        x.with_dims(self.perm.iter().map(|&p| x.dims()[p as usize]).collect::<Vec<_>>())
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let x = operands[0];
        let strides = row_major(x.shape().dims());
        let mut places = View::new(0, result.dims(), |d| strides[self.perm[d] as usize]).places();
        x.gathered(&result.shape, 0.0, |_| places.next())
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}
