//! `dequantize`: the reals that quantised integers stand for.
//!
//!     y = (x - zero) * scale
//!
//! Operands: x and zero of integers of one type, scale of reals. The difference is exact. Scale and zero
//! broadcast to x: one number for a whole tensor, or one a channel.
//!
//! (C1) x and zero are integers of at most 32 bits, of one type. (C2) scale is real. (C3) Scale and zero
//! broadcast to the shape of x.

use super::{Operator, quantum};
use crate::error::require;
use crate::tensor::with_real;
use crate::{DType, Mismatch, Real, Tensor, Type};

/// The reals that quantised integers stand for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dequantize;

impl Operator for Dequantize {
    const NAME: &'static str = "dequantize";
    const ARITY: (usize, usize) = (3, 3);

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (x, scale, zero) = (operands[0], operands[1], operands[2]);
        let is_wide = matches!(x.dtype, DType::I64 | DType::Bool) || x.dtype.is_float();
        let legal = !is_wide && zero.dtype == x.dtype;
        require!(legal, "(C1): x {x} and zero {zero} must be u8, i8, u16, i16 or i32, of one type");
        require!(scale.dtype.is_float(), "(C2): scale {scale} must be real");
        quantum::broadcast("(C3)", operands)?;
        Ok(x.with_dtype(scale.dtype))
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let wide = |t: &Tensor| t.cast(DType::I64).slice::<i64>().to_vec();
        let (x, zero) = (wide(operands[0]), wide(operands[2]));
        with_real!(operands[1], T => {
            let scale = operands[1].slice::<T>();
            let y = |[x_at, s, z]: [usize; 3]| T::from_f64((x[x_at] - zero[z]) as f64) * scale[s];
            Tensor::of(&result.shape, quantum::places(operands, result).map(y).collect())
        })
    }
}
