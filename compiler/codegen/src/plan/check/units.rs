//! (P8) of the checker: no unit of a step reads what another one of it writes; (P9) no two units of a call write from
//! the same byte on.
//!
//! A nest may read a buffer that the step writes only at the very place that it writes itself, iteration by iteration,
//! as a sum does that takes the place of an operand; or bytes that the step does not write at all.
//!
//! What a unit writes may lie scattered, as transformed tiles do, so (P9) looks at where it starts. That shows a loop
//! whose iterations all write to one place, which is the mistake to be feared: threads would race for it.

use super::bytes::Bytes;
use crate::plan::print::place;
use crate::plan::program::{Access, Arg, Call, Place, Program, Term};
use std::collections::HashSet;

/// What an argument of a call touches.
struct Touch<'a> {
    /// Which call.
    call: usize,
    place: Place,
    terms: &'a [Term],
    bytes: Bytes,
}

/// Checks the calls of one step.
pub(super) fn check(program: &Program, step: &str, calls: &[&Call]) -> Result<(), String> {
    let written = touched(calls, Access::writes);
    for write in &written {
        if !starts_differ(calls[write.call], write.terms) {
            return Err(format!(
                "(P9): step {step} writes {} in more than one unit",
                place(program, write.place)
            ));
        }
    }
    for read in touched(calls, Access::reads) {
        let meets = |other: &&Touch| read.place.buffer == other.place.buffer && read.bytes.meet(&other.bytes);
        let own =
            |other: &Touch| (other.call, other.place, other.terms) == (read.call, read.place, read.terms);
        // What it writes there itself is its own, whatever else is written.
        if written.iter().any(own) {
            continue;
        }
        if let Some(other) = written.iter().find(meets) {
            return Err(format!(
                "(P8): step {step} reads {} in one unit and writes {} in another",
                place(program, read.place),
                place(program, other.place)
            ));
        }
    }
    Ok(())
}

/// What the arguments with such an access touch, if anything.
fn touched<'a>(calls: &[&'a Call], wanted: fn(Access) -> bool) -> Vec<Touch<'a>> {
    let of_call = |(index, call): (usize, &&'a Call)| {
        let call: &'a Call = call;
        call.args.iter().filter_map(move |arg| match arg {
            Arg::Address { place, terms, access, .. } if wanted(*access) => {
                Some(Touch { call: index, place: *place, terms, bytes: Bytes::of(call, arg) })
            }
            _ => None,
        })
    };
    calls.iter().enumerate().flat_map(of_call).filter(|touch| touch.bytes.touch_any()).collect()
}

/// Units that are told apart one by one, at most: what this takes must not grow with what a file says.
const MOST_UNITS: u64 = 1 << 12;

/// Whether the iterations of a call give an address as many values. Loops that move it by rows of a ring or by a table
/// are taken to do so.
fn starts_differ(call: &Call, terms: &[Term]) -> bool {
    let moved = |dim: usize| -> Option<i64> {
        let mut stride = 0;
        for term in terms {
            match *term {
                Term::Index { dim: d, stride: s } if d == dim => stride += s,
                Term::Slot { dim: d, .. } | Term::Lookup { dim: d, .. } if d == dim => return None,
                Term::FirstRow { .. } if call.window.is_some_and(|w| w.dim == dim) => return None,
                _ => {}
            }
        }
        Some(stride.abs())
    };
    let loops = call.extents.iter().enumerate().filter(|&(_, &extent)| extent > 1);
    let mut loops: Vec<(i64, u64)> = loops.filter_map(|(dim, &n)| Some((moved(dim)?, n))).collect();
    if loops.iter().any(|&(stride, _)| stride == 0) {
        return false;
    }
    // Where each loop steps over all that those inside of it reach, nothing needs to be counted.
    loops.sort_unstable();
    let mut reach = 0;
    let nested = loops.iter().all(|&(stride, n)| {
        let steps_over = stride > reach;
        reach += stride * (n as i64 - 1);
        steps_over
    });
    let units = loops.iter().try_fold(1u64, |units, &(_, n)| units.checked_mul(n));
    if nested || units.is_none_or(|units| units > MOST_UNITS) {
        return true;
    }
    let mut starts = HashSet::from([0]);
    for &(stride, n) in &loops {
        starts = starts.iter().flat_map(|&start| (0..n as i64).map(move |i| start + i * stride)).collect();
    }
    units == Some(starts.len() as u64)
}
