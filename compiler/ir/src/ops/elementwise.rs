//! What element-wise operators share: inference and evaluation element by element, with broadcasting for
//! those of two operands.
//!
//! One operand: (C1) it is real. Two operands: (C1) they have one element type, (C2) their shapes broadcast.

use super::view::View;
use crate::error::require;
use crate::tensor::with_real;
use crate::{Data, Element, Mismatch, Real, Tensor, Type};

/// A function of one real number.
pub(super) trait Unary {
    /// Its value, in either kind of real.
    fn real<T: Real>(&self, x: T) -> T;
}

/// A function of two numbers.
pub(super) trait Binary {
    /// Its value for reals of either kind.
    fn real<T: Real>(x: T, y: T) -> T;
    /// Its value for integers; the evaluator wraps it to their width.
    fn integer(x: i64, y: i64) -> i64;
}

/// Infers an operator of one real operand.
pub(super) fn infer_unary(operands: &[&Type]) -> Result<Type, Mismatch> {
    require!(operands[0].dtype.is_float(), "(C1): the operand {} is not real", operands[0]);
    Ok(operands[0].clone())
}

/// Evaluates an operator of one real operand.
pub(super) fn unary(op: &impl Unary, x: &Tensor) -> Tensor {
    with_real!(x, T => Tensor::of(x.shape(), x.slice::<T>().iter().map(|&x| op.real(x)).collect()))
}

/// Infers an operator of two operands of one element type that broadcast.
pub(super) fn infer_binary(operands: &[&Type]) -> Result<Type, Mismatch> {
    let (a, b) = (operands[0], operands[1]);
    require!(a.dtype == b.dtype, "(C1): operands are {a} and {b}: both must have one element type");
    let shape = a.shape.broadcast(&b.shape).map_err(|Mismatch(m)| Mismatch(format!("(C2): {m}")))?;
    Ok(Type { dtype: a.dtype, shape })
}

/// Evaluates an operator of two operands, on reals and on integers, which wrap.
pub(super) fn binary<F: Binary>(_: &F, operands: &[&Tensor], result: &Type) -> Tensor {
    let (a, b) = (operands[0], operands[1]);
    let integer = |x: i64, y: i64| F::integer(x, y);
    match a.data() {
        Data::F32(_) => zip(a, b, result, F::real::<f32>),
        Data::F64(_) => zip(a, b, result, F::real::<f64>),
        Data::I64(_) => zip(a, b, result, integer),
        Data::I32(_) => zip(a, b, result, |x: i32, y: i32| integer(x.into(), y.into()) as i32),
        Data::I8(_) => zip(a, b, result, |x: i8, y: i8| integer(x.into(), y.into()) as i8),
        Data::U8(_) => zip(a, b, result, |x: u8, y: u8| integer(x.into(), y.into()) as u8),
        Data::Bool(_) => zip(a, b, result, |x: bool, y: bool| integer(x.into(), y.into()) != 0),
    }
}

/// Applies `f` to the elements of two tensors that broadcast to `result`.
fn zip<T: Element>(a: &Tensor, b: &Tensor, result: &Type, f: impl Fn(T, T) -> T) -> Tensor {
    let (x, y) = (a.slice::<T>(), b.slice::<T>());
    if a.shape() == b.shape() {
        return Tensor::of(a.shape(), x.iter().zip(y).map(|(&x, &y)| f(x, y)).collect());
    }
    let places = |t: &Tensor| View::stretched(t.shape().dims(), result.dims()).places();
    Tensor::of(&result.shape, places(a).zip(places(b)).map(|(i, j)| f(x[i], y[j])).collect())
}
