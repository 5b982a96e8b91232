//! Runs: the space of a result as loops around one run of elements, which every tensor walks by a stride of its own.
//!
//! ```text
//! f32[2,3,8,8] from u8[2,8,8,3]   =>   for image in 2, for channel in 3: a run of 64, 1 element on, 3 bytes on
//! ```
//!
//! Neighbouring extents that all tensors walk as one are merged. A long run is cut into pieces, to be shared out.

use super::image::along;
use super::pieces::pieces;
use super::pipe::{read, write};
use crate::plan::{Arg, Place, Term};
use std::ops::Range;

/// Elements of a piece: few enough to share out, many enough to be worth a call.
const PIECE: usize = 4096;

/// A tensor as it is walked: where it starts, the bytes of an element, and its stride along each extent, in elements.
pub(super) struct Walk {
    pub place: Place,
    pub bytes: usize,
    pub strides: Vec<i64>,
}

impl Walk {
    /// The bytes that a run touches, from its first element.
    fn span(&self, length: usize, stride: i64) -> Range<i64> {
        let bytes = self.bytes as i64;
        let reach = bytes * (length as i64 - 1) * stride;
        reach.min(0)..reach.max(0) + bytes
    }
}

/// A run of elements, and the loops around it.
pub(super) struct Run {
    /// Elements of the run.
    pub length: usize,
    /// The stride of each tensor along it, in elements.
    pub strides: Vec<i64>,
    /// The extents of the loops.
    pub extents: Vec<u64>,
    /// Where each tensor is, the first written, the others read.
    pub args: Vec<Arg>,
}

/// The runs of a space of these extents: whole pieces, and what is left of each run.
pub(super) fn runs(dims: &[usize], walks: &[Walk]) -> Vec<Run> {
    let (outer, run, inner) = merged(dims, walks);
    let piece = run.clamp(1, PIECE);
    let mut runs = Vec::new();
    for (first, count, length) in pieces(run, piece) {
        let offset = first * piece;
        let arg = |(t, walk): (usize, &Walk)| {
            let bytes = walk.bytes as i64;
            let index =
                |(dim, (_, strides)): (usize, &Extent)| Term::Index { dim, stride: bytes * strides[t] };
            let mut terms: Vec<Term> = outer.iter().enumerate().map(index).collect();
            terms.push(Term::Index { dim: outer.len(), stride: bytes * piece as i64 * inner[t] });
            let place = walk.place.moved(bytes * offset as i64 * inner[t]);
            let span = walk.span(length, inner[t]);
            if t == 0 { write(place, terms, span) } else { read(place, terms, span) }
        };
        runs.push(Run {
            length,
            strides: inner.clone(),
            extents: outer.iter().map(|(extent, _)| *extent as u64).chain([count as u64]).collect(),
            args: walks.iter().enumerate().map(arg).collect(),
        });
    }
    runs
}

/// The innermost extent as a run, in a loop for each of the others; rows, the last of them, are written into a ring.
pub(super) fn row(dims: &[usize], walks: &[Walk], ring: u64) -> Run {
    let (rows, inner) = (dims.len() - 2, dims.len() - 1);
    let arg = |(t, walk): (usize, &Walk)| {
        let bytes = walk.bytes as i64;
        let stride = |dim: usize| bytes * walk.strides[dim];
        let along_rows = along(rows, stride(rows), (t == 0).then_some(ring));
        let terms =
            (0..rows).map(|dim| Term::Index { dim, stride: stride(dim) }).chain([along_rows]).collect();
        let span = walk.span(dims[inner], walk.strides[inner]);
        if t == 0 { write(walk.place, terms, span) } else { read(walk.place, terms, span) }
    };
    Run {
        length: dims[inner],
        strides: walks.iter().map(|walk| walk.strides[inner]).collect(),
        extents: dims[..inner].iter().map(|&extent| extent as u64).collect(),
        args: walks.iter().enumerate().map(arg).collect(),
    }
}

/// An extent, and the stride of each tensor along it.
type Extent = (usize, Vec<i64>);

/// Extents with neighbours merged: the outer ones, the innermost run, and the stride of each tensor along that.
fn merged(dims: &[usize], walks: &[Walk]) -> (Vec<Extent>, usize, Vec<i64>) {
    let mut loops: Vec<Extent> = Vec::new();
    for (d, &extent) in dims.iter().enumerate().filter(|(_, extent)| **extent != 1) {
        let strides: Vec<i64> = walks.iter().map(|walk| walk.strides[d]).collect();
        match loops.last_mut() {
            Some((outer, outer_strides))
                if outer_strides.iter().zip(&strides).all(|(o, s)| *o == s * extent as i64) =>
            {
                *outer *= extent;
                *outer_strides = strides;
            }
            _ => loops.push((extent, strides)),
        }
    }
    match loops.pop() {
        Some((run, inner)) => (loops, run, inner),
        // A single element: every tensor moves with it.
        None => (loops, 1, vec![1; walks.len()]),
    }
}
