//! `reduce_sum`, `reduce_sum_square`, `reduce_mean`, `reduce_prod`, `reduce_max`, `reduce_min`: many elements
//! folded into one along some axes.
//!
//!     reduce_sum = sum of x    reduce_sum_square = sum of x * x    reduce_mean = (sum of x) / count
//!     reduce_prod = product of x    reduce_max = max of x    reduce_min = min of x
//!
//! An element of the result is folded from its elements of x in their row-major order: sums from 0, each
//! square rounded before it is added; products from 1; the maximum by `acc = x > acc ? x : acc` from -inf, or
//! the least integer, and the minimum likewise: NaN never wins. Integers wrap, and their mean is rounded
//! towards zero; that of none is 0, of no reals NaN. The maximum of truth values is `or`, the minimum `and`.
//! With `keep` a reduced extent becomes 1, otherwise it goes away.
//!
//! (C1) x is of numbers; of truth values too for extremes. (C2) axes are one or more dimensions of x, counted
//! from 0, each there once, in any order.

use super::elementwise::with_scalar;
use super::view::{View, row_major};
use super::{Cost, Operator, dimension};
use crate::attrs::Attrs;
use crate::error::require;
use crate::scalar::Scalar;
use crate::{DType, Mismatch, Tensor, Type};

/// How many elements become one.
trait Fold {
    /// Whether truth values have it too.
    const OF_TRUTH: bool;
    /// The fold of nothing.
    fn start<T: Scalar>() -> T;
    /// Takes in one more element.
    fn add<T: Scalar>(acc: T, x: T) -> T;
    /// The result of so many elements.
    fn finish<T: Scalar>(acc: T, count: usize) -> T;
}

macro_rules! reductions {
    ($(
        $(#[$doc:meta])*
        $op:ident $name:literal, truth $truth:literal: $start:expr, |$acc:ident, $x:ident| $add:expr,
        |$folded:ident, $count:ident| $finish:expr;
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $op {
            /// The dimensions that are reduced.
            pub axes: Vec<i64>,
            /// Whether they stay, with extent 1.
            pub keep: bool,
        }

        impl Default for $op {
            fn default() -> $op {
                $op { axes: Vec::new(), keep: true }
            }
        }

        impl Fold for $op {
            const OF_TRUTH: bool = $truth;
            fn start<T: Scalar>() -> T {
                $start
            }
            fn add<T: Scalar>($acc: T, $x: T) -> T {
                $add
            }
            fn finish<T: Scalar>($folded: T, $count: usize) -> T {
                $finish
            }
        }

        impl Operator for $op {
            const NAME: &'static str = $name;
            const ARITY: (usize, usize) = (1, 1);

            fn attrs(&mut self, a: &mut dyn Attrs) {
                a.ints("axes", &mut self.axes);
                a.flag("keep", &mut self.keep, true);
            }

            fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
                infer(&self.axes, self.keep, operands[0], Self::OF_TRUTH)
            }

            fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
                with_scalar!(operands[0], T => fold::<Self, T>(&self.axes, operands[0], result))
            }

            fn cost(&self, operands: &[&Type], _: &Type) -> Cost {
                Cost { macs: 0, flops: operands[0].elements() as u64 }
            }
        }
    )* };
}

reductions! {
    /// The sum along some axes.
    ReduceSum "reduce_sum", truth false:
        T::default(), |acc, x| acc.plus(x), |sum, _count| sum;
    /// The sum of squares along some axes.
    ReduceSumSquare "reduce_sum_square", truth false:
        T::default(), |acc, x| acc.plus(x.times(x)), |sum, _count| sum;
    /// The mean along some axes.
    ReduceMean "reduce_mean", truth false:
        T::default(), |acc, x| acc.plus(x), |sum, count| sum.over(count);
    /// The product along some axes.
    ReduceProd "reduce_prod", truth false:
        T::ONE, |acc, x| acc.times(x), |product, _count| product;
    /// The greatest element along some axes.
    ReduceMax "reduce_max", truth true:
        T::LEAST, |acc, x| if x > acc { x } else { acc }, |max, _count| max;
    /// The least element along some axes.
    ReduceMin "reduce_min", truth true:
        T::GREATEST, |acc, x| if x < acc { x } else { acc }, |min, _count| min;
}

/// Infers a reduction of x.
fn infer(axes: &[i64], keep: bool, x: &Type, of_truth: bool) -> Result<Type, Mismatch> {
    require!(of_truth || x.dtype != DType::Bool, "(C1): x {x} is not of numbers");
    require!(!axes.is_empty(), "(C2): no axes are given");
    let mut reduced = vec![false; x.rank()];
    for &axis in axes {
        let d = dimension("(C2)", axis, x)?;
        require!(!reduced[d], "(C2): axis {axis} stands there twice");
        reduced[d] = true;
    }
    let extents = x.dims().iter().zip(reduced);
    x.with_dims(match keep {
        true => extents.map(|(&n, reduced)| if reduced { 1 } else { n }).collect::<Vec<_>>(),
        false => extents.filter(|(_, reduced)| !reduced).map(|(&n, _)| n).collect(),
    })
}

/// Folds x along the axes.
fn fold<F: Fold, T: Scalar>(axes: &[i64], x: &Tensor, result: &Type) -> Tensor {
    let is_reduced = |d: usize| axes.contains(&(d as i64));
    let dims = x.shape().dims();
    let kept: Vec<usize> = (0..dims.len()).map(|d| if is_reduced(d) { 1 } else { dims[d] }).collect();
    let strides = row_major(&kept);
    let places = View::new(0, dims, |d| if is_reduced(d) { 0 } else { strides[d] }).places();
    let mut y = vec![F::start::<T>(); result.elements()];
    for (&x, place) in x.slice::<T>().iter().zip(places) {
        y[place] = F::add(y[place], x);
    }
    let count = (0..dims.len()).filter(|&d| is_reduced(d)).map(|d| dims[d]).product();
    Tensor::of(&result.shape, y.into_iter().map(|acc| F::finish(acc, count)).collect())
}
