//! `select`: elements of one tensor or of another; all three broadcast.
//!
//!     y = condition ? a : b
//!
//! Of every element type.
//!
//! (C1) The condition is bool. (C2) The others have one element type. (C3) The shapes broadcast.

use super::{Operator, elementwise};
use crate::error::require;
use crate::tensor::with_element;
use crate::{DType, Mismatch, Tensor, Type};

/// Elements of one tensor or of another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Select;

impl Operator for Select {
    const NAME: &'static str = "select";
    const ARITY: (usize, usize) = (3, 3);
    const ELEMENTWISE: bool = true;

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (condition, a, b) = (operands[0], operands[1], operands[2]);
        require!(condition.dtype == DType::Bool, "(C1): the condition is {condition}, it must be bool");
        require!(a.dtype == b.dtype, "(C2): operands are {a} and {b}: both must have one element type");
        let either = Type { dtype: a.dtype, shape: elementwise::broadcast("C3", a, b)? };
        Ok(Type { dtype: a.dtype, shape: elementwise::broadcast("C3", condition, &either)? })
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let condition = operands[0].slice::<bool>();
        let [at, a, b] = [0, 1, 2].map(|i| elementwise::places(operands[i], result));
        with_element!(operands[1], T => {
            let (x, y) = (operands[1].slice::<T>(), operands[2].slice::<T>());
            let chosen = at.zip(a.zip(b)).map(|(c, (i, j))| if condition[c] { x[i] } else { y[j] });
            Tensor::of(&result.shape, chosen.collect())
        })
    }
}
