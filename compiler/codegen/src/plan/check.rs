//! The checker: proves of one plan that it is right, by nothing but the program itself.
//!
//! (P1) Every byte range that a call may touch, over all iterations of its nest, lies inside its buffer. (P2) Arena
//! buffers lie inside the arena, and no two that are alive at one step overlap. (P3) Every byte range that is read was
//! written by earlier steps, or lies in an input or weights; of what is read and written over, the first and the last
//! byte. (P4) Nothing is written into inputs or weights. (P5) The rows that a member of a group reads are in its ring,
//! and buffers of one group do not overlap in scratch nor leave it. (P6) The bound that the program names is the most
//! bytes of the arena that are alive at one step. (P7) No sibling touches bytes that another writes. (P8) No unit of a
//! step that is no group reads bytes that another unit of it writes. (P9) No two units of a call of it write from the
//! same byte on.
//!
//! A range reaches from the first byte to the last that the iterations of one argument touch: bytes that it leaves out
//! in between count as touched, but for those between the images of a value that lies in another one
//! (`check/bytes.rs`). What an argument of scalar code touches follows from its body, by the bounds of every place that
//! it reads. What the instructions of other kernels touch is held against their calls when they are emitted: (K10), in
//! `emit/footprint.rs`.

mod bytes;
mod rings;
mod units;

use super::ALIGN;
use super::print::place;
use super::program::{Access, Arg, Call, Group, Member, Program, Space, Work};
use crate::kernels::Spec;
use crate::scalar::Interval;
pub(super) use bytes::MOST_IMAGES;
pub use bytes::reach;
use bytes::{Bytes, Ranges};
use std::collections::HashMap;

/// Checks a program.
///
/// # Errors
/// The rule that is broken, the step and the buffer: a bug of the plan.
pub fn check(program: &Program) -> Result<(), String> {
    let mut first: HashMap<u32, usize> = HashMap::new();
    let mut last: HashMap<u32, usize> = HashMap::new();
    let mut ready: HashMap<u32, Ranges> = HashMap::new();
    for (index, step) in program.steps.iter().enumerate() {
        let mut written = Vec::new();
        for call in step.calls() {
            scalar(call).map_err(|e| format!("(P1): step {} {e}", step.name))?;
            for arg in &call.args {
                let Arg::Address { place: at, access, .. } = arg else { continue };
                if *access == Access::Prefetch {
                    continue;
                }
                let buffer = program.buffer(at.buffer);
                let bytes = Bytes::of(call, arg);
                let (low, high) = bytes.ends();
                if low < 0 || high > buffer.bytes as i64 {
                    return Err(format!(
                        "(P1): step {} touches {} bytes {low}..{high} of {}",
                        step.name,
                        place(program, *at),
                        buffer.bytes
                    ));
                }
                let id = at.buffer.0;
                if access.writes() {
                    if matches!(buffer.space, Space::Input(_) | Space::Weights) {
                        return Err(format!("(P4): step {} writes {}", step.name, buffer.name));
                    }
                    written.push((id, bytes));
                }
                if access.reads() {
                    // What lies in scratch is a matter of its group.
                    let given = matches!(buffer.space, Space::Input(_) | Space::Weights | Space::Scratch);
                    let nothing = low >= high;
                    let is_ready = |ready: &Ranges| match access {
                        // Planes of transformed tiles have padding in between, which nobody writes.
                        Access::Update => ready.cover_ends(&bytes),
                        _ => ready.cover(&bytes),
                    };
                    if !given && !nothing && !ready.get(&id).is_some_and(is_ready) {
                        return Err(format!(
                            "(P3): step {} reads bytes {low}..{high} of {}, not all written",
                            step.name, buffer.name
                        ));
                    }
                }
                last.insert(id, index);
            }
        }
        if let Work::Group(group) = &step.work {
            rings::check(program, group)?;
            scratch(program, group)?;
        }
        if let Work::Siblings(members) = &step.work {
            siblings(program, members)?;
        }
        if !matches!(step.work, Work::Group(_)) {
            units::check(program, &step.name, &step.calls().collect::<Vec<_>>())?;
        }
        for (id, bytes) in written {
            first.entry(id).or_insert(index);
            ready.entry(id).or_default().add(&bytes);
        }
    }
    overlaps(program, &first, &last)?;
    bound(program, &first, &last)
}

