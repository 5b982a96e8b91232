//! `abs`, `neg`, `sign`: size and sign of a number.
//!
//!     abs(x)  = |x|
//!     neg(x)  = -x
//!     sign(x) = 1 where x > 0, -1 where x < 0, else x
//!
//! `abs` and `neg` change the sign bit of a real alone, of NaN and 0 too; integers wrap, so the least one stays.
//! `sign` keeps NaN and zeros.
//!
//! (C1) The operand is a number.

use super::Operator;
use super::elementwise::{self, Number, Unary};
use crate::{Mismatch, Real, Tensor, Type};

macro_rules! number_functions {
    ($($(#[$doc:meta])* $op:ident $name:literal = |$x:ident| $real:expr, $integer:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $op;

        impl Unary for $op {
            fn real<T: Real>(&self, $x: T) -> T {
                $real
            }
        }

        impl Number for $op {
            fn integer(&self, $x: i64) -> i64 {
                $integer
            }
        }

        impl Operator for $op {
            const NAME: &'static str = $name;
            const ARITY: (usize, usize) = (1, 1);
            const ELEMENTWISE: bool = true;

            fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
                elementwise::infer_number(operands)
            }

            fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
                elementwise::number(self, operands[0])
            }
        }
    )* };
}

number_functions! {
    /// The size.
    Abs "abs" = |x| x.abs(), x.wrapping_abs();
    /// The number of the other sign.
    Neg "neg" = |x| -x, x.wrapping_neg();
    /// 1, -1 or 0.
    Sign "sign" = |x| sign(x), x.signum();
}

fn sign<T: Real>(x: T) -> T {
    let zero = T::default();
    match () {
        () if x > zero => T::from_f64(1.0),
        () if x < zero => T::from_f64(-1.0),
        () => x,
    }
}
