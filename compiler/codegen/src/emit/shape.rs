//! The shape of a step: all that its code depends on. Steps of equal shapes share a function.
//!
//! ```text
//! %b = conv %a: reads arena @0,     weights @4096, writes arena @65536   =>   conv: reads 0, weights 1, writes 2
//! %c = conv %b: reads arena @65536, weights @8192, writes arena @0       =>   the same
//! ```
//!
//! What is left are the offsets of its buffers: `[0, 4096, 65536]` and `[65536, 8192, 0]`.

use crate::plan::{Arg, BufferId, Group, Member, Place, Program, Space, Step, Term, Work};
use std::collections::HashMap;

/// A step without its names, whose places name its buffers by number.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub step: Step,
    /// The space of each of its buffers.
    pub spaces: Vec<Space>,
}

impl Shape {
    /// The shape of a step, and the offset of each of its buffers in its space.
    pub(super) fn of(program: &Program, step: &Step) -> (Shape, Vec<u64>) {
        let mut step = nameless(step);
        let (mut spaces, mut offsets) = (Vec::new(), Vec::new());
        // Counted from what is touched first: each operand of a concatenation has another part of the same buffer.
        let mut starts: HashMap<BufferId, Place> = HashMap::new();
        let mut number = |place: &mut Place| {
            let start = starts.entry(place.buffer).or_insert_with(|| {
                let buffer = program.buffer(place.buffer);
                let number = BufferId(spaces.len() as u32);
                spaces.push(buffer.space);
                offsets.push(buffer.offset.wrapping_add(place.offset));
                Place { buffer: number, offset: place.offset }
            });
            *place = Place { buffer: start.buffer, offset: place.offset.wrapping_sub(start.offset) };
        };
        for arg in step.calls_mut().flat_map(|call| &mut call.args) {
            let Arg::Address { place, terms, .. } = arg else { continue };
            number(place);
            for term in terms {
                if let Term::Lookup { table, .. } = term {
                    number(table);
                }
            }
        }
        (Shape { step, spaces }, offsets)
    }
}

/// A step without what is said for people.
fn nameless(step: &Step) -> Step {
    let members = |members: &[Member]| {
        let member = |member: &Member| Member {
            name: String::new(),
            op: String::new(),
            algorithm: String::new(),
            macs: 0,
            calls: member.calls.clone(),
            window: member.window,
            result: BufferId(0),
        };
        members.iter().map(member).collect()
    };
    let work = match &step.work {
        Work::Nests(calls) => Work::Nests(calls.clone()),
        Work::Group(group) => Work::Group(Group { members: members(&group.members), ..*group }),
        Work::Siblings(siblings) => Work::Siblings(members(siblings)),
    };
    Step { name: String::new(), op: String::new(), algorithm: String::new(), work, macs: 0 }
}
