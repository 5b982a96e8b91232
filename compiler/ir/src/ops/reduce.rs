//! What reductions share: folding a tensor along some of its axes.
//!
//! An element of the result is folded from its elements of x in their row-major order. With `keep` a reduced
//! extent becomes 1, otherwise it goes away.
//!
//! (C1) x is real. (C2) axes are one or more dimensions of x, counted from 0, each there once, in any order.

use super::{Cost, dimension};
use crate::attrs::Attrs;
use crate::error::require;
use crate::{Mismatch, Real, Tensor, Type};

use super::view::{View, row_major};

/// Visits the attributes of a reduction.
pub(super) fn attrs(a: &mut dyn Attrs, axes: &mut Vec<i64>, keep: &mut bool) {
    a.ints("axes", axes);
    a.flag("keep", keep, true);
}

/// Infers a reduction of x.
pub(super) fn infer(axes: &[i64], keep: bool, x: &Type) -> Result<Type, Mismatch> {
    require!(x.dtype.is_float(), "(C1): x {x} is not real");
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

/// Folds x along the axes; `finish` gets what came out and how many elements went in.
pub(super) fn fold<T: Real>(
    axes: &[i64],
    x: &Tensor,
    result: &Type,
    start: T,
    fold: impl Fn(T, T) -> T,
    finish: impl Fn(T, f64) -> T,
) -> Tensor {
    let is_reduced = |d: usize| axes.contains(&(d as i64));
    let dims = x.shape().dims();
    let kept: Vec<usize> = (0..dims.len()).map(|d| if is_reduced(d) { 1 } else { dims[d] }).collect();
    let strides = row_major(&kept);
    let sums = View::new(0, dims, |d| if is_reduced(d) { 0 } else { strides[d] });
    let mut y = vec![start; result.elements()];
    for (&x, sum) in x.slice::<T>().iter().zip(sums.places()) {
        y[sum] = fold(y[sum], x);
    }
    let count: f64 = (0..dims.len()).filter(|&d| is_reduced(d)).map(|d| dims[d] as f64).product();
    y.iter_mut().for_each(|y| *y = finish(*y, count));
    Tensor::of(&result.shape, y)
}

/// One operation for each element that is folded.
pub(super) fn cost(x: &Type) -> Cost {
    Cost { macs: 0, flops: x.elements() as u64 }
}
