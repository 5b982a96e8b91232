//! `gather_nd`: the blocks of x that tuples of indices name.
//!
//!     y[b.., i.., q..] = x[b.., indices[b.., i.., 0], indices[b.., i.., 1], .., q..]
//!
//! Operands: x of every element type; indices whose last dimension holds the tuples. A negative index counts
//! from the end; one out of range is clamped to it. Result: `[b.., i.., q..]`.
//!
//! (C1) x and indices agree in their first `batch` dimensions, b. (C2) The indices are i64 or i32, and have a
//! dimension behind those. (C3) A tuple is no longer than the dimensions of x behind b, and x has elements
//! along those that it names. (C4) The result is a shape.

use super::view::row_major;
use super::{Cost, Operator, index};
use crate::attrs::Attrs;
use crate::error::{mismatch, require};
use crate::{Mismatch, Tensor, Type};

/// The blocks that tuples of indices name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GatherNd {
    /// Dimensions that x and indices share.
    pub batch: usize,
}

impl Operator for GatherNd {
    const NAME: &'static str = "gather_nd";
    const ARITY: (usize, usize) = (2, 2);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.count("batch", &mut self.batch, 0);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (x, indices) = (operands[0], operands[1]);
        let named = check_tuples(self.batch, x, indices)?;
        let front = &indices.dims()[..indices.rank() - 1];
        let dims = [front, &x.dims()[self.batch + named..]].concat();
        x.with_dims(dims).map_err(|Mismatch(m)| Mismatch(format!("(C4): {m}")))
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let x = operands[0];
        let (blocks, inner) = blocks(self.batch, x, operands[1]);
        x.gathered(&result.shape, 0.0, |at| Some(blocks[at / inner] + at % inner))
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}

/// Checks x and tuples of indices; how many dimensions a tuple names.
pub(super) fn check_tuples(batch: usize, x: &Type, indices: &Type) -> Result<usize, Mismatch> {
    let shared = x.dims().get(..batch).is_some_and(|b| indices.dims().get(..batch) == Some(b));
    require!(shared, "(C1): x {x} and indices {indices} do not share {batch} dimensions");
    index::check("(C2)", indices)?;
    let Some(&named) = indices.dims()[batch..].last() else {
        mismatch!("(C2): the indices {indices} have no dimension behind the first {batch}");
    };
    let behind = &x.dims()[batch..];
    let legal = behind.get(..named).is_some_and(|extents| !extents.contains(&0));
    require!(legal, "(C3): tuples of {named} indices do not name elements of the dimensions {behind:?}");
    Ok(named)
}

/// The first element of the block that each tuple names, and the elements of a block.
pub(super) fn blocks(batch: usize, x: &Tensor, indices: &Tensor) -> (Vec<usize>, usize) {
    let dims = x.shape().dims();
    let strides = row_major(dims);
    let named = indices.shape()[indices.shape().rank() - 1];
    let outer: usize = dims[..batch].iter().product();
    let inner: usize = dims[batch + named..].iter().product();
    let whole: usize = dims[batch..].iter().product();
    let tuples: usize = indices.shape().dims()[..indices.shape().rank() - 1].iter().product();
    let given = index::given(indices);
    let block = |t: usize| {
        let tuple = given[t * named..][..named].iter().enumerate();
        let place = |(k, &i): (usize, &i64)| index::place(i, dims[batch + k]) * strides[batch + k] as usize;
        t / (tuples / outer.max(1)).max(1) * whole + tuple.map(place).sum::<usize>()
    };
    ((0..tuples).map(block).collect(), inner.max(1))
}
