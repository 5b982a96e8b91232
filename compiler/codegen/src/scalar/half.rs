//! f16 as a format of storage: conversions by integer arithmetic, nothing else.
//!
//! ```text
//! widened   (e + 112) << 23 | m << 13             normal numbers: exponent e, mantissa m; infinities and NaN:
//!                                                 exponent 255
//! narrowed  (bits - (112 << 23) + half) >> 13     half rounds to nearest, of two the even one
//! ```
//!
//! What is denormal as an f16 is a small multiple of 2^-24 and goes through an integer.

use super::Value;
use cnnc_ir::DType;

/// The difference of the exponents of the same number in f32 and f16, in place.
const EXPONENT: i32 = 112 << 23;

/// An f16 as f32, exactly.
pub(super) fn widened(x: Value) -> Value {
    let bits = x.bits(DType::I32);
    let size = bits & 0x7fff;
    let normal = (size << 13) + EXPONENT;
    let endless = normal + EXPONENT;
    let number = size.ge(0x7c00).select(endless, normal).bits(DType::F32);
    let denormal = size.to(DType::F32) * 2f32.powi(-24);
    let number = size.lt(0x400).select(denormal, number);
    let sign = (bits & 0x8000) << 16;
    (number.bits(DType::I32) | sign).bits(DType::F32)
}

/// A number as f16, rounded once, to nearest, of two the even one.
pub(super) fn narrowed(x: Value) -> Value {
    match x.dtype() {
        DType::F32 => of_f32(x),
        DType::F64 => of_f32(odd(x)),
        _ => of_f32(odd(x.to(DType::F64))),
    }
}

/// An f64 as f32; where it is not exact, the last bit is set, so that a second rounding sees what this one left.
fn odd(x: Value) -> Value {
    let near = x.to(DType::F32);
    let bits = near.bits(DType::I32);
    let is_above = near.to(DType::F64).abs().gt(x.abs());
    let below = bits - is_above.to(DType::I32);
    let inexact = near.to(DType::F64).differs(x) & x.equals(x);
    inexact.select((below | 1).bits(DType::F32), near)
}

fn of_f32(x: Value) -> Value {
    let bits = x.bits(DType::I32);
    let (size, sign) = (bits & 0x7fff_ffff, (bits >> 16) & 0x8000);
    let half = ((size >> 13) & 1) + 0xfff;
    let normal = (size - EXPONENT + half) >> 13;
    let denormal = (size.bits(DType::F32) * 2f32.powi(24)).round_even().to(DType::I32);
    let number = size.lt(0x3880_0000).select(denormal, normal);
    // From 65520 on, half way behind the greatest, it is infinite.
    let number = size.ge(0x477f_f000).select(size.like(0x7c00), number);
    let nan = ((size >> 13) & 0x3ff) | 0x7e00;
    let number = size.gt(0x7f80_0000).select(nan, number);
    (number | sign).bits(DType::F16)
}
