//! Hyperbolic functions and their inverses.
//!
//! ```text
//! tanh(x)  = t / (t + 2)                                      t = exp_m1(2x)
//! sinh(x)  = x + x^3 p(x^2)                                   for |x| < 1
//!          = sign(x) (h - 1 / 4h)                             h = exp(|x|) / 2
//! cosh(x)  = h + 1 / 4h
//! asinh(x) = sign(x) log_1p(|x| + x^2 / (1 + sqrt(1 + x^2)))
//! acosh(x) = log_1p(t + sqrt(t) sqrt(t + 2))                  t = x - 1
//! atanh(x) = sign(x) log_1p(2|x| / (1 - |x|)) / 2
//! ```
//!
//! From 2^30 on, where 1 is nothing beside x and x^2 may be infinite, asinh and acosh are log(x) + log(2).

use super::exponential::{exp_between, exp_m1, log_1p};
use super::{ABSOLUTE, odd, with_sign};
use crate::vasm::{Bin, Builder, Un, V};

/// `(sinh(sqrt(s)) / sqrt(s) - 1) / s` for s up to 1: error of sinh 2^-31.6, relative.
const SINH: [f32; 4] = [1.6666667e-1, 8.333311e-3, 1.9842896e-4, 2.7822132e-6];

/// Where 1 is nothing beside a number.
const LARGE: f32 = (1 << 30) as f32;

/// `(e^x - e^-x) / (e^x + e^-x)`
pub fn tanh(k: &mut Builder, x: V) -> V {
    let double = k.bin(Bin::Add, x, x);
    let most = k.splat(20.0);
    let clamped = k.bin(Bin::Min, most, double);
    let t = exp_m1(k, clamped);
    let below = k.bin(Bin::Add, t, 2.0);
    k.bin(Bin::Div, t, below)
}

/// `(e^x - e^-x) / 2`
pub fn sinh(k: &mut Builder, x: V) -> V {
    let size = k.bin(Bin::And, x, ABSOLUTE);
    let (h, quarter) = half_exponential(k, size);
    let far = k.bin(Bin::Sub, h, quarter);
    let far = with_sign(k, far, x);
    let square = k.bin(Bin::Mul, x, x);
    let near = odd(k, &SINH, x, square);
    let is_near = k.bin(Bin::Lt, size, 1.0);
    k.select(is_near, near, far)
}

/// `(e^x + e^-x) / 2`
pub fn cosh(k: &mut Builder, x: V) -> V {
    let size = k.bin(Bin::And, x, ABSOLUTE);
    let (h, quarter) = half_exponential(k, size);
    k.bin(Bin::Add, h, quarter)
}

/// `e^x / 2` and `e^-x / 2`, of x from 0 on. The first is finite a little longer than `e^x`.
fn half_exponential(k: &mut Builder, x: V) -> (V, V) {
    let most = k.splat(90.0);
    let clamped = k.bin(Bin::Min, most, x);
    let h = exp_between(k, clamped, None, -1);
    let quarter = k.splat(0.25);
    let below = k.bin(Bin::Div, quarter, h);
    (h, below)
}

/// The number whose hyperbolic sine is x.
pub fn asinh(k: &mut Builder, x: V) -> V {
    let size = k.bin(Bin::And, x, ABSOLUTE);
    let square = k.bin(Bin::Mul, size, size);
    let below = k.bin(Bin::Add, square, 1.0);
    k.un_to(Un::Sqrt, below, below);
    k.bin_to(Bin::Add, below, below, 1.0);
    k.bin_to(Bin::Div, square, square, below);
    k.bin_to(Bin::Add, square, square, size);
    let y = log_or_double(k, size, square);
    with_sign(k, y, x)
}

/// The number from 0 on whose hyperbolic cosine is x.
pub fn acosh(k: &mut Builder, x: V) -> V {
    let t = k.bin(Bin::Sub, x, 1.0);
    let above = k.bin(Bin::Add, t, 2.0);
    k.un_to(Un::Sqrt, above, above);
    let root = k.un(Un::Sqrt, t);
    // Rounded once: of a small t the product is the larger part.
    k.fma(t, root, above);
    log_or_double(k, x, t)
}

/// The number whose hyperbolic tangent is x.
pub fn atanh(k: &mut Builder, x: V) -> V {
    let size = k.bin(Bin::And, x, ABSOLUTE);
    let one = k.splat(1.0);
    let below = k.bin(Bin::Sub, one, size);
    let above = k.bin(Bin::Add, size, size);
    k.bin_to(Bin::Div, above, above, below);
    let y = log_1p(k, above);
    k.bin_to(Bin::Mul, y, y, 0.5);
    with_sign(k, y, x)
}

/// `log_1p(small)`, but `log(2x)` of a large x.
fn log_or_double(k: &mut Builder, x: V, small: V) -> V {
    let large = k.splat(LARGE);
    let is_large = k.bin(Bin::Lt, large, x);
    let argument = k.select(is_large, x, small);
    let y = log_1p(k, argument);
    let double = k.bin(Bin::And, is_large, std::f32::consts::LN_2);
    k.bin(Bin::Add, y, double)
}
