//! `and`, `or`, `xor`, `not`: logic on truth values, and bit by bit on integers.
//!
//!     y = a & b     y = a | b     y = a ^ b     y = !a
//!
//! (C1) The operands have one element type. (C2) Their shapes broadcast. (C3) They are not real.

use super::Operator;
use super::elementwise::{self, Binary, map, with_integer};
use crate::error::require;
use crate::{Mismatch, Real, Tensor, Type};

fn not_real(ty: Type) -> Result<Type, Mismatch> {
    require!(!ty.dtype.is_float(), "(C3): the operands are {}, they must be bool or integers", ty.dtype);
    Ok(ty)
}

macro_rules! connectives {
    ($($(#[$doc:meta])* $op:ident $name:literal = |$x:ident, $y:ident| $value:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $op;

        impl Binary for $op {
            fn real<T: Real>(&self, _: T, _: T) -> T {
                unreachable!("(C3)")
            }

            fn integer(&self, $x: i64, $y: i64) -> i64 {
                $value
            }
        }

        impl Operator for $op {
            const NAME: &'static str = $name;
            const ARITY: (usize, usize) = (2, 2);
            const ELEMENTWISE: bool = true;

            fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
                not_real(elementwise::infer_binary(operands)?)
            }

            fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
                elementwise::binary(self, operands, result)
            }
        }
    )* };
}

connectives! {
    /// Both.
    And "and" = |a, b| a & b;
    /// Either or both.
    Or "or" = |a, b| a | b;
    /// Either, not both.
    Xor "xor" = |a, b| a ^ b;
}

/// The opposite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Not;

impl Operator for Not {
    const NAME: &'static str = "not";
    const ARITY: (usize, usize) = (1, 1);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        not_real(operands[0].clone())
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        with_integer!(operands[0], T => map(operands[0], |x: T| !x))
    }
}
