//! Sine, cosine, tangent and their inverses.
//!
//! ```text
//! x        = m 2pi + n pi/2 + r      m in thousands; n = round(x / (pi/2)): pi/2 as a sum of three f32
//! sin(r)   = r + r^3 p(r^2)          cos(r) = 1 - r^2/2 + r^4 q(r^2)        tan(r) = r + r^3 t(r^2)
//! sin(x)   = sin r, cos r, -sin r, -cos r       for n = 0, 1, 2, 3 mod 4; cos(x) is one step ahead
//! tan(x)   = tan r, -1 / tan r                  for n = 0, 1 mod 2
//! asin(x)  = x + x^3 a(x^2)                     for |x| <= 1/2
//!          = sign(x) (pi/2 - 2 asin(h))         h = sqrt((1 - |x|) / 2)
//! acos(x)  = pi/2 - asin(x)    or, of the larger, 2 asin(h) and pi - 2 asin(h)
//! atan(x)  = x + x^3 b(x^2)                     for |x| <= 1
//!          = sign(x) (pi/2 - atan(1 / |x|))
//! ```

use super::{ABSOLUTE, MAGIC, SIGN, between, horner, negated, odd, with_sign};
use crate::vasm::{Bin, Builder, Operand, Un, V};
use std::f32::consts::{FRAC_2_PI, FRAC_PI_2, PI};

/// `(sin(sqrt(s)) / sqrt(s) - 1) / s` for s up to `(1.06 pi/4)^2`: error of sin 2^-32.3, relative.
const SIN: [f32; 4] = [-1.6666667e-1, 8.333374e-3, -1.985014e-4, 2.7978042e-6];

/// `(cos(sqrt(s)) - 1 + s/2) / s^2` for the same s: error of cos 2^-32, relative.
const COS: [f32; 3] = [4.1666638e-2, -1.3886946e-3, 2.4391418e-5];

/// `(tan(sqrt(s)) / sqrt(s) - 1) / s` for the same s: error of tan 2^-28, relative.
const TAN: [f32; 7] =
    [3.3333376e-1, 1.3331774e-1, 5.4158263e-2, 2.0788465e-2, 1.2077297e-2, -1.4349587e-3, 5.103978e-3];

/// `(asin(sqrt(s)) / sqrt(s) - 1) / s` for s up to 1/4: error of asin 2^-27.6, relative.
const ASIN: [f32; 5] = [1.6666752e-1, 7.4953094e-2, 4.546915e-2, 2.4184778e-2, 4.2158306e-2];

/// `(atan(sqrt(s)) / sqrt(s) - 1) / s` for s up to 1: error of atan 2^-28.5, relative.
const ATAN: [f32; 9] = [
    -3.33333e-1,
    1.999853e-1,
    -1.4264016e-1,
    1.09508805e-1,
    -8.399306e-2,
    5.788139e-2,
    -3.1096986e-2,
    1.0868685e-2,
    -1.7828207e-3,
];

/// `pi/2` as a sum of three f32, each below the precision of the one before; none is negative, so that -0 stays.
const HALF_PI: [f32; 3] = [FRAC_PI_2.next_down(), 7.549_789_4e-8, 5.390_302_5e-15];

/// The f32 near 2^20 that is nearest below a number of whole turns, and what it is more than that: its sign keeps -0.
const TURNS: [f32; 2] = [4_272_943.0 / 4.0, -1.373_948_7e-7];

/// The sine.
pub fn sin(k: &mut Builder, x: V) -> V {
    wave(k, x, 0)
}

/// The cosine.
pub fn cos(k: &mut Builder, x: V) -> V {
    wave(k, x, 1)
}

/// The tangent.
pub fn tan(k: &mut Builder, x: V) -> V {
    let (r, n) = quarters(k, x);
    let square = k.bin(Bin::Mul, r, r);
    let t = odd(k, &TAN, r, square);
    let minus = k.splat(-1.0);
    let turned = k.bin(Bin::Div, minus, t);
    let is_odd = is_odd(k, n);
    k.select(is_odd, turned, t)
}

