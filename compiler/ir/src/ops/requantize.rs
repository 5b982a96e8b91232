//! `requantize`: sums of products of quantised integers as quantised integers of another scale.
//!
//!     y = saturate(round(x * scale) + zero)
//!
//! Operands: x of i32, scale of reals, in which the product is computed, zero of the integers of the result.
//! For a product of operands of scales a and b and a result of scale c, scale is a * b / c. `round` goes to
//! the nearest integer, of two to the even one. Scale and zero broadcast to x.
//!
//! (C1) x is i32, scale real. (C2) zero is u8, i8, u16 or i16. (C3) Scale and zero broadcast to the
//! shape of x.

use super::Operator;
use super::quantum::{self, Quantum};
use crate::error::require;
use crate::tensor::with_real;
use crate::{DType, Mismatch, Real, Tensor, Type};

/// Sums of products as quantised integers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requantize;

impl Operator for Requantize {
    const NAME: &'static str = "requantize";
    const ARITY: (usize, usize) = (3, 3);

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (x, scale, zero) = (operands[0], operands[1], operands[2]);
        let legal = x.dtype == DType::I32 && scale.dtype.is_float();
        require!(legal, "(C1): x {x} must be i32, and scale {scale} real");
        quantum::check("(C2)", zero)?;
        quantum::broadcast("(C3)", operands)?;
        Ok(x.with_dtype(zero.dtype))
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let x = operands[0].slice::<i32>();
        with_real!(operands[1], T => {
            let scale = operands[1].slice::<T>();
            quantum::with_quantum!(operands[2], Q => {
                let zero = operands[2].slice::<Q>();
                let y = |[x_at, s, z]: [usize; 3]| {
                    Q::nearest((T::from_f64(x[x_at].into()) * scale[s]).to_f64(), zero[z])
                };
                Tensor::of(&result.shape, quantum::places(operands, result).map(y).collect())
            })
        })
    }
}
