//! `identity`: the operand itself.
//!
//!     y = x
//!
//! Of every element type.

use super::{Cost, Operator};
use crate::{Mismatch, Tensor, Type};

/// The operand itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity;

impl Operator for Identity {
    const NAME: &'static str = "identity";
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
