//! Functions of one f32 vector: exponential, logarithm, hyperbolic tangent, logistic and error function.
//!
//! ```text
//! exp(x)     = 2^n * (1 + r q(r))                  n = round(x / ln 2), r = x - n ln 2
//! log(x)     = n ln 2 + f - f^2/2 + f^3 p(f)       x = 2^n (1 + f), 1 + f between sqrt(1/2) and sqrt(2)
//! tanh(x)    = t / (t + 2)                         t = exp(2x) - 1 = 2^n r q(r) + (2^n - 1)
//! sigmoid(x) = (x < 0 ? e : 1) / (1 + e)           e = exp(-|x|)
//! erf(x)     = x + x p(x^2)                        for |x| < 0.93
//!            = sign(x) (1 - exp(t s(t)))           t = min(|x|, 4)
//! ```
//!
//! INVARIANT: within 4 units in the last place of the true value for every x, denormal results, zeros with their
//! signs and infinities included; a NaN gives a NaN. At most six registers live beside `x`.
//! Polynomials are minimax fits, rounded to f32 from the lowest power up, each lower one taken into account.

use super::{Bin, Builder, Operand, Un, V};

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

/// `erf(sqrt(s)) / sqrt(s) - 1` for s up to `0.93^2`: error of erf 2^-25.8.
const ERF_NEAR: [f32; 6] =
    [1.2837915e-1, -3.761249e-1, 1.1281731e-1, -2.6762966e-2, 4.987352e-3, -5.9595786e-4];

/// `ln(1 - erf(t)) / t` for t from 0.92 to 4.1: error of erf 2^-28.3.
const ERF_FAR: [f32; 6] =
    [-1.1285144, -6.3571817e-1, -1.0526201e-1, 2.2890048e-2, -3.214972e-3, 2.1398549e-4];

/// Where the two formulas of erf meet.
const ERF_BORDER: f32 = 0.93;

/// `ln 2` as a sum of two f32, the second below the precision of the first.
const LN2: [f32; 2] = [std::f32::consts::LN_2, -1.9046542e-9];

/// 1.5 * 2^23: a float in whose last bits a small integer added to it appears.
const MAGIC: f32 = 12_582_912.0;

/// Bits of the mantissa.
const MANTISSA: u8 = 23;

const SIGN: Operand = Operand::Const(0x8000_0000);
const ABSOLUTE: Operand = Operand::Const(0x7fff_ffff);
const EXPONENT: Operand = Operand::Const(0xff80_0000);

/// `e^x`: 0 below about -103.98, infinity above about 88.72.
pub fn exp(k: &mut Builder, x: V) -> V {
    let x = between(k, -104.0, x, 89.0);
    exp_to_denormals(k, x)
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

/// `(e^x - e^-x) / (e^x + e^-x)`
pub fn tanh(k: &mut Builder, x: V) -> V {
    let double = k.bin(Bin::Add, x, x);
    let clamped = between(k, -20.0, double, 20.0);
    let Reduced { r, q, e } = reduce(k, clamped);
    k.bin_to(Bin::Mul, q, q, r);
    let scale = k.bin(Bin::AddI, e, 1.0);
    let t = k.bin(Bin::Sub, scale, 1.0);
    k.fma(t, q, scale);
    let below = k.bin(Bin::Add, t, 2.0);
    let y = k.bin(Bin::Div, t, below);
    with_sign(k, y, x)
}

/// `1 / (1 + e^-x)`
pub fn sigmoid(k: &mut Builder, x: V) -> V {
    let least = k.splat(-104.0);
    let negative = k.bin(Bin::Or, x, SIGN);
    let clamped = k.bin(Bin::Max, least, negative);
    let e = exp_to_denormals(k, clamped);
    let one = k.splat(1.0);
    let is_negative = k.un(Un::Sar(31), x);
    let above = k.select(is_negative, e, one);
    let below = k.bin(Bin::Add, e, one);
    k.bin(Bin::Div, above, below)
}

/// `2 / sqrt(pi)` times the integral of `e^(-t^2)` from 0 to x.
pub fn erf(k: &mut Builder, x: V) -> V {
    let size = k.bin(Bin::And, x, ABSOLUTE);

    let four = k.splat(4.0);
    let t = k.bin(Bin::Min, four, size);
    let log = horner(k, &ERF_FAR, t);
    k.bin_to(Bin::Mul, log, log, t);
    let Reduced { r, q, e } = reduce(k, log);
    k.mul_add(q, r, 1.0);
    let minus_scale = k.bin(Bin::AddI, e, -1.0);
    let far = k.splat(1.0);
    k.fma(far, q, minus_scale);
    let far = with_sign(k, far, x);

    let square = k.bin(Bin::Mul, x, x);
    let p = horner(k, &ERF_NEAR, square);
    let near = k.mov(x);
    k.fma(near, x, p);

    let is_near = k.bin(Bin::Lt, size, ERF_BORDER);
    k.select(is_near, near, far)
}

/// An argument of the exponential, taken apart.
struct Reduced {
    /// `x - n ln 2`
    r: V,
    /// `(e^r - 1) / r`
    q: V,
    /// `n << MANTISSA`: added to the bits of 1.0, it makes `2^n` where that is a normal number.
    e: V,
}

/// Takes `x`, of size below 150, apart; its register becomes `r`.
fn reduce(k: &mut Builder, x: V) -> Reduced {
    let shifted = k.splat(MAGIC);
    k.fma(shifted, x, std::f32::consts::LOG2_E);
    let n = k.bin(Bin::Sub, shifted, MAGIC);
    // The bits of MAGIC leave at the top.
    let e = k.un(Un::Shl(MANTISSA), shifted);
    k.fma(x, n, -LN2[0]);
    k.fma(x, n, -LN2[1]);
    let q = horner(k, &EXPM1, x);
    Reduced { r: x, q, e }
}

/// `e^x` for x from -104 to 89, whose register is overwritten. `2^n` is applied in two factors, as one of them would
/// be out of range for the largest and for denormal results.
fn exp_to_denormals(k: &mut Builder, x: V) -> V {
    let Reduced { r, q, e } = reduce(k, x);
    k.mul_add(q, r, 1.0);
    let half = k.un(Un::Sar(1), e);
    let half = k.bin(Bin::And, half, EXPONENT);
    let rest = k.bin(Bin::SubI, e, half);
    for exponent in [half, rest] {
        let scale = k.bin(Bin::AddI, exponent, 1.0);
        k.bin_to(Bin::Mul, q, q, scale);
    }
    q
}

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
