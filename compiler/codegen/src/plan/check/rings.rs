//! (P5): the rings of a group, checked by running its loop over rows instead of bytes.
//!
//! A member reads, of what lies in scratch, the ring of the member before it alone, and every row that its window
//! sees is in its slot when it is read: whichever block a task starts from, and in every block after. No member
//! touches, outside of scratch, what another one writes. The loops of each go over the images first and over its rows
//! last, as the blocks of a group ask for them.

use super::bytes::Bytes;
use crate::plan::program::{Access, Arg, BufferId, Call, Group, Member, Program, Space, Term};
use std::collections::HashMap;
use std::ops::Range;

/// Checks a group.
pub(super) fn check(program: &Program, group: &Group) -> Result<(), String> {
    apart(program, group)?;
    loops(group)?;
    if let Some(first) = group.members.first()
        && in_scratch(program, first).any(|(.., access)| access.reads())
    {
        return Err(format!("(P5): {} reads a ring that nothing wrote", first.name));
    }
    let rings: Vec<u64> =
        group.members.windows(2).map(|pair| ring(program, &pair[0], &pair[1])).collect::<Result<_, _>>()?;
    // After one block, what is in the rings no longer depends on where a task started: two blocks from each start,
    // and all from the first, are every case.
    simulate(group, &rings, 0..group.blocks)?;
    (1..group.blocks).try_for_each(|first| simulate(group, &rings, first..group.blocks.min(first + 2)))
}

/// The nests of members have loops over all images, and over all rows that the member behind sees, or the result has.
fn loops(group: &Group) -> Result<(), String> {
    let behind = group.members.iter().skip(1).map(|member| member.window.map(|window| window.extent));
    for (member, rows) in group.members.iter().zip(behind.chain([Some(group.rows)])) {
        for Call { extents, .. } in &member.calls {
            let is_nest = extents.len() > 1 && extents[0] == group.images && extents.last().copied() == rows;
            if !is_nest {
                let (images, rows) = (group.images, rows.unwrap_or(0));
                return Err(format!(
                    "(P5): the loops of {}, {extents:?}, do not go over {images} images and {rows} rows",
                    member.name
                ));
            }
        }
    }
    Ok(())
}

/// The bytes outside of scratch that members write are theirs alone.
fn apart(program: &Program, group: &Group) -> Result<(), String> {
    let touched = |member: &Member, wanted: fn(Access) -> bool| -> Vec<(u32, Bytes)> {
        let args = member.calls.iter().flat_map(|c| c.args.iter().map(move |arg| (c, arg)));
        args.filter_map(|(call, arg)| match arg {
            Arg::Address { place, access, .. }
                if wanted(*access) && program.buffer(place.buffer).space != Space::Scratch =>
            {
                Some((place.buffer.0, Bytes::of(call, arg)))
            }
            _ => None,
        })
        .collect()
    };
    for (i, member) in group.members.iter().enumerate() {
        let written = touched(member, Access::writes);
        for (_, other) in group.members.iter().enumerate().filter(|(j, _)| *j != i) {
            let touched = touched(other, |a| a != Access::Prefetch);
            if written.iter().any(|w| touched.iter().any(|t| w.0 == t.0 && w.1.meet(&t.1))) {
                return Err(format!("(P5): {} writes what {} touches in one group", member.name, other.name));
            }
        }
    }
    Ok(())
}

/// The rows of the ring between two members, on which all their calls agree.
fn ring(program: &Program, from: &Member, to: &Member) -> Result<u64, String> {
    let broken = |what: &str| format!("(P5): the ring of {}, read by {}: {what}", from.name, to.name);
    let mut agreed = None;
    let mut agree = |call: &Call, arg: &Arg| {
        let rows = rows(call, arg).ok_or_else(|| broken("an address does not move with its rows"))?;
        if *agreed.get_or_insert(rows) == rows { Ok(()) } else { Err(broken("calls differ in its rows")) }
    };
    for (call, arg, buffer, access) in in_scratch(program, from) {
        match access {
            Access::Write | Access::Update if buffer == from.result => agree(call, arg)?,
            Access::Write | Access::Update => return Err(broken("the member writes another one")),
            Access::Read | Access::Prefetch => {}
        }
    }
    if to.calls.iter().any(|call| to.window != Some(call.rows())) {
        return Err(broken("the window is not that of the nest"));
    }
    for (call, arg, buffer, access) in in_scratch(program, to) {
        match access {
            _ if buffer == from.result => agree(call, arg)?,
            Access::Read | Access::Update => return Err(broken("another one is read instead")),
            Access::Write | Access::Prefetch => {}
        }
    }
    agreed.ok_or_else(|| broken("nothing goes through it"))
}

/// The arguments of a member that lie in scratch.
fn in_scratch<'a>(
    program: &'a Program,
    member: &'a Member,
) -> impl Iterator<Item = (&'a Call, &'a Arg, BufferId, Access)> {
    let args = member.calls.iter().flat_map(|call| call.args.iter().map(move |arg| (call, arg)));
    args.filter_map(|(call, arg)| match arg {
        Arg::Address { place, access, .. } => Some((call, arg, place.buffer, *access)),
        _ => None,
    })
    .filter(|(_, _, buffer, _)| program.buffer(*buffer).space == Space::Scratch)
}

/// The rows of the ring in which an address moves.
fn rows(call: &Call, arg: &Arg) -> Option<u64> {
    let Arg::Address { terms, .. } = arg else { return None };
    terms.iter().find_map(|term| match term {
        Term::Slot { dim, rows, .. } if *dim + 1 == call.extents.len() => Some(*rows),
        Term::FirstRow { .. } => call.window.and_then(|w| w.ring),
        _ => None,
    })
}

/// Runs a range of the blocks of an image, as a task does that starts with the first of them.
fn simulate(group: &Group, rings: &[u64], blocks: Range<u64>) -> Result<(), String> {
    let mut slots: Vec<HashMap<u64, u64>> = vec![HashMap::new(); rings.len()];
    let mut ends = vec![0; rings.len()];
    for block in blocks.clone() {
        let mut wanted = Vec::from([group.block(block)]);
        for (end, next) in ends.iter_mut().zip(&group.members[1..]).rev() {
            let Some(window) = next.window else { return Err("(P5): a member without a window".into()) };
            let seen = window.sees(wanted[wanted.len() - 1].clone());
            wanted.push(seen.start.max(*end)..seen.end);
            *end = seen.end.max(*end);
        }
        wanted.reverse();
        for (i, rows) in wanted.into_iter().enumerate() {
            for row in rows {
                if let (Some(before), Some(window)) = (i.checked_sub(1), group.members[i].window)
                    && let Some(lost) = window
                        .taps(row)
                        .find(|&seen| slots[before].get(&(seen % rings[before])) != Some(&seen))
                {
                    let (from, to) = (&group.members[before].name, &group.members[i].name);
                    return Err(format!(
                        "(P5): row {lost} of {from} is not in its ring when row {row} of {to} is computed, \
                         by a task that starts with block {}",
                        blocks.start
                    ));
                }
                if i < rings.len() {
                    slots[i].insert(row % rings[i], row);
                }
            }
        }
    }
    Ok(())
}
