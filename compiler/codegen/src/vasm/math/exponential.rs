//! Exponential and logarithm, and what is made of them.
//!
//! ```text
//! exp(x)      = 2^n (1 + r q(r))                 n = round(x / ln 2), r = x - n ln 2
//! exp_m1(x)   = 2^n r q(r) + (2^n - 1)
//! log(x)      = n ln 2 + f - f^2/2 + f^3 p(f)    x = 2^n (1 + f), 1 + f between sqrt(1/2) and sqrt(2)
//! log_1p(x)   = log(u) + (x - (u - 1)) / u       u = 1 + x, rounded
//! sigmoid(x)  = (x < 0 ? e : 1) / (1 + e)        e = exp(-|x|)
//! softplus(x) = max(x, 0) + log_1p(e)
//! ```

use super::{MAGIC, MANTISSA, SIGN, between, horner, with_sign};
use crate::vasm::{Bin, Builder, Operand, Un, V};

/// `(e^r - 1) / r` for |r| up to `ln(2) / 2`: relative error 2^-26. By power, from 0.
const EXPM1: [f32; 6] = [1.0, 4.9999997e-1, 1.666654e-1, 4.1667465e-2, 8.367011e-3, 1.3868858e-3];

/// `(ln(1 + f) - f + f^2 / 2) / f^3` for f from `sqrt(1/2) - 1` to `sqrt(2) - 1`: error of ln 2^-27.3, relative.
const LOG: [f32; 8] = [
    3.333333e-1,
    -2.500082e-1,
    2.0001242e-1,
    -1.6623409e-1,
    1.4201581e-1,
    -1.3159613e-1,
    1.2762201e-1,
    -7.636403e-2,
];

/// `ln 2` as a sum of two f32, the second below the precision of the first.
const LN2: [f32; 2] = [std::f32::consts::LN_2, -1.9046542e-9];

const EXPONENT: Operand = Operand::Const(0xff80_0000);

/// `e^x`: 0 below about -103.98, infinity above about 88.72.
pub fn exp(k: &mut Builder, x: V) -> V {
    let x = between(k, -104.0, x, 89.0);
    exp_between(k, x, None, 0)
}

/// `e^x - 1` for x below 88, and some number above.
pub fn exp_m1(k: &mut Builder, x: V) -> V {
    let clamped = between(k, -20.0, x, 88.0);
    let Reduced { r, q, e } = reduce(k, clamped, None);
    k.bin_to(Bin::Mul, q, q, r);
    let scale = k.bin(Bin::AddI, e, 1.0);
    let y = k.bin(Bin::Sub, scale, 1.0);
    k.fma(y, q, scale);
    with_sign(k, y, x)
}

/// The natural logarithm: minus infinity at either zero, NaN below.
pub fn log(k: &mut Builder, x: V) -> V {
    // Denormal arguments are scaled to be normal.
    let is_denormal = k.bin(Bin::Lt, x, f32::MIN_POSITIVE);
    let scaled = k.bin(Bin::Mul, x, (1 << MANTISSA) as f32);
    let f = k.select(is_denormal, scaled, x);
    let less = k.bin(Bin::And, is_denormal, f32::from(MANTISSA));

    // Counted from the bits of sqrt(1/2), the exponent field is n.
    let root = k.splat(std::f32::consts::FRAC_1_SQRT_2);
    let n = k.bin(Bin::SubI, f, root);
    k.un_to(Un::Sar(MANTISSA), n, n);
    let exponent = k.un(Un::Shl(MANTISSA), n);
    k.bin_to(Bin::SubI, f, f, exponent);
    k.bin_to(Bin::Sub, f, f, 1.0);
    k.un_to(Un::ToFloat, n, n);
    k.bin_to(Bin::Sub, n, n, less);

    let y = horner(k, &LOG, f);
    let square = k.bin(Bin::Mul, f, f);
    k.bin_to(Bin::Mul, y, y, f);
    k.bin_to(Bin::Sub, y, y, 0.5);
    k.bin_to(Bin::Mul, y, y, square);
    k.fma(y, n, LN2[1]);
    k.bin_to(Bin::Add, y, y, f);
    k.fma(y, n, LN2[0]);

    // All ones are a NaN.
    let zero = k.splat(0.0);
    let negative = k.bin(Bin::Lt, x, zero);
    let least = k.bin(Bin::Or, negative, f32::NEG_INFINITY);
    let is_positive = k.bin(Bin::Lt, zero, x);
    let y = k.select(is_positive, y, least);
    let is_finite = k.bin(Bin::Lt, x, f32::INFINITY);
    k.select(is_finite, y, x)
}

