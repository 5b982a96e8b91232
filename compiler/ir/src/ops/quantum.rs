//! What operators on quantised integers share: the integers, their saturation, and operands that broadcast
//! to the first one.

use super::view::View;
use crate::error::{mismatch, require};
use crate::{DType, Element, Mismatch, Tensor, Type};

/// An integer that reals are quantised to.
pub(super) trait Quantum: Element {
    /// The nearest integer, of two the even one, plus the zero point, saturated; of NaN 0.
    fn nearest(x: f64, zero: Self) -> Self;
}

macro_rules! quantum {
    ($($t:ty),*) => { $(impl Quantum for $t {
        fn nearest(x: f64, zero: $t) -> $t {
            (x.round_ties_even() + f64::from(zero)) as $t
        }
    })* };
}

quantum!(u8, i8, u16, i16);

/// Runs a block with `$Q` bound to the quantised type of a tensor that [`check`] has passed.
macro_rules! with_quantum {
    ($tensor:expr, $Q:ident => $body:expr) => {
        $crate::ops::quantum::with_quantum!(@ $tensor, $Q => $body, I8 i8, U16 u16, I16 i16)
    };
    (@ $tensor:expr, $Q:ident => $body:expr, $($v:ident $t:ty),*) => {
        match $tensor.data() {
            $($crate::Data::$v(_) => {
                type $Q = $t;
                $body
            })*
            _ => {
                type $Q = u8;
                $body
            }
        }
    };
}
pub(super) use with_quantum;

/// Checks that a zero point is of a type that reals are quantised to.
pub(super) fn check(rule: &str, zero: &Type) -> Result<(), Mismatch> {
    let legal = matches!(zero.dtype, DType::U8 | DType::I8 | DType::U16 | DType::I16);
    require!(legal, "{rule}: zero {zero} must be u8, i8, u16 or i16");
    Ok(())
}

/// Checks that all operands broadcast to the shape of the first.
pub(super) fn broadcast(rule: &str, operands: &[&Type]) -> Result<(), Mismatch> {
    let x = operands[0];
    for operand in &operands[1..] {
        match x.shape.broadcast(&operand.shape) {
            Ok(shape) if shape == x.shape => {}
            _ => mismatch!("{rule}: {operand} does not broadcast to the shape of {x}"),
        }
    }
    Ok(())
}

/// Where each element of the result finds its operands.
pub(super) fn places(operands: &[&Tensor], result: &Type) -> impl Iterator<Item = [usize; 3]> {
    let [x, scale, zero] =
        [0, 1, 2].map(|k| View::stretched(operands[k].shape().dims(), result.dims()).places());
    x.zip(scale).zip(zero).map(|((x, scale), zero)| [x, scale, zero])
}

/// Checks x, w, x_zero and w_zero of a product of quantised integers by the two rules; the types of x and w
/// as those of reals.
pub(super) fn infer_factors(rules: [&str; 2], operands: &[&Type]) -> Result<[Type; 2], Mismatch> {
    for (x, zero) in [(operands[0], operands[2]), (operands[1], operands[3])] {
        let legal = matches!(x.dtype, DType::U8 | DType::I8) && zero.dtype == x.dtype;
        require!(legal, "{}: {x} and its zero point {zero} must be u8 or i8, of one type", rules[0]);
        broadcast(rules[1], &[x, zero])?;
    }
    Ok([operands[0], operands[1]].map(|t| t.with_dtype(DType::F64)))
}

/// x - x_zero and w - w_zero in f64: products of at most 16 bits, so that sums of 2^37 of them are exact.
pub(super) fn factors(operands: &[&Tensor]) -> [Tensor; 2] {
    [(operands[0], operands[2]), (operands[1], operands[3])].map(|(x, zero)| {
        let [xs, zeros] = [x, zero].map(|t| t.data().to_f64());
        let places = View::stretched(zero.shape().dims(), x.shape().dims()).places();
        Tensor::of(x.shape(), xs.iter().zip(places).map(|(x, z)| x - zeros[z]).collect())
    })
}

/// Exact integers in f64 as i32, wrapped.
pub(super) fn wrapped(exact: &Tensor) -> Tensor {
    exact.cast(DType::I64).cast(DType::I32)
}