/// What a kernel of scalar code touches lies in the spans that its call says.
fn scalar(call: &Call) -> Result<(), String> {
    let number = |arg: usize| match call.args.get(arg) {
        Some(&Arg::Number { from, dim, step }) => {
            let last = from + step * (call.extents[dim] as i64 - 1);
            Ok(Interval::new(from.min(last), from.max(last)))
        }
        _ => Err(format!("has no number as argument {arg}")),
    };
    let touches = match &call.kernel {
        Spec::Scalar(kernel) => kernel.touches(number(1)?, number(2)?),
        Spec::Order(kernel) => kernel.touches(number(1)?),
        Spec::Terms(kernel) => kernel.touches(),
        _ => return Ok(()),
    };
    for (arg, bytes) in touches {
        let Some(Arg::Address { span, .. }) = call.args.get(arg) else {
            return Err(format!("has no address as argument {arg}"));
        };
        if bytes.start < span.start.into() || bytes.end > span.end.into() {
            return Err(format!("may touch bytes {bytes:?} of argument {arg}, whose span is {span:?}"));
        }
    }
    Ok(())
}

/// What one sibling writes, no other touches.
fn siblings(program: &Program, members: &[Member]) -> Result<(), String> {
    let touched = |member: &Member| -> Vec<(u32, Bytes, bool)> {
        let args = member.calls.iter().flat_map(|call| call.args.iter().map(move |arg| (call, arg)));
        let touch = |(call, arg): (&Call, &Arg)| {
            let Arg::Address { place, access, .. } = arg else { return None };
            let touch = (place.buffer.0, Bytes::of(call, arg), access.writes());
            (*access != Access::Prefetch).then_some(touch)
        };
        args.filter_map(touch).collect()
    };
    for (i, one) in members.iter().enumerate() {
        let own = touched(one);
        for other in &members[i + 1..] {
            let meets = |(id, bytes, writes): &(u32, Bytes, bool)| {
                own.iter().any(|(i, b, w)| i == id && (*w || *writes) && b.meet(bytes))
            };
            if let Some((id, ..)) = touched(other).into_iter().find(meets) {
                let buffer = &program.buffers[id as usize].name;
                return Err(format!("(P7): {} and its sibling {} meet in {buffer}", one.name, other.name));
            }
        }
    }
    Ok(())
}

/// The buffers that a group has in scratch lie there, each apart.
fn scratch(program: &Program, group: &Group) -> Result<(), String> {
    let mut end = 0;
    let mut buffers: Vec<_> = group.members.iter().map(|m| program.buffer(m.result)).collect();
    buffers.retain(|b| b.space == Space::Scratch);
    buffers.sort_by_key(|b| b.offset);
    for buffer in buffers {
        if buffer.offset < end || buffer.offset + buffer.bytes > program.scratch_bytes {
            return Err(format!("(P5): {} lies on another ring, or outside of scratch", buffer.name));
        }
        end = buffer.offset + buffer.bytes;
    }
    Ok(())
}

fn overlaps(
    program: &Program,
    first: &HashMap<u32, usize>,
    last: &HashMap<u32, usize>,
) -> Result<(), String> {
    let mut live: Vec<(u64, u64, usize, usize, &str)> = Vec::new();
    for (id, buffer) in program.buffers.iter().enumerate().filter(|(_, b)| b.space == Space::Arena) {
        let (Some(&from), Some(&to)) = (first.get(&(id as u32)), last.get(&(id as u32))) else { continue };
        let end = buffer.offset + buffer.bytes;
        if end > program.arena_bytes {
            return Err(format!("(P2): {} ends at {end}, the arena at {}", buffer.name, program.arena_bytes));
        }
        live.push((buffer.offset, end, from, to, &buffer.name));
    }
    live.sort_unstable();
    for (i, a) in live.iter().enumerate() {
        for b in live[i + 1..].iter().take_while(|b| b.0 < a.1) {
            if a.2 <= b.3 && b.2 <= a.3 {
                return Err(format!("(P2): {} and {} overlap while both are alive", a.4, b.4));
            }
        }
    }
    Ok(())
}

/// No arena can be smaller than what is alive at one step, each buffer aligned.
fn bound(program: &Program, first: &HashMap<u32, usize>, last: &HashMap<u32, usize>) -> Result<(), String> {
    let mut alive = vec![0; program.steps.len()];
    for (id, buffer) in program.buffers.iter().enumerate().filter(|(_, b)| b.space == Space::Arena) {
        let (Some(&from), Some(&to)) = (first.get(&(id as u32)), last.get(&(id as u32))) else { continue };
        alive[from..=to].iter_mut().for_each(|bytes| *bytes += buffer.bytes.next_multiple_of(ALIGN));
    }
    let bound = alive.into_iter().max().unwrap_or(0);
    match bound == program.arena_bound {
        true => Ok(()),
        false => Err(format!("(P6): {bound} bytes are alive at once, the bound is {}", program.arena_bound)),
    }
}
