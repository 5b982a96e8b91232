//! Which bytes an argument of a call touches, and sets of them.
//!
//! ```text
//! low      high                    stride + low ..
//!  |#########|......................|#########|......................|#########|      count = 3
//! ```
//!
//! An argument whose iterations of the outermost loop leave bytes out in between, as those over the images of a piece
//! of a concatenation do, touches a range in each of them; any other touches one, from the first byte to the last.

use crate::plan::program::{Arg, Call, Term};
use std::collections::BTreeMap;

/// Iterations whose ranges are told apart, at most: what a set of ranges takes must not grow with what a file says.
pub(in crate::plan) const MOST_IMAGES: usize = 1024;

/// The bytes that an argument touches, relative to its buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes {
    /// The first range.
    low: i64,
    high: i64,
    /// From range to range.
    stride: i64,
    /// How many there are.
    count: i64,
}

impl Bytes {
    /// Those of an argument, none of one that is no address or whose window slides over no rows.
    pub(super) fn of(call: &Call, arg: &Arg) -> Bytes {
        let none = Bytes { low: 0, high: 0, stride: 0, count: 1 };
        let Arg::Address { place, terms, span, .. } = arg else { return none };
        let slides = terms.iter().any(|term| matches!(term, Term::FirstRow { .. }));
        if slides && call.window.is_some_and(|window| window.extent == 0) {
            return none;
        }
        let (mut low, mut high) = (place.offset as i64 + span.start, place.offset as i64 + span.end);
        let mut outermost = 0;
        let mut add = |least: i64, most: i64| {
            low += least.min(most);
            high += least.max(most);
        };
        for term in terms {
            match *term {
                Term::Index { dim: 0, stride } => outermost += stride,
                Term::Index { dim, stride } => add(0, (call.extents[dim] as i64 - 1) * stride),
                Term::Slot { dim, stride, rows } => {
                    add(0, (call.extents[dim].min(rows) as i64 - 1) * stride);
                }
                Term::FirstRow { stride } => {
                    let rows = call.window.map_or(1, |w| w.ring.unwrap_or(w.extent).min(w.extent));
                    add(0, (rows as i64 - 1) * stride);
                }
                // The taps of a window are one object: the span already covers them.
                Term::FirstTap { .. } => {}
                Term::Lookup { least, most, .. } => add(least, most),
            }
        }
        let (count, stride) = (call.extents.first().map_or(1, |&extent| extent as i64), outermost.abs());
        low += outermost.min(0) * (count - 1);
        high += outermost.min(0) * (count - 1);
        match stride > high - low && count <= MOST_IMAGES as i64 {
            true => Bytes { low, high, stride, count },
            false => Bytes { low, high: high + stride * (count - 1), stride: 0, count: 1 },
        }
    }

    /// The first byte, and the one behind the last.
    pub(super) fn ends(&self) -> (i64, i64) {
        (self.low, self.high + self.stride * (self.count - 1))
    }

    /// Whether there are any.
    pub(super) fn touch_any(&self) -> bool {
        self.low < self.high
    }

    fn ranges(&self) -> impl Iterator<Item = (i64, i64)> {
        let Bytes { low, high, stride, count } = *self;
        (0..count).map(move |i| (low + i * stride, high + i * stride))
    }

    /// Whether some byte is in both.
    pub(super) fn meet(&self, other: &Bytes) -> bool {
        let ((low, high), (from, to)) = (self.ends(), other.ends());
        if low >= to || from >= high {
            return false;
        }
        let mut others = other.ranges().peekable();
        self.ranges().any(|(low, high)| {
            // Both go up: what ends before this range is behind all that follow.
            while others.next_if(|&(_, to)| to <= low).is_some() {}
            others.peek().is_some_and(|&(from, _)| from < high)
        })
    }
}

/// The least and the most byte, relative to the buffer, that an address argument may touch.
pub fn reach(call: &Call, arg: &Arg) -> (i64, i64) {
    Bytes::of(call, arg).ends()
}

/// A set of bytes: disjoint ranges that do not touch, the end of each by its start.
#[derive(Default)]
pub(super) struct Ranges(BTreeMap<i64, i64>);

impl Ranges {
    /// Whether all of these bytes are in it.
    pub(super) fn cover(&self, bytes: &Bytes) -> bool {
        { bytes.ranges() }.all(|(low, high)| self.cover_range(low, high))
    }

    /// Whether the first and the last of these bytes are in it.
    pub(super) fn cover_ends(&self, bytes: &Bytes) -> bool {
        let (low, high) = bytes.ends();
        self.cover_range(low, low + 1) && self.cover_range(high - 1, high)
    }

    fn cover_range(&self, low: i64, high: i64) -> bool {
        low >= high || self.0.range(..=low).next_back().is_some_and(|(_, &end)| high <= end)
    }

    /// Adds bytes.
    pub(super) fn add(&mut self, bytes: &Bytes) {
        bytes.ranges().for_each(|(low, high)| self.add_range(low, high));
    }

    fn add_range(&mut self, mut low: i64, mut high: i64) {
        while let Some((&start, &end)) = self.0.range(..=high).next_back().filter(|&(_, &end)| end >= low) {
            self.0.remove(&start);
            (low, high) = (low.min(start), high.max(end));
        }
        self.0.insert(low, high);
    }
}
