//! `matmul_integer`: products of matrices of quantised integers.
//!
//!     y[..,i,j] = sum over k of (a[..,i,k] - a_zero) * (b[..,k,j] - b_zero)
//!
//! Operands: a and b as those of [`matmul`](super::matmul), a_zero that broadcasts to a and is of its type,
//! b_zero that broadcasts to b and is of its type. Result: i32, exact but for wrapping.
//!
//! (C4) a and b are u8 or i8, and zero points are of their types. (C5) Zero points broadcast to a and b. And
//! the rules of `matmul`.

use super::matmul::Matmul;
use super::{Cost, Operator, quantum};
use crate::{DType, Mismatch, Tensor, Type};

/// Products of matrices of quantised integers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MatmulInteger;

impl Operator for MatmulInteger {
    const NAME: &'static str = "matmul_integer";
    const ARITY: (usize, usize) = (4, 4);

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let [a, b] = quantum::infer_factors(["(C4)", "(C5)"], operands)?;
        Ok(Matmul.infer(&[&a, &b])?.with_dtype(DType::I32))
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let [a, b] = quantum::factors(operands);
        let exact = Matmul.eval(&[&a, &b], &result.with_dtype(DType::F64));
        quantum::wrapped(&exact)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        Matmul.cost(&operands[..2], result)
    }
}