/// The sine, `ahead` quarters of a turn ahead.
fn wave(k: &mut Builder, x: V, ahead: u32) -> V {
    let (r, n) = quarters(k, x);
    k.bin_to(Bin::AddI, n, n, Operand::Const(ahead));
    let square = k.bin(Bin::Mul, r, r);
    let sin = odd(k, &SIN, r, square);
    let cos = horner(k, &COS, square);
    k.mul_add(cos, square, -0.5);
    k.mul_add(cos, square, 1.0);
    let is_odd = is_odd(k, n);
    let y = k.select(is_odd, cos, sin);
    // Bit 1 of n is the sign.
    let sign = k.un(Un::Shl(30), n);
    k.bin_to(Bin::And, sign, sign, SIGN);
    k.bin(Bin::Xor, y, sign)
}

/// `r` from about -pi/4 to pi/4, and an integer whose last two bits are those of n.
fn quarters(k: &mut Builder, x: V) -> (V, V) {
    let [turns, more] = TURNS;
    let far = k.splat(MAGIC);
    k.fma(far, x, turns.recip());
    k.bin_to(Bin::Sub, far, far, MAGIC);
    let r = k.mov(x);
    k.fma(r, far, -turns);
    let n = k.splat(MAGIC);
    k.fma(n, r, FRAC_2_PI);
    let whole = k.bin(Bin::Sub, n, MAGIC);
    for part in HALF_PI {
        k.fma(r, whole, -part);
    }
    k.fma(r, far, more);
    // Of the largest x nothing right is left; what is left must not reach beyond the polynomials.
    (between(k, -1.0, r, 1.0), n)
}

/// All ones where the last bit is set.
fn is_odd(k: &mut Builder, n: V) -> V {
    let last = k.un(Un::Shl(31), n);
    k.un(Un::Sar(31), last)
}

/// The angle from -pi/2 to pi/2 whose sine is x.
pub fn asin(k: &mut Builder, x: V) -> V {
    let Arc { angle, is_steep } = arc(k, x);
    let rest = twice_from(k, angle, FRAC_PI_2);
    let y = k.select(is_steep, rest, angle);
    with_sign(k, y, x)
}

/// The angle from 0 to pi whose cosine is x.
pub fn acos(k: &mut Builder, x: V) -> V {
    let Arc { angle, is_steep } = arc(k, x);
    let double = k.bin(Bin::Add, angle, angle);
    let beyond = twice_from(k, angle, PI);
    let is_negative = k.un(Un::Sar(31), x);
    let steep = k.select(is_negative, beyond, double);
    let signed = with_sign(k, angle, x);
    let right = k.splat(FRAC_PI_2);
    let flat = k.bin(Bin::Sub, right, signed);
    k.select(is_steep, steep, flat)
}

/// The arc sine of a size.
struct Arc {
    /// Of `|x|` up to 1/2 its arc sine, of others that of `sqrt((1 - |x|) / 2)`.
    angle: V,
    /// Where it is the latter.
    is_steep: V,
}

fn arc(k: &mut Builder, x: V) -> Arc {
    let size = k.bin(Bin::And, x, ABSOLUTE);
    let half = k.splat(0.5);
    let is_steep = k.bin(Bin::Lt, half, size);
    let rest = negated(k, size);
    k.mul_add(rest, half, 0.5);
    let square = k.bin(Bin::Mul, size, size);
    let square = k.select(is_steep, rest, square);
    let root = k.un(Un::Sqrt, rest);
    let sine = k.select(is_steep, root, size);
    Arc { angle: odd(k, &ASIN, sine, square), is_steep }
}

/// `whole - 2 angle`
fn twice_from(k: &mut Builder, angle: V, whole: f32) -> V {
    let y = k.mov(angle);
    let minus_two = k.splat(-2.0);
    k.mul_add(y, minus_two, whole);
    y
}

/// The angle from -pi/2 to pi/2 whose tangent is x.
pub fn atan(k: &mut Builder, x: V) -> V {
    let size = k.bin(Bin::And, x, ABSOLUTE);
    let one = k.splat(1.0);
    let is_steep = k.bin(Bin::Lt, one, size);
    let turned = k.bin(Bin::Div, one, size);
    let t = k.select(is_steep, turned, size);
    let square = k.bin(Bin::Mul, t, t);
    let angle = odd(k, &ATAN, t, square);
    let right = k.splat(FRAC_PI_2);
    let rest = k.bin(Bin::Sub, right, angle);
    let y = k.select(is_steep, rest, angle);
    with_sign(k, y, x)
}