/// `ln(1 + x)` for x from 0 on; NaN below -1.
pub(super) fn log_1p(k: &mut Builder, x: V) -> V {
    let u = k.bin(Bin::Add, x, 1.0);
    let back = k.bin(Bin::Sub, u, 1.0);
    let lost = k.bin(Bin::Sub, x, back);
    k.bin_to(Bin::Div, lost, lost, u);
    let is_finite = k.bin(Bin::Lt, u, f32::INFINITY);
    k.bin_to(Bin::And, lost, lost, is_finite);
    let y = log(k, u);
    k.bin(Bin::Add, y, lost)
}

/// `1 / (1 + e^-x)`
pub fn sigmoid(k: &mut Builder, x: V) -> V {
    let e = exp_of_minus_size(k, x);
    let one = k.splat(1.0);
    let is_negative = k.un(Un::Sar(31), x);
    let above = k.select(is_negative, e, one);
    let below = k.bin(Bin::Add, e, one);
    k.bin(Bin::Div, above, below)
}

/// `ln(1 + e^x)`
pub fn softplus(k: &mut Builder, x: V) -> V {
    let e = exp_of_minus_size(k, x);
    let y = log_1p(k, e);
    let zero = k.splat(0.0);
    let ramp = k.bin(Bin::Max, zero, x);
    k.bin(Bin::Add, ramp, y)
}

/// `e^-|x|`
fn exp_of_minus_size(k: &mut Builder, x: V) -> V {
    let least = k.splat(-104.0);
    let negative = k.bin(Bin::Or, x, SIGN);
    let clamped = k.bin(Bin::Max, least, negative);
    exp_between(k, clamped, None, 0)
}

/// An argument of the exponential, taken apart.
pub(super) struct Reduced {
    /// `x - n ln 2`
    pub r: V,
    /// `(e^r - 1) / r`
    pub q: V,
    /// `n << MANTISSA`: added to the bits of 1.0, it makes `2^n` where that is a normal number.
    pub e: V,
}

/// Takes `x`, of size below 150, apart; its register becomes `r`, to which `rest` is added, a small part of x.
pub(super) fn reduce(k: &mut Builder, x: V, rest: Option<V>) -> Reduced {
    let shifted = k.splat(MAGIC);
    k.fma(shifted, x, std::f32::consts::LOG2_E);
    let n = k.bin(Bin::Sub, shifted, MAGIC);
    // The bits of MAGIC leave at the top.
    let e = k.un(Un::Shl(MANTISSA), shifted);
    k.fma(x, n, -LN2[0]);
    k.fma(x, n, -LN2[1]);
    if let Some(rest) = rest {
        k.bin_to(Bin::Add, x, x, rest);
    }
    let q = horner(k, &EXPM1, x);
    Reduced { r: x, q, e }
}

/// `2^power e^(x + rest)` for x from -104 to 90, whose register is overwritten. `2^n` is applied in two factors, as one
/// of them would be out of range for the largest and for denormal results.
pub(super) fn exp_between(k: &mut Builder, x: V, rest: Option<V>, power: i32) -> V {
    let Reduced { r, q, e } = reduce(k, x, rest);
    k.mul_add(q, r, 1.0);
    if power != 0 {
        k.bin_to(Bin::AddI, e, e, Operand::Const((power << MANTISSA) as u32));
    }
    let half = k.un(Un::Sar(1), e);
    let half = k.bin(Bin::And, half, EXPONENT);
    let rest = k.bin(Bin::SubI, e, half);
    for exponent in [half, rest] {
        let scale = k.bin(Bin::AddI, exponent, 1.0);
        k.bin_to(Bin::Mul, q, q, scale);
    }
    q
}
