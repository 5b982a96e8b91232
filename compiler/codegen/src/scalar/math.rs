//! Functions of one real as formulas, computed in f64; of an f32 the result is rounded once more.
//!
//! ```text
//! exp(x)  = 2^n * (1 + p(r))                      n = round(x / ln 2), r = x - n ln 2, p(r) = e^r - 1
//! tanh(x) = t / (t + 2)                           t = e^2x - 1 = 2^n p(r) + (2^n - 1)
//! log(x)  = n ln 2 + 2 artanh(s)                  x = 2^n m, m between sqrt(1/2) and sqrt(2), s = (m - 1) / (m + 1)
//! ```
//!
//! Within a few units in the last place of an f64 everywhere, denormal numbers and infinities included; a NaN gives a
//! NaN. Series are those of Taylor, long enough for the reduced argument.

use super::Value;
use cnnc_ir::DType;
use std::f64::consts::{LOG2_E, SQRT_2};

/// `ln 2` as a sum of two numbers: the first has few enough bits for its products with exponents to be exact.
const LN2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];

/// Bits of the mantissa of an f64.
const MANTISSA: i32 = 52;

/// The exponent field of 1.0.
const BIAS: i32 = 1023;

/// `e^x`
pub fn exp(x: Value) -> Value {
    in_f64(x, |x| {
        let (p, n) = exp_less_one(x, -746.0, 710.0);
        // In two factors: one alone would be out of range for the largest and for denormal results.
        let half = n >> 1;
        (p + 1) * power(half) * power(n - half)
    })
}

/// `(e^x - e^-x) / (e^x + e^-x)`
pub fn tanh(x: Value) -> Value {
    in_f64(x, |x| {
        let (p, n) = exp_less_one(x + x, -40.0, 40.0);
        let scale = power(n);
        let t = p.mul_add(scale, scale - 1);
        // The sign of a zero is lost on the way.
        x.equals(0).select(x, t / (t + 2))
    })
}

/// The natural logarithm: minus infinity at either zero, NaN below.
pub fn log(x: Value) -> Value {
    in_f64(x, |x| {
        let is_denormal = x.lt(f64::MIN_POSITIVE);
        let scaled = is_denormal.select(x * 2f64.powi(MANTISSA), x);
        // Counted from the bits of sqrt(1/2), the exponent field is n.
        let root = (SQRT_2 / 2.0).to_bits() as i64;
        let n = (scaled.bits(DType::I64) - root) >> MANTISSA;
        let m = (scaled.bits(DType::I64) - (n << MANTISSA)).bits(DType::F64);
        let s = (m - 1) / (m + 1);
        let square = s * s;
        let terms: Vec<f64> = (0..12).map(|k| 2.0 / f64::from(2 * k + 1)).collect();
        let n = (n - is_denormal.to(DType::I64) * MANTISSA).to(DType::F64);
        let y = n.mul_add(LN2[0], n.mul_add(LN2[1], s * horner(square, &terms)));
        let below = x.lt(0).select(x.like(f64::NAN), x.like(f64::NEG_INFINITY));
        let y = x.gt(0).select(y, below);
        x.lt(f64::INFINITY).select(y, x)
    })
}

/// Applies a function of f64 to a real.
fn in_f64<'k>(x: Value<'k>, f: impl FnOnce(Value<'k>) -> Value<'k>) -> Value<'k> {
    if !x.dtype().is_float() {
        x.builder().fault(&format!("a function of reals is given {}", x.dtype()));
    }
    f(x.to(DType::F64)).to(x.dtype())
}

/// `e^r - 1` and n, where x, moved between the bounds, is `r + n ln 2`.
fn exp_less_one(x: Value, least: f64, most: f64) -> (Value, Value) {
    // A NaN stays: it is the second operand.
    let x = x.like(least).max(x);
    let x = x.like(most).min(x);
    let n = (x * LOG2_E).round_even();
    let r = n.mul_add(-LN2[0], x);
    let r = n.mul_add(-LN2[1], r);
    let terms: Vec<f64> = (1..=14).scan(1.0, |factorial, k| {
        *factorial *= f64::from(k);
        Some(1.0 / *factorial)
    }).collect();
    (r * horner(r, &terms), n.to(DType::I64))
}

/// `2^n` for a normal result.
fn power(n: Value) -> Value {
    ((n + BIAS) << MANTISSA).bits(DType::F64)
}

/// The polynomial of those coefficients, by power from 0.
fn horner<'k>(x: Value<'k>, coefficients: &[f64]) -> Value<'k> {
    let mut powers = coefficients.iter().rev();
    let first = x.like(powers.next().copied().unwrap_or(0.0));
    powers.fold(first, |sum, &c| sum.mul_add(x, c))
}
