//! `equal`, `less`, `less_equal`: comparisons of two tensors that broadcast.
//!
//!     y = a == b     y = a < b     y = a <= b
//!
//! Nothing holds of NaN; the zeros are equal; false is less than true.
//!
//! (C1) The operands have one element type. (C2) Their shapes broadcast.

use super::Operator;
use super::elementwise::{self, with_scalar, zip};
use crate::{DType, Mismatch, Tensor, Type};

macro_rules! comparisons {
    ($($(#[$doc:meta])* $op:ident $name:literal = |$x:ident, $y:ident| $holds:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $op;

        impl Operator for $op {
            const NAME: &'static str = $name;
            const ARITY: (usize, usize) = (2, 2);
            const ELEMENTWISE: bool = true;

            fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
                Ok(elementwise::infer_binary(operands)?.with_dtype(DType::Bool))
            }

            fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
                with_scalar!(operands[0], T => zip(operands, result, |$x: T, $y: T| $holds))
            }
        }
    )* };
}

comparisons! {
    /// Whether two are equal.
    Equal "equal" = |a, b| a == b;
    /// Whether the first is less.
    Less "less" = |a, b| PartialOrd::lt(&a, &b);
    /// Whether the first is less or equal.
    LessEqual "less_equal" = |a, b| a <= b;
}
