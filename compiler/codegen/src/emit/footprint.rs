//! (K10): what the instructions of a kernel touch, wherever its call stands in its nest, lies in what the call says.
//!
//! The checker of plans proves that what calls say lies in their buffers, and what units, steps and groups may touch
//! of each other's. This is the other half: code that passes both touches no byte that is not its own. Words of tables
//! are taken to be right: the distances of a ring, the columns of a resize, the places of a list. What kernels written
//! in CLIF touch is known to the plan, and checked there.

use crate::plan::{Access, Arg, Call, Met, Term, Window};
use crate::scalar::Interval;
use crate::vasm::footprint::{Outline, Touch, Words};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

/// Checks (K10) for a call and its kernel.
///
/// # Errors
/// What is touched and what is said, or that something is touched of which nothing is known.
pub(super) fn check(call: &Call, kernel: &Outline) -> Result<(), String> {
    // A kernel is told how much of the window meets the image, and not where that is.
    let mut known: HashMap<(u64, u64), Vec<Touch>> = HashMap::new();
    for met in met(call) {
        let touches = match known.entry((met.above, met.taps)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(kernel.touches(&Told { call, met })?),
        };
        touches.iter().try_for_each(|touch| lies_in(call, met, touch))?;
    }
    Ok(())
}

/// Where the window of a call meets the image: of rows that see as much of it, the first and the last.
fn met(call: &Call) -> Vec<Met> {
    let Some(window) = call.window else { return vec![Met { first_row: 0, above: 0, taps: 1 }] };
    let Window { stride, pad, dilation, kernel, extent, .. } = window;
    let rows = call.extents.get(window.dim).copied().unwrap_or(1);
    let reach = (kernel - 1).saturating_mul(dilation);
    let end = extent.saturating_add(pad);
    // Rows up to here see nothing, from here on all taps, some, nothing again.
    let some = pad.saturating_sub(reach).div_ceil(stride).min(rows);
    let all = pad.div_ceil(stride).min(rows);
    let less = end.saturating_sub(reach).div_ceil(stride).clamp(all, rows);
    let none = end.div_ceil(stride).clamp(less, rows);
    let ends = |range: Range<u64>| [range.clone().next(), range.last()].into_iter().flatten();
    let looked_at =
        ends(0..some).chain(some..all).chain(ends(all..less)).chain(less..none).chain(ends(none..rows));
    looked_at.map(|row| window.meets(row)).collect()
}

/// What a call tells its kernel.
struct Told<'c> {
    call: &'c Call,
    met: Met,
}

impl Words for Told<'_> {
    fn number(&self, arg: u32) -> Option<Interval> {
        let Met { above, taps, .. } = self.met;
        match *self.call.args.get(arg as usize)? {
            Arg::Address { .. } => None,
            Arg::Taps | Arg::Unread => Some(Interval::only(taps as i64)),
            Arg::TapsAbove => Some(Interval::only(above as i64)),
            Arg::SkippedTaps(bytes) => {
                let kernel = self.call.window.map_or(1, |window| window.kernel);
                Some(Interval::only((kernel - taps) as i64 * bytes))
            }
            Arg::Number { from, dim, step } => {
                let last = from + step * (self.call.extents[dim] as i64 - 1);
                Some(Interval::new(from.min(last), from.max(last)))
            }
        }
    }

    fn table(&self, arg: u32, at: Interval) -> Option<Interval> {
        self.call.kernel.listed(arg, at, &|arg| self.number(arg))
    }
}

/// Checks one touch.
fn lies_in(call: &Call, met: Met, touch: &Touch) -> Result<(), String> {
    let Touch { arg, is_written, ref bytes } = *touch;
    let does = if is_written { "writes" } else { "reads" };
    let broken = |why: String| Err(format!("(K10): it {does} bytes {bytes:?} of argument {arg}, {why}"));
    if bytes.is_empty() {
        return Ok(());
    }
    let Some(Arg::Address { terms, access, span, .. }) = call.args.get(arg as usize) else {
        return broken("which is no address".into());
    };
    if *access == Access::Prefetch || is_written && !access.writes() {
        return broken("which is not there for that".into());
    }
    // The other terms move both alike.
    let (mut first, mut said) = (0, span.clone());
    if let Some(window) = call.window {
        let rows = window.ring.unwrap_or(window.extent).min(window.extent);
        for term in terms {
            match *term {
                Term::FirstRow { stride } => {
                    first += (met.first_row % rows.max(1)) as i64 * stride;
                    let far = (rows as i64 - 1).max(0) * stride;
                    said = said.start + far.min(0)..said.end + far.max(0);
                }
                Term::FirstTap { stride } => first += met.above as i64 * stride,
                Term::Index { .. } | Term::Slot { .. } | Term::Lookup { .. } => {}
            }
        }
    }
    if first + bytes.start < said.start || first + bytes.end > said.end {
        return broken(format!("{first} bytes further, of {said:?}"));
    }
    Ok(())
}
