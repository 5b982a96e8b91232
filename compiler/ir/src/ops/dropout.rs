//! `dropout`: at inference, the operand itself.
//!
//!     y = x
//!
//! Of every element type. Which elements training drops has no meaning here, so its ratio is not kept.

use super::{Cost, Operator};
use crate::{Mismatch, Tensor, Type};

/// At inference, the operand itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dropout;

impl Operator for Dropout {
    const NAME: &'static str = "dropout";
    const ARITY: (usize, usize) = (1, 1);

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        Ok(operands[0].clone())
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        operands[0].clone()
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}
