//! The error function.
//!
//! ```text
//! erf(x) = x + x p(x^2)                    for |x| < 0.93
//!        = sign(x) (1 - exp(t s(t)))       t = min(|x|, 4)
//! ```

use super::exponential::{Reduced, reduce};
use super::{ABSOLUTE, horner, with_sign};
use crate::vasm::{Bin, Builder, V};

/// `erf(sqrt(s)) / sqrt(s) - 1` for s up to `0.93^2`: error of erf 2^-25.8.
const ERF_NEAR: [f32; 6] =
    [1.2837915e-1, -3.761249e-1, 1.1281731e-1, -2.6762966e-2, 4.987352e-3, -5.9595786e-4];

/// `ln(1 - erf(t)) / t` for t from 0.92 to 4.1: error of erf 2^-28.3.
const ERF_FAR: [f32; 6] =
    [-1.1285144, -6.3571817e-1, -1.0526201e-1, 2.2890048e-2, -3.214972e-3, 2.1398549e-4];

/// Where the two formulas of erf meet.
const ERF_BORDER: f32 = 0.93;

/// `2 / sqrt(pi)` times the integral of `e^(-t^2)` from 0 to x.
pub fn erf(k: &mut Builder, x: V) -> V {
    let size = k.bin(Bin::And, x, ABSOLUTE);

    let four = k.splat(4.0);
    let t = k.bin(Bin::Min, four, size);
    let log = horner(k, &ERF_FAR, t);
    k.bin_to(Bin::Mul, log, log, t);
    let Reduced { r, q, e } = reduce(k, log, None);
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
