//! Strided views: where the elements of a transposed, sliced or stretched tensor lie in the tensor itself.
//!
//!     place(i0, i1, ..) = base + i0 * strides[0] + i1 * strides[1] + ..
//!
//! INVARIANT: the place of every index lies inside the tensor, and a dimension of one element has stride 0,
//! so no step of the walk leaves what an `isize` counts.

/// A strided view of a row-major tensor.
pub(super) struct View {
    dims: Vec<usize>,
    strides: Vec<isize>,
    base: usize,
}

impl View {
    /// A view of extents `dims`. The strides of extents below 2 do not matter; those extents that are 1 go, and
    /// neighbours through which one stride runs become one, which keeps the walk short.
    pub(super) fn new(base: usize, dims: &[usize], stride: impl Fn(usize) -> isize) -> View {
        let mut view = View { dims: Vec::new(), strides: Vec::new(), base };
        for (d, &extent) in dims.iter().enumerate().filter(|&(_, &extent)| extent != 1) {
            let stride = if extent == 0 { 0 } else { stride(d) };
            match (view.dims.last_mut(), view.strides.last_mut()) {
                (Some(outer), Some(step)) if *step == stride * extent as isize => {
                    (*outer, *step) = (*outer * extent, stride);
                }
                _ => {
                    view.dims.push(extent);
                    view.strides.push(stride);
                }
            }
        }
        view
    }

    /// A tensor of extents `from`, seen in extents it broadcasts to: those that stretch stand still.
    pub(super) fn stretched(from: &[usize], to: &[usize]) -> View {
        let missing = to.len() - from.len();
        let strides = row_major(from);
        View::new(0, to, |d| match d.checked_sub(missing) {
            Some(k) if from[k] != 1 => strides[k],
            _ => 0,
        })
    }

    /// The places of all elements, in row-major order of the view.
    pub(super) fn places(self) -> Places {
        let left = self.dims.iter().product();
        Places { index: vec![0; self.dims.len()], at: self.base as isize, left, view: self }
    }
}

/// The walk over a [`View`].
pub(super) struct Places {
    view: View,
    index: Vec<usize>,
    at: isize,
    left: usize,
}

impl Iterator for Places {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = self.at as usize;
        for d in (0..self.index.len()).rev() {
            self.index[d] += 1;
            self.at += self.view.strides[d];
            if self.index[d] < self.view.dims[d] {
                break;
            }
            self.at -= self.view.strides[d] * self.view.dims[d] as isize;
            self.index[d] = 0;
        }
        Some(place)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Distances of neighbours along each extent of a row-major tensor.
pub(super) fn row_major(dims: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; dims.len()];
    for d in (1..dims.len()).rev() {
        strides[d - 1] = strides[d] * dims[d].max(1) as isize;
    }
    strides
}
