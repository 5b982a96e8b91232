//! (P8) of the checker: no unit of a step reads what another one of it writes.
//!
//! A nest may read a buffer that the step writes only at the very place that it writes itself, iteration by iteration,
//! as a sum does that takes the place of an operand; or bytes that the step does not write at all.

use super::bytes::Bytes;
use crate::plan::print::place;
use crate::plan::program::{Access, Arg, Call, Place, Program, Term};

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
