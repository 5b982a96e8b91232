//! `quantize`: reals as small integers, by a scale and a zero point.
//!
//!     y = saturate(round(x / scale) + zero)
//!
//! Operands: x of reals, scale of the same type, zero of the integers of the result. `round` goes to the
//! nearest integer, of two to the even one; NaN gives 0. Scale and zero broadcast to x: one number for a
//! whole tensor, or one a channel.
//!
//! (C1) x and scale are real, of one type. (C2) zero is u8, i8, u16 or i16. (C3) Scale and zero broadcast
//! to the shape of x.

use super::Operator;
use super::quantum::{self, Quantum};
use crate::error::require;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Tensor, Type};

/// Reals as small integers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quantize;

impl Operator for Quantize {
    const NAME: &'static str = "quantize";
    const ARITY: (usize, usize) = (3, 3);

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (x, scale, zero) = (operands[0], operands[1], operands[2]);
        let real = x.dtype.is_float() && scale.dtype == x.dtype;
        require!(real, "(C1): x {x} and scale {scale} must be real, of one type");
        quantum::check("(C2)", zero)?;
        quantum::broadcast("(C3)", operands)?;
        Ok(x.with_dtype(zero.dtype))
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_real!(operands[0], T => {
            let (x, scale) = (operands[0].slice::<T>(), operands[1].slice::<T>());
            quantum::with_quantum!(operands[2], Q => {
                let zero = operands[2].slice::<Q>();
                let y = |[x_at, s, z]: [usize; 3]| Q::nearest((x[x_at] / scale[s]).to_f64(), zero[z]);
                Tensor::of(&result.shape, quantum::places(operands, result).map(y).collect())
            })
        })
    }
}
