//! What element-wise operators share: inference and evaluation lane by lane, with broadcasting for those of two.

use crate::error::require;
use crate::{Data, Element, Mismatch, Real, Tensor, Type};

/// Infers an operator of one real operand.
pub(super) fn infer_unary(operands: &[&Type]) -> Result<Type, Mismatch> {
    require!(operands[0].dtype.is_float(), "the operand is {}, not a real number", operands[0].dtype);
    Ok(operands[0].clone())
}

/// Evaluates an operator of one real operand.
pub(super) fn unary(x: &Tensor, f32: impl Fn(f32) -> f32 + Sync, f64: impl Fn(f64) -> f64 + Sync) -> Tensor {
    match x.data() {
        Data::F64(v) => Tensor::of(x.shape(), v.iter().map(|&x| f64(x)).collect()),
        _ => Tensor::of(x.shape(), x.slice::<f32>().iter().map(|&x| f32(x)).collect()),
    }
}

/// Infers an operator of two operands of one element type that broadcast.
pub(super) fn infer_binary(operands: &[&Type]) -> Result<Type, Mismatch> {
    let (a, b) = (operands[0], operands[1]);
    require!(a.dtype == b.dtype, "operands are {} and {}: both must have one element type", a.dtype, b.dtype);
    Ok(Type { dtype: a.dtype, shape: a.shape.broadcast(&b.shape)? })
}

/// Applies `f` to the elements of two tensors that broadcast to `result`.
pub(super) fn zip<T: Element, U: Element>(
    a: &Tensor,
    b: &Tensor,
    result: &Type,
    f: impl Fn(T, T) -> U,
) -> Tensor {
    let (x, y) = (a.slice::<T>(), b.slice::<T>());
    if a.shape() == b.shape() {
        return Tensor::of(a.shape(), x.iter().zip(y).map(|(&x, &y)| f(x, y)).collect());
    }
    let (sa, sb) = (stretched(a, result), stretched(b, result));
    let dims = result.dims();
    let mut index = vec![0usize; dims.len()];
    let (mut i, mut j) = (0usize, 0usize);
    let mut out = Vec::with_capacity(result.elements());
    for _ in 0..result.elements() {
        out.push(f(x[i], y[j]));
        for d in (0..dims.len()).rev() {
            index[d] += 1;
            i += sa[d];
            j += sb[d];
            if index[d] < dims[d] {
                break;
            }
            i -= sa[d] * dims[d];
            j -= sb[d] * dims[d];
            index[d] = 0;
        }
    }
    Tensor::of(&result.shape, out)
}

/// Strides of a tensor seen in a shape it broadcasts to: 0 along extents that stretch.
fn stretched(t: &Tensor, result: &Type) -> Vec<usize> {
    let missing = result.rank() - t.shape().rank();
    let strides = t.shape().strides();
    let stride = |d: usize| match d.checked_sub(missing) {
        Some(k) if t.shape()[k] != 1 => strides[k],
        _ => 0,
    };
    (0..result.rank()).map(stride).collect()
}

/// Evaluates an arithmetic operator on reals and, wrapping, on integers.
pub(super) fn arithmetic(
    operands: &[&Tensor],
    result: &Type,
    real: impl RealOp,
    integer: impl Fn(i64, i64) -> i64,
) -> Tensor {
    let (a, b) = (operands[0], operands[1]);
    match a.data() {
        Data::F32(_) => zip::<f32, _>(a, b, result, |x, y| real.apply(x, y)),
        Data::F64(_) => zip::<f64, _>(a, b, result, |x, y| real.apply(x, y)),
        Data::I64(_) => zip::<i64, _>(a, b, result, integer),
        Data::I32(_) => zip::<i32, _>(a, b, result, |x, y| integer(x.into(), y.into()) as i32),
        Data::I8(_) => zip::<i8, _>(a, b, result, |x, y| integer(x.into(), y.into()) as i8),
        Data::U8(_) => zip::<u8, _>(a, b, result, |x, y| integer(x.into(), y.into()) as u8),
        Data::Bool(_) => zip::<bool, _>(a, b, result, |x, y| integer(x.into(), y.into()) != 0),
    }
}

/// An operation on two numbers of either kind of real.
pub(super) trait RealOp {
    /// Applies it.
    fn apply<T: Real>(&self, x: T, y: T) -> T;
}
