//! Windows that slide over a plane: what convolution and pooling share.
//!
//! Along one dimension, window i has its taps at `i * stride + u * dilation - before`, u in 0..kernel. There
//! are `(extent + before + after - (kernel - 1) * dilation - 1) / stride + 1` windows, rounded down, or with
//! `ceil` rounded up without a last window that would start behind the extent, in the padding.
//!
//! (W1) kernel, stride and dilation are positive and at most [`LARGEST`]. (W2) one window at least fits.
//! (W3) pools only: the padding on each side is smaller than what a window spans, `(kernel - 1) * dilation + 1`.

use crate::attrs::{Hw, Pad};
use crate::error::{mismatch, require};
use crate::{Cost, Element, Mismatch, Tensor, Type};
use rayon::prelude::*;
use std::ops::Range;

/// The most that a kernel, a stride or a dilation may be: products with sizes in bytes cannot overflow.
pub(super) const LARGEST: usize = 1 << 20;

/// A window and the steps it slides by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Taps.
    pub kernel: Hw,
    /// Distance of neighbouring windows.
    pub stride: Hw,
    /// Elements around the plane.
    pub pad: Pad,
    /// Distance of neighbouring taps.
    pub dilation: Hw,
    /// Whether the number of windows is rounded up.
    pub ceil: bool,
}

/// Windows along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sliding {
    /// Elements along the dimension.
    pub extent: usize,
    /// Padding in front of them.
    pub before: usize,
    /// Padding behind them.
    pub after: usize,
    /// Taps of a window.
    pub kernel: usize,
    /// Distance of neighbouring taps.
    pub dilation: usize,
    /// Distance of neighbouring windows.
    pub stride: usize,
    /// Whether the number of windows is rounded up.
    pub ceil: bool,
}

impl Window {
    /// The windows along both dimensions of a plane.
    pub fn over(&self, height: usize, width: usize) -> [Sliding; 2] {
        let Window { kernel, stride, pad, dilation, ceil } = *self;
        let along = |extent, before, after, pick: fn(Hw) -> usize| Sliding {
            extent,
            before,
            after,
            kernel: pick(kernel),
            dilation: pick(dilation),
            stride: pick(stride),
            ceil,
        };
        [along(height, pad.top, pad.bottom, |hw| hw.0), along(width, pad.left, pad.right, |hw| hw.1)]
    }

    /// How many windows there are over the planes of x: rows and columns of the result.
    pub(super) fn infer(&self, x: &Type) -> Result<[usize; 2], Mismatch> {
        let Window { kernel, stride, pad, dilation, .. } = *self;
        let legal = [kernel, stride, dilation].iter().all(|&Hw(h, w)| h.min(w) > 0 && h.max(w) <= LARGEST);
        require!(
            legal,
            "(W1): kernel {kernel}, stride {stride}, dilation {dilation}: all must be positive, at most {LARGEST}"
        );
        let [rows, columns] = self.over(x.dims()[2], x.dims()[3]);
        match (rows.count(), columns.count()) {
            (Some(rows), Some(columns)) => Ok([rows, columns]),
            _ => mismatch!(
                "(W2): a {kernel} kernel with dilation {dilation} does not fit into {x} padded by {}",
                pad.total()
            ),
        }
    }

    /// The result of pooling: windows over each plane of x.
    pub(super) fn infer_pool(&self, x: &Type) -> Result<Type, Mismatch> {
        require!(x.rank() == 4, "(C1): x {x} must be of rank 4");
        let [rows, columns] = self.infer(x)?;
        let Pad { top, left, bottom, right } = self.pad;
        let is_narrow = |side: Sliding| side.span().is_some_and(|span| side.before.max(side.after) < span);
        require!(
            self.over(x.dims()[2], x.dims()[3]).into_iter().all(is_narrow),
            "(W3): padding [{top},{left},{bottom},{right}] is not smaller than the {} kernel with dilation {}",
            self.kernel,
            self.dilation
        );
        require!(x.dims()[2] > 0 && x.dims()[3] > 0, "(C2): the planes of x {x} have no elements");
        x.with_dims([x.dims()[0], x.dims()[1], rows, columns])
    }

