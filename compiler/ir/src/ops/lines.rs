//! The lines of a tensor along one of its dimensions: what softmax, sorting and running sums walk.

use crate::Shape;

/// The lines along one dimension.
#[derive(Clone, Copy)]
pub(super) struct Lines {
    /// Elements of a line.
    pub(super) extent: usize,
    /// From one element of a line to the next.
    stride: usize,
    /// Elements of the tensor.
    elements: usize,
}

impl Lines {
    /// The lines along dimension `axis`.
    pub(super) fn along(shape: &Shape, axis: usize) -> Lines {
        Lines { extent: shape[axis], stride: shape.strides()[axis], elements: shape.elements() }
    }

    /// The places of the first elements of all lines, in row-major order.
    pub(super) fn starts(self) -> impl Iterator<Item = usize> {
        let block = self.extent * self.stride;
        let blocks = self.elements.checked_div(block).unwrap_or(0);
        (0..blocks).flat_map(move |b| b * block..b * block + self.stride)
    }

    /// The place of element `i` of the line that starts at a place.
    pub(super) fn place(self, start: usize, i: usize) -> usize {
        start + i * self.stride
    }

    /// The places of the elements of a line.
    pub(super) fn places(self, start: usize) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator {
        (0..self.extent).map(move |i| self.place(start, i))
    }
}
