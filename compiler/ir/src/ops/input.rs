//! `input`: a value that the caller gives. It stands in the parameter list of the text form.

use super::Operator;
use crate::{DType, Mismatch, Shape, Tensor, Type};

/// A value that the caller gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The type it must have.
    pub ty: Type,
}

impl Default for Input {
    fn default() -> Input {
        Input { ty: Type { dtype: DType::F32, shape: Shape::scalar() } }
    }
}

impl Operator for Input {
    const NAME: &'static str = "input";
    const ARITY: (usize, usize) = (0, 0);

    fn infer(&self, _: &[&Type]) -> Result<Type, Mismatch> {
        Ok(self.ty.clone())
    }

    fn eval(&self, _: &[&Tensor], _: &Type) -> Tensor {
        unreachable!("the evaluator is given the values of inputs")
    }

    fn cost(&self, _: &[&Type], _: &Type) -> super::Cost {
        super::Cost::default()
    }
}