    /// One operation for each tap of each window.
    pub(super) fn pool_cost(&self, result: &Type) -> Cost {
        let taps = (self.kernel.0 as u64).saturating_mul(self.kernel.1 as u64);
        Cost { macs: 0, flops: taps.saturating_mul(result.elements() as u64) }
    }
}

/// Folds the elements under each window in ascending order, rows first. `fold` gets an element and its place in
/// the plane; `finish` what came out, the index of the plane, and the row and column of the window.
pub(super) fn pool<T: Element, A: Copy + Sync, R: Element + Default>(
    window: &Window,
    x: &Tensor,
    start: A,
    fold: impl Fn(A, T, usize) -> A + Sync,
    finish: impl Fn(A, usize, [usize; 2]) -> R + Sync,
    result: &Type,
) -> Tensor {
    let (height, width) = (x.shape()[2], x.shape()[3]);
    let [rows, columns] = window.over(height, width);
    let (oh, ow) = (result.dims()[2], result.dims()[3]);
    let mut y = vec![R::default(); result.elements()];
    let planes = x.slice::<T>().par_chunks(height * width);
    y.par_chunks_mut(oh * ow).zip(planes).enumerate().for_each(|(index, (out, plane))| {
        for i in 0..oh {
            for j in 0..ow {
                let line = |row: usize| columns.elements(j).map(move |column| row * width + column);
                let places = rows.elements(i).flat_map(line);
                let folded = places.fold(start, |acc, at| fold(acc, plane[at], at));
                out[i * ow + j] = finish(folded, index, [i, j]);
            }
        }
    });
    Tensor::of(&result.shape, y)
}

impl Sliding {
    /// Elements from the first tap of a window to the last; `None` when they are none or too many to count.
    fn span(&self) -> Option<usize> {
        self.kernel.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)
    }

    /// How many windows there are; `None` when none fits or they are too many to count.
    pub fn count(&self) -> Option<usize> {
        let padded = self.extent.checked_add(self.before)?.checked_add(self.after)?;
        let spare = if self.ceil { self.stride.checked_sub(1)? } else { 0 };
        let last = padded.checked_add(spare)?.checked_sub(self.span()?)?.checked_div(self.stride)?;
        let behind = self.ceil && last.checked_mul(self.stride)? >= self.extent.checked_add(self.before)?;
        if behind { (last > 0).then_some(last) } else { last.checked_add(1) }
    }

    /// The taps of window i that lie on elements.
    pub fn taps(&self, i: usize) -> Range<usize> {
        let start = i * self.stride;
        let first = |at: usize| at.saturating_sub(start).div_ceil(self.dilation).min(self.kernel);
        first(self.before)..first(self.before + self.extent)
    }

    /// The element that tap u of window i lies on; none if it lies on the padding.
    pub fn element(&self, i: usize, u: usize) -> Option<usize> {
        let from_padding = (i * self.stride).checked_add(u.checked_mul(self.dilation)?)?;
        from_padding.checked_sub(self.before).filter(|&at| at < self.extent)
    }

    /// The elements under window i, in ascending order.
    pub fn elements(&self, i: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        let Sliding { before, dilation, .. } = *self;
        let start = i * self.stride;
        self.taps(i).map(move |u| start + u * dilation - before)
    }

    /// How many taps of window i lie on elements or their padding; with `ceil` a last window reaches beyond
    /// both.
    pub fn padded_taps(&self, i: usize) -> usize {
        let end = self.before + self.extent + self.after;
        end.saturating_sub(i * self.stride).div_ceil(self.dilation).min(self.kernel)
    }
}
