//! `slice`: every n-th element of a range along each dimension.
//!
//!     y[i0, i1, ..] = x[starts[0] + i0 * steps[0], starts[1] + i1 * steps[1], ..]
//!
//! Of every element type. A dimension runs from its start up to its end, without it; `steps` left out are all
//! 1.
//!
//! (C1) starts, ends and steps have one entry for each dimension of x. (C2) No step is 0. (C3) Where the step
//! is positive, 0 <= start <= end <= extent; where it is negative, -1 <= end <= start < extent.

use super::view::{View, row_major};
use super::{Cost, Operator};
use crate::attrs::Attrs;
use crate::error::require;
use crate::{Mismatch, Tensor, Type};

/// Every n-th element of a range along each dimension.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slice {
    /// The first element along each dimension.
    pub starts: Vec<i64>,
    /// The bound behind the last one.
    pub ends: Vec<i64>,
    /// Distance of neighbours; negative runs backwards.
    pub steps: Vec<i64>,
}

impl Operator for Slice {
    const NAME: &'static str = "slice";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.ints("starts", &mut self.starts);
        a.ints("ends", &mut self.ends);
        a.ints("steps", &mut self.steps);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        let counts = [self.starts.len(), self.ends.len(), self.steps.len()];
        require!(
            counts[..2] == [x.rank(); 2] && (counts[2] == x.rank() || counts[2] == 0),
            "(C1): {} starts, {} ends and {} steps for the {} dimensions of x {x}",
            counts[0],
            counts[1],
            counts[2],
            x.rank()
        );
        let mut dims = Vec::with_capacity(x.rank());
        for (d, &extent) in x.dims().iter().enumerate() {
            let (start, end, step) = (self.starts[d], self.ends[d], self.step(d));
            require!(step != 0, "(C2): the step along dimension {d} is 0");
            let (legal, length) = match step > 0 {
                true => (0 <= start && start <= end && end <= extent as i64, end.abs_diff(start)),
                false => (-1 <= end && end <= start && start < extent as i64, start.abs_diff(end)),
            };
            require!(
                legal,
                "(C3): {start}..{end} by {step} leaves the {extent} elements along dimension {d} of x {x}"
            );
            dims.push(length.div_ceil(step.unsigned_abs()) as usize);
        }
        x.with_dims(dims)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let x = operands[0];
        let strides = row_major(x.shape().dims());
        // An empty range may start at -1; its place is never read.
        let base: isize =
            self.starts.iter().zip(&strides).map(|(&start, stride)| start as isize * stride).sum();
        // A step that is not taken may be of any size.
        let step = |d: usize| if result.dims()[d] > 1 { self.step(d) as isize } else { 1 };
        let view = View::new(base.max(0) as usize, result.dims(), |d| step(d) * strides[d]);
        let mut places = view.places();
        x.gathered(&result.shape, 0.0, |_| places.next())
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}

impl Slice {
    /// Distance of neighbours along dimension d.
    fn step(&self, d: usize) -> i64 {
        self.steps.get(d).copied().unwrap_or(1)
    }
}
