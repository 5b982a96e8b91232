//! Functions of one f32 vector, and powers.
//!
//! INVARIANT: within 4 units in the last place of the true value for every x, denormal results, zeros with their
//! signs and infinities included; a NaN gives a NaN. At most nine registers live beside the operands. Of numbers
//! beyond a million the sine, cosine and tangent are those of an angle within 2^-22 of them, of those beyond 2^36 of no
//! angle in particular.
//! Polynomials are minimax fits, rounded to f32 from the lowest power up, each lower one taken into account.

mod error;
mod exponential;
mod hyperbolic;
mod power;
mod trigonometry;

pub use error::erf;
pub use exponential::{exp, exp_m1, log, sigmoid, softplus};
pub use hyperbolic::{acosh, asinh, atanh, cosh, sinh, tanh};
pub use power::pow;
pub use trigonometry::{acos, asin, atan, cos, sin, tan};

use super::{Bin, Builder, Operand, V};

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident $write:ident,)*) => {
        /// The functions of one operand.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Function { $($(#[$doc])* $name),* }

        impl Function {
            /// Writes its value at `x`.
            pub fn write(self, k: &mut Builder, x: V) -> V {
                match self { $(Function::$name => $write(k, x)),* }
            }
        }
    };
}

functions! {
    /// e to the power of x.
    Exp exp,
    /// The natural logarithm.
    Log log,
    /// The logistic function.
    Sigmoid sigmoid,
    /// A smooth ramp, ln(1 + e^x).
    Softplus softplus,
    /// The error function.
    Erf erf,
    /// The sine.
    Sin sin,
    /// The cosine.
    Cos cos,
    /// The tangent.
    Tan tan,
    /// The arc sine.
    Asin asin,
    /// The arc cosine.
    Acos acos,
    /// The arc tangent.
    Atan atan,
    /// The hyperbolic sine.
    Sinh sinh,
    /// The hyperbolic cosine.
    Cosh cosh,
    /// The hyperbolic tangent.
    Tanh tanh,
    /// The inverse of the hyperbolic sine.
    Asinh asinh,
    /// The inverse of the hyperbolic cosine.
    Acosh acosh,
    /// The inverse of the hyperbolic tangent.
    Atanh atanh,
}

/// 1.5 * 2^23: a float in whose last bits a small integer added to it appears.
const MAGIC: f32 = 12_582_912.0;

/// Bits of the mantissa.
const MANTISSA: u8 = 23;

const SIGN: Operand = Operand::Const(0x8000_0000);
const ABSOLUTE: Operand = Operand::Const(0x7fff_ffff);

/// The polynomial of those coefficients, by power from 0, at x.
fn horner(k: &mut Builder, coefficients: &[f32], x: V) -> V {
    let mut powers = coefficients.iter().rev();
    let y = k.splat(powers.next().copied().unwrap_or(0.0));
    powers.for_each(|c| k.mul_add(y, x, *c));
    y
}

/// `x`, or the bound it passes; a NaN stays, for it is the second operand.
fn between(k: &mut Builder, least: f32, x: V, most: f32) -> V {
    let least = k.splat(least);
    let x = k.bin(Bin::Max, least, x);
    let most = k.splat(most);
    k.bin(Bin::Min, most, x)
}

/// `y`, of any sign that is that of `x` or none, with the sign of `x`.
fn with_sign(k: &mut Builder, y: V, x: V) -> V {
    let sign = k.bin(Bin::And, x, SIGN);
    k.bin(Bin::Or, sign, y)
}

/// `-x`
fn negated(k: &mut Builder, x: V) -> V {
    k.bin(Bin::Xor, x, SIGN)
}

/// `x (1 + x^2 p(x^2))`, which keeps the sign of a zero; `square` is `x^2` or near it.
fn odd(k: &mut Builder, coefficients: &[f32], x: V, square: V) -> V {
    let p = horner(k, coefficients, square);
    k.mul_add(p, square, 1.0);
    k.bin(Bin::Mul, x, p)
}
