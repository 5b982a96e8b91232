//! Powers, with the special cases of IEEE 754.
//!
//! ```text
//! |x|^y  = exp(y log |x|)                            the logarithm and its product as sums of two f32
//! log(x) = n ln 2 + 2s + s^3 p(s^2)                  x = 2^n m, sqrt(1/2) <= m < sqrt(2), s = (m-1) / (m+1)
//! x^y    = 1 where |x| = 1 or y = 0, else |x|^y
//!          of a negative x: -|x|^y where y is odd, NaN where it is no integer
//! ```

use super::exponential::exp_between;
use super::{ABSOLUTE, MANTISSA, SIGN, between, horner, negated};
use crate::vasm::{Bin, Builder, Un, V};

/// `(ln((1 + s) / (1 - s)) - 2s) / s^3` by powers of `s^2`, for m as above: error of the logarithm 2^-35.
const LOG: [f32; 4] = [6.666666e-1, 4.0000975e-1, 2.8498486e-1, 2.4286236e-1];

/// `ln 2` as a sum of two f32, of which the first has 16 bits: times n it is exact.
const LN2: [f32; 2] = [0.693_145_75, 1.4286068e-6];

/// `x` to the power of `y`.
pub fn pow(k: &mut Builder, x: V, y: V) -> V {
    let size = k.bin(Bin::And, x, ABSOLUTE);
    let (high, low) = precise_log(k, size);
    let product = k.bin(Bin::Mul, high, y);
    let rest = negated(k, product);
    k.fma(rest, high, y);
    k.fma(rest, low, y);
    // Of an infinite product there is no rest.
    let length = k.bin(Bin::And, product, ABSOLUTE);
    let is_small = k.bin(Bin::Lt, length, 128.0);
    k.bin_to(Bin::And, rest, rest, is_small);
    let clamped = between(k, -104.0, product, 89.0);
    let power = exp_between(k, clamped, Some(rest), 0);

    let is_one = k.bin(Bin::Eq, size, 1.0);
    let is_zeroth = k.bin(Bin::Eq, y, 0.0);
    k.bin_to(Bin::Or, is_one, is_one, is_zeroth);
    let one = k.splat(1.0);
    let power = k.select(is_one, one, power);

    let floor = k.un(Un::Floor, y);
    let is_integer = k.bin(Bin::Eq, floor, y);
    let half = k.bin(Bin::Mul, y, 0.5);
    let floor = k.un(Un::Floor, half);
    let is_even = k.bin(Bin::Eq, floor, half);
    let is_odd = k.bin(Bin::AndNot, is_even, is_integer);
    k.bin_to(Bin::And, is_odd, is_odd, SIGN);
    k.bin_to(Bin::And, is_odd, is_odd, x);
    let signed = k.bin(Bin::Xor, power, is_odd);

    // All ones are a NaN.
    let is_negative = k.bin(Bin::Lt, x, 0.0);
    let is_finite = k.bin(Bin::Lt, size, f32::INFINITY);
    k.bin_to(Bin::And, is_negative, is_negative, is_finite);
    let is_nowhere = k.bin(Bin::AndNot, is_integer, is_negative);
    k.bin(Bin::Or, signed, is_nowhere)
}

/// The logarithm of x from 0 on, as a sum of two, the second below the precision of the first.
fn precise_log(k: &mut Builder, x: V) -> (V, V) {
    let is_denormal = k.bin(Bin::Lt, x, f32::MIN_POSITIVE);
    let scaled = k.bin(Bin::Mul, x, (1 << MANTISSA) as f32);
    let m = k.select(is_denormal, scaled, x);
    let less = k.bin(Bin::And, is_denormal, f32::from(MANTISSA));
    let root = k.splat(std::f32::consts::FRAC_1_SQRT_2);
    let n = k.bin(Bin::SubI, m, root);
    k.un_to(Un::Sar(MANTISSA), n, n);
    let exponent = k.un(Un::Shl(MANTISSA), n);
    k.bin_to(Bin::SubI, m, m, exponent);
    k.un_to(Un::ToFloat, n, n);
    k.bin_to(Bin::Sub, n, n, less);

    // s, and what its rounding and that of m + 1 lost.
    let below = k.bin(Bin::Add, m, 1.0);
    let lost = k.bin(Bin::Sub, below, 1.0);
    k.bin_to(Bin::Sub, lost, m, lost);
    let rest = k.bin(Bin::Sub, m, 1.0);
    let s = k.bin(Bin::Div, rest, below);
    let minus = negated(k, s);
    k.fma(rest, minus, below);
    k.fma(rest, minus, lost);
    k.bin_to(Bin::Div, rest, rest, below);

    let square = k.bin(Bin::Mul, s, s);
    let tail = horner(k, &LOG, square);
    k.bin_to(Bin::Mul, tail, tail, square);
    k.bin_to(Bin::Mul, tail, tail, s);
    k.bin_to(Bin::Add, rest, rest, rest);
    k.bin_to(Bin::Add, tail, tail, rest);
    k.fma(tail, n, LN2[1]);
    let whole = k.bin(Bin::Mul, n, LN2[0]);
    k.bin_to(Bin::Add, s, s, s);
    let (high, lost) = sum(k, whole, s);
    k.bin_to(Bin::Add, tail, tail, lost);
    let (high, low) = sum(k, high, tail);

    let is_finite = k.bin(Bin::Lt, x, f32::INFINITY);
    let high = k.select(is_finite, high, x);
    let is_zero = k.bin(Bin::Eq, x, 0.0);
    let least = k.splat(f32::NEG_INFINITY);
    (k.select(is_zero, least, high), low)
}

/// `a + b` and what its rounding lost, where a is 0 or of the greater size.
fn sum(k: &mut Builder, a: V, b: V) -> (V, V) {
    let sum = k.bin(Bin::Add, a, b);
    let lost = k.bin(Bin::Sub, sum, a);
    k.bin_to(Bin::Sub, lost, b, lost);
    (sum, lost)
}
