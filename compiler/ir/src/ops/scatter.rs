//! `scatter_elements`, `scatter_nd`: x with some elements combined with updates.
//!
//!     scatter_elements    y[p.., indices[p.., i, q..], q..]                   = f(y[the same], updates[p.., i, q..])
//!     scatter_nd          y[indices[i.., 0], indices[i.., 1], .., q..]        = f(y[the same], updates[i.., q..])
//!
//!     reduction   replace  add      mul      max       min
//!     f(y, u)     u        y + u    y * u    max(y,u)  min(y,u)
//!
//! y starts as x, and updates come in their row-major order, so the last one of an element counts. Indices
//! are those of [`gather_elements`](super::gather_elements) and [`gather_nd`](super::gather_nd), whose rules
//! hold.
//!
//! (C5) x and updates have one element type, and of truth values updates replace. (C6) The updates have the
//! shape that the indices ask for.

use super::elementwise::{Binary, Integer, with_integer};
use super::gather_elements::{infer_along, places_along};
use super::gather_nd::{blocks, check_tuples};
use super::{Add, Cost, Max, Min, Mul, Operator};
use crate::attrs::{Attrs, Keyword, keyword};
use crate::error::require;
use crate::tensor::{with_element, with_real};
use crate::{DType, Element, Mismatch, Real, Tensor, Type};

/// How an update changes an element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// It takes its place.
    #[default]
    Replace,
    /// It is added.
    Add,
    /// It is multiplied by.
    Mul,
    /// The greater one stays.
    Max,
    /// The lesser one stays.
    Min,
}

impl Keyword for Reduction {
    const WORDS: &'static [(&'static str, Reduction)] = &[
        ("replace", Reduction::Replace),
        ("add", Reduction::Add),
        ("mul", Reduction::Mul),
        ("max", Reduction::Max),
        ("min", Reduction::Min),
    ];
}

impl Binary for Reduction {
    fn real<T: Real>(&self, y: T, u: T) -> T {
        match self {
            Reduction::Replace => u,
            Reduction::Add => Add.real(y, u),
            Reduction::Mul => Mul.real(y, u),
            Reduction::Max => Max.real(y, u),
            Reduction::Min => Min.real(y, u),
        }
    }

    fn integer(&self, y: i64, u: i64) -> i64 {
        match self {
            Reduction::Replace => u,
            Reduction::Add => Add.integer(y, u),
            Reduction::Mul => Mul.integer(y, u),
            Reduction::Max => Max.integer(y, u),
            Reduction::Min => Min.integer(y, u),
        }
    }
}

/// Elements named along an axis, combined with updates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScatterElements {
    /// The dimension of x that the indices count along.
    pub axis: i64,
    /// How an update changes an element.
    pub reduction: Reduction,
}

/// Blocks named by tuples of indices, combined with updates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScatterNd {
    /// How an update changes an element.
    pub reduction: Reduction,
}

impl Operator for ScatterElements {
    const NAME: &'static str = "scatter_elements";
    const ARITY: (usize, usize) = (3, 3);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.int("axis", &mut self.axis, 0);
        keyword(a, "reduction", &mut self.reduction, Reduction::Replace);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let wanted = infer_along(self.axis, operands)?;
        check_updates(self.reduction, operands, &wanted)?;
        Ok(operands[0].clone())
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        let places = places_along(self.axis as usize, operands[0], operands[1]);
        scatter(self.reduction, operands[0], operands[2], places)
    }

    fn cost(&self, operands: &[&Type], _: &Type) -> Cost {
        cost(self.reduction, operands)
    }
}

impl Operator for ScatterNd {
    const NAME: &'static str = "scatter_nd";
    const ARITY: (usize, usize) = (3, 3);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        keyword(a, "reduction", &mut self.reduction, Reduction::Replace);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (x, indices) = (operands[0], operands[1]);
        let named = check_tuples(0, x, indices)?;
        let wanted = x.with_dims([&indices.dims()[..indices.rank() - 1], &x.dims()[named..]].concat())?;
        check_updates(self.reduction, operands, &wanted)?;
        Ok(x.clone())
    }

    fn eval(&self, operands: &[&Tensor], _: &Type) -> Tensor {
        let (blocks, inner) = blocks(0, operands[0], operands[1]);
        let places = blocks.into_iter().flat_map(|first| first..first + inner);
        scatter(self.reduction, operands[0], operands[2], places)
    }

    fn cost(&self, operands: &[&Type], _: &Type) -> Cost {
        cost(self.reduction, operands)
    }
}

fn check_updates(reduction: Reduction, operands: &[&Type], wanted: &Type) -> Result<(), Mismatch> {
    let (x, updates) = (operands[0], operands[2]);
    let legal = x.dtype != DType::Bool || reduction == Reduction::Replace;
    require!(
        updates.dtype == x.dtype && legal,
        "(C5): x {x} cannot be combined with updates {updates} by reduction={}",
        reduction.word()
    );
    require!(updates == wanted, "(C6): the updates are {updates}, they must be {wanted}");
    Ok(())
}

/// One operation for each update, nothing where it only moves.
fn cost(reduction: Reduction, operands: &[&Type]) -> Cost {
    match reduction {
        Reduction::Replace => Cost::default(),
        _ => Cost { macs: 0, flops: operands[2].elements() as u64 },
    }
}

/// x, each of its `places` combined with the next update.
fn scatter(
    reduction: Reduction,
    x: &Tensor,
    updates: &Tensor,
    places: impl Iterator<Item = usize>,
) -> Tensor {
    fn combined<T: Element>(
        x: &Tensor,
        updates: &Tensor,
        places: impl Iterator<Item = usize>,
        f: impl Fn(T, T) -> T,
    ) -> Tensor {
        let mut y = x.slice::<T>().to_vec();
        for (place, &u) in places.zip(updates.slice::<T>()) {
            y[place] = f(y[place], u);
        }
        Tensor::of(x.shape(), y)
    }
    if reduction == Reduction::Replace {
        return with_element!(x, T => combined(x, updates, places, |_: T, u: T| u));
    }
    match x.data().dtype().is_float() {
        true => with_real!(x, T => combined(x, updates, places, |y: T, u: T| reduction.real(y, u))),
        false => with_integer!(x, T => combined(x, updates, places, |y: T, u: T| {
            T::wrapped(reduction.integer(y.widened(), u.widened()))
        })),
    }
}
