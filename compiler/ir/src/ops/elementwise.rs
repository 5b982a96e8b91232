//! What element-wise operators share: inference and evaluation element by element, with broadcasting for
//! those of two operands.
//!
//! One operand: (C1) it is real, or a number. Two operands: (C1) they have one element type, (C2) their
//! shapes broadcast.

use super::view::View;
use crate::error::{mismatch, require};
use crate::tensor::with_real;
use crate::{DType, Data, Element, Mismatch, Real, Shape, Tensor, Type};

/// A function of one real number.
pub(super) trait Unary {
    /// Its value, in either kind of real.
    fn real<T: Real>(&self, x: T) -> T;
}

/// A function of one number of any kind.
pub(super) trait Number: Unary {
    /// Its value for integers; the evaluator wraps it to their width.
    fn integer(&self, x: i64) -> i64;
}

/// A function of two numbers of a kind.
pub(super) trait Binary {
    /// Its value for reals of either kind.
    fn real<T: Real>(&self, x: T, y: T) -> T;
    /// Its value for integers; the evaluator wraps it to their width.
    fn integer(&self, x: i64, y: i64) -> i64;
}

/// An integer of the evaluator, or a truth value.
pub(super) trait Integer: Element + PartialOrd + std::ops::Not<Output = Self> {
    /// Its value; 0 or 1 of a truth value.
    fn widened(self) -> i64;
    /// The integer, wrapped; anything but 0 is true.
    fn wrapped(x: i64) -> Self;
}

macro_rules! integer {
    ($($t:ty),*) => { $(impl Integer for $t {
        fn widened(self) -> i64 {
            self.into()
        }
        fn wrapped(x: i64) -> $t {
            x as $t
        }
    })* };
}

integer!(i64, i32, i16, u16, i8, u8);

impl Integer for bool {
    fn widened(self) -> i64 {
        self.into()
    }
    fn wrapped(x: i64) -> bool {
        x != 0
    }
}

/// Runs a block with `$T` bound to the element type of a tensor that is not real.
macro_rules! with_integer {
    ($tensor:expr, $T:ident => $body:expr) => {
        $crate::ops::elementwise::with_integer!(@ $tensor, $T => $body,
            I32 i32, I16 i16, U16 u16, I8 i8, U8 u8, Bool bool)
    };
    (@ $tensor:expr, $T:ident => $body:expr, $($v:ident $t:ty),*) => {
        match $tensor.data() {
            $($crate::Data::$v(_) => {
                type $T = $t;
                $body
            })*
            _ => {
                type $T = i64;
                $body
            }
        }
    };
}
pub(super) use with_integer;

/// Runs a block with `$T` bound to the tensor's element type: a real, or an integer or truth value.
macro_rules! with_scalar {
    ($tensor:expr, $T:ident => $body:expr) => {
        if $tensor.data().dtype().is_float() {
            $crate::tensor::with_real!($tensor, $T => $body)
        } else {
            $crate::ops::elementwise::with_integer!($tensor, $T => $body)
        }
    };
}
pub(super) use with_scalar;

/// Defines operators of one real operand that have no attributes: a word and a function each.
macro_rules! real_functions {
    ($($(#[$doc:meta])* $op:ident $name:literal = |$x:ident| $value:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $op;

        impl $crate::ops::elementwise::Unary for $op {
            fn real<T: $crate::Real>(&self, $x: T) -> T {
                $value
            }
        }

        impl $crate::ops::Operator for $op {
            const NAME: &'static str = $name;
            const ARITY: (usize, usize) = (1, 1);
            const ELEMENTWISE: bool = true;

            fn infer(&self, operands: &[&$crate::Type]) -> Result<$crate::Type, $crate::Mismatch> {
                $crate::ops::elementwise::infer_unary(operands)
            }

            fn eval(&self, operands: &[&$crate::Tensor], _: &$crate::Type) -> $crate::Tensor {
                $crate::ops::elementwise::unary(self, operands[0])
            }
        }
    )* };
}
pub(super) use real_functions;

/// Infers an operator of one real operand.
pub(super) fn infer_unary(operands: &[&Type]) -> Result<Type, Mismatch> {
    require!(operands[0].dtype.is_float(), "(C1): the operand {} is not real", operands[0]);
    Ok(operands[0].clone())
}

/// Infers an operator of one operand that is a number.
pub(super) fn infer_number(operands: &[&Type]) -> Result<Type, Mismatch> {
    require!(operands[0].dtype != DType::Bool, "(C1): the operand {} is no number", operands[0]);
    Ok(operands[0].clone())
}

/// Infers an operator of two operands of one element type that broadcast.
pub(super) fn infer_binary(operands: &[&Type]) -> Result<Type, Mismatch> {
    let (a, b) = (operands[0], operands[1]);
    require!(a.dtype == b.dtype, "(C1): operands are {a} and {b}: both must have one element type");
    Ok(Type { dtype: a.dtype, shape: broadcast("C2", a, b)? })
}

/// The shape that two operands broadcast to; `rule` is the constraint that asks for it.
pub(super) fn broadcast(rule: &str, a: &Type, b: &Type) -> Result<Shape, Mismatch> {
    match a.shape.broadcast(&b.shape) {
        Ok(shape) => Ok(shape),
        Err(Mismatch(m)) => mismatch!("({rule}): {m}"),
    }
}

/// Evaluates an operator of one real operand.
pub(super) fn unary(op: &impl Unary, x: &Tensor) -> Tensor {
    with_real!(x, T => map(x, |x: T| op.real(x)))
}

/// Evaluates an operator of one operand that is a number; integers wrap.
pub(super) fn number(op: &impl Number, x: &Tensor) -> Tensor {
    match x.data() {
        Data::F32(_) | Data::F64(_) => unary(op, x),
        _ => with_integer!(x, T => map(x, |x: T| T::wrapped(op.integer(x.widened())))),
    }
}

/// Evaluates an operator of two operands, on reals and on integers, which wrap.
pub(super) fn binary(op: &impl Binary, operands: &[&Tensor], result: &Type) -> Tensor {
    match operands[0].data() {
        Data::F32(_) | Data::F64(_) => {
            with_real!(operands[0], T => zip(operands, result, |x: T, y: T| op.real(x, y)))
        }
        _ => with_integer!(operands[0], T => {
            zip(operands, result, |x: T, y: T| T::wrapped(op.integer(x.widened(), y.widened())))
        }),
    }
}

/// Applies `f` to each element.
pub(super) fn map<T: Element, U: Element>(x: &Tensor, f: impl Fn(T) -> U) -> Tensor {
    Tensor::of(x.shape(), x.slice::<T>().iter().map(|&x| f(x)).collect())
}

/// Applies `f` to the elements of two tensors that broadcast to `result`.
pub(super) fn zip<T: Element, U: Element>(
    operands: &[&Tensor],
    result: &Type,
    f: impl Fn(T, T) -> U,
) -> Tensor {
    let (a, b) = (operands[0], operands[1]);
    let (x, y) = (a.slice::<T>(), b.slice::<T>());
    if a.shape() == b.shape() {
        return Tensor::of(a.shape(), x.iter().zip(y).map(|(&x, &y)| f(x, y)).collect());
    }
    let both = places(a, result).zip(places(b, result));
    Tensor::of(&result.shape, both.map(|(i, j)| f(x[i], y[j])).collect())
}

/// Where a tensor that broadcasts to `result` has each of its elements.
pub(super) fn places(x: &Tensor, result: &Type) -> impl Iterator<Item = usize> {
    View::stretched(x.shape().dims(), result.dims()).places()
}
