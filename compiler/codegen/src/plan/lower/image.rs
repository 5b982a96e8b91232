//! How the rows of an image lie in memory: all of them, or those of a ring (see [`Group`](crate::plan::Group)).
//!
//! ```text
//! row y of channel block c of image n:   n * image + c * plane + y * row             the whole value
//!                                                    c * plane + y % ring * row      a ring of its rows
//! ```
//!
//! INVARIANT: `image` is known by the [`Home`](crate::plan::Home) of a value alone, and not by its shape: a piece of a
//! concatenation is as far from image to image as the whole. Loop 0 of a nest over channel blocks is that over images.

use super::pipe::read;
use crate::kernels::row::RowStep;
use crate::plan::{Arg, Planner, Term, Window};
use cnnc_ir::{Data, NodeId};

/// Distances in the memory of an image of a value of shape `[N, C, H, W]`, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Image {
    /// From row to row.
    pub row: i64,
    /// From channel block to channel block, or channel to channel of a plain value.
    pub plane: i64,
    /// Rows of the ring.
    pub ring: Option<u64>,
}

impl Image {
    /// The distances of a value in channel blocks.
    pub(super) fn blocked(p: &Planner, id: NodeId) -> Image {
        Image::of(p, id, p.target.lanes)
    }

    /// The distances of a value whose channels lie side by side in blocks of so many.
    pub(super) fn of(p: &Planner, id: NodeId, block: usize) -> Image {
        let [.., height, width] = super::conv::dims4(p, id);
        let ring = p.rings.get(&id).copied();
        let row = (4 * block * width) as i64;
        let plane = row * ring.unwrap_or(height as u64) as i64;
        Image { row, plane, ring }
    }

    /// How an address moves with images so far apart, channel blocks and rows.
    pub(super) fn terms(&self, image: i64) -> Vec<Term> {
        self.terms_to(image, along(2, self.row, self.ring))
    }

    /// The same, where a window slides over the rows.
    pub(super) fn window_terms(&self, image: i64) -> Vec<Term> {
        self.terms_to(image, Term::FirstRow { stride: self.row })
    }

    fn terms_to(&self, image: i64, row: Term) -> Vec<Term> {
        vec![Term::Index { dim: 0, stride: image }, Term::Index { dim: 1, stride: self.plane }, row]
    }

    /// How a window goes from row to row, and the argument that a kernel takes for it.
    pub(super) fn step(&self, p: &mut Planner, name: &str, window: &Window) -> (RowStep, Arg) {
        let dilation = window.dilation as usize;
        let Some(rows) = self.ring else {
            // A whole image needs no table.
            return (RowStep::Bytes(dilation as i64 * self.row), Arg::Unread);
        };
        // One entry for each row that a tap can start from; a walk begins at any slot, steps by `dilation`, and ends
        // with the image.
        let next = |slot: usize| ((slot + dilation) % rows as usize) as i64 - slot as i64;
        let reach = (window.dilation * window.kernel).min(window.extent) as usize;
        let words: Vec<i64> =
            (0..rows as usize + reach).map(|entry| next(entry % rows as usize) * self.row).collect();
        let table = p.weights(&format!("{name}.ring"), Data::I64(words));
        let arg = read(table, vec![Term::FirstRow { stride: 8 }], 0..8 * reach as i64);
        (RowStep::Ring { dilation }, arg)
    }
}

/// How an address moves with a loop over rows, which may be those of a ring.
pub(super) fn along(dim: usize, stride: i64, ring: Option<u64>) -> Term {
    match ring {
        Some(rows) => Term::Slot { dim, stride, rows },
        None => Term::Index { dim, stride },
    }
}
