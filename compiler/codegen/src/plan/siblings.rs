//! Siblings: convolutions of the same value run as one step.
//!
//! ```text
//! %a = conv %x    %b = pool %x    %c = conv %x   =>   %a, %c = conv + conv %x    %b = pool %x
//! ```
//!
//! Threads share the units of all of them in one loop, as of one wide product that writes to several places: they wait
//! for each other once, the last units are spread better, and what is read is still in cache. The later convolution
//! moves to the first, so its value lives longer. Of a convolution by transformed tiles it is the product of the tiles
//! that has siblings, as beside the 1x1 of a fire module; it waits for its tiles, so the other moves to it:
//!
//! ```text
//! %a = conv %x    %t = winograd_input %x    %b = winograd_product %t
//!     =>   %t = winograd_input %x    %a, %b = conv + winograd_product %x, %t
//! ```
//!
//! Declines where that would raise the most bytes that are alive at once, where a step in between needs what the one
//! that moves overwrites, and groups and pools: units are shared out by their work, which only products know.

use super::decisions::{Decisions, Topic};
use super::program::{Access, Arg, BufferId, MOST_CALLS, Member, Place, Program, Space, Step, Work};
use crate::kernels::Spec;
use std::collections::HashSet;
use std::ops::Range;

/// Steps that a convolution may move: branches of a module are shorter.
const REACH: usize = 64;

/// Steps that may be looked at to count live bytes: thousands of joins in a network of a thousand steps. What a file
/// says must not take the square of its size.
const WORK: usize = 10_000_000;

/// Joins the siblings of a draft.
pub(super) fn join(mut program: Program) -> Program {
    let decisions = Decisions::default();
    let mut left = WORK;
    let most = program.live_bytes().into_iter().max().unwrap_or(0);
    let mut first = 0;
    while first < program.steps.len() {
        let Some(operand) = operand(&program, first) else {
            first += 1;
            continue;
        };
        let later = first + 1..program.steps.len().min(first + 1 + REACH);
        let mut meet = |step: usize| {
            let calls = || program.steps[first].calls().count() + program.steps[step].calls().count();
            if self::operand(&program, step) != Some(operand) || is_rewritten(&program, operand, first..step)
            {
                return None;
            }
            // Where both would stand, and what that does to live bytes.
            let earlier = may_pass(&program, step, first..step).then_some(first);
            let place = earlier.or_else(|| may_pass(&program, first, first + 1..step + 1).then_some(step));
            let mut fits = |place: usize| {
                let work = left.checked_sub(program.steps.len());
                left = work.unwrap_or(0);
                work.is_some() && fits(&program, [first, step], place, most)
            };
            let hindrance = match place {
                _ if calls() > MOST_CALLS => Some("together they are too many loops"),
                None => Some("a step in between is in its way"),
                Some(place) if !fits(place) => Some("a value would live while most memory is taken"),
                Some(_) => None,
            };
            if let Some(why) = hindrance {
                decisions.left(Topic::Siblings, program.steps[step].name.clone(), why);
            }
            place.filter(|_| hindrance.is_none()).map(|place| (step, place))
        };
        match { later }.find_map(&mut meet) {
            Some((sibling, place)) => {
                decisions.did(Topic::Siblings, program.steps[sibling].name.clone(), "in the step of another");
                join_two(&mut program, [first, sibling], place);
            }
            None => first += 1,
        }
    }
    program.decisions.extend(decisions.into_list());
    program
}

/// What a step reads whose convolutions may have siblings; of the product of transformed tiles, what they were
/// transformed from.
fn operand(program: &Program, step: usize) -> Option<Place> {
    let is_product = program.steps[step].calls().all(|call| matches!(call.kernel, Spec::Product(_)));
    if !is_product || matches!(program.steps[step].work, Work::Group(_)) {
        return None;
    }
    let read = read(&program.steps[step])?;
    let tiles = step.checked_sub(1).map(|before| &program.steps[before]).filter(|before| {
        let is_transform = before.calls().all(|call| matches!(call.kernel, Spec::WinogradInput(_)));
        is_transform && before.accesses().any(|access| access == (read.buffer, Access::Write))
    });
    let read = tiles.map_or(Some(read), self::read);
    read.filter(|place| program.buffer(place.buffer).space != Space::Weights)
}

/// What a step reads first.
fn read(step: &Step) -> Option<Place> {
    step.calls().next()?.args.iter().find_map(|arg| match arg {
        Arg::Address { place, access: Access::Read, .. } => Some(*place),
        _ => None,
    })
}

/// Whether some steps write to a place, so that what is read there afterwards is another value.
fn is_rewritten(program: &Program, place: Place, mut steps: Range<usize>) -> bool {
    let is_write = |(buffer, access): (BufferId, Access)| buffer == place.buffer && access.writes();
    steps.any(|step| program.steps[step].accesses().any(is_write))
}

/// Whether a step computes the same on the other side of some steps: none of them writes what it reads, or reads what
/// it writes.
fn may_pass(program: &Program, step: usize, others: Range<usize>) -> bool {
    let touched = |wanted: fn(Access) -> bool| -> HashSet<BufferId> {
        program.steps[step].accesses().filter(|&(_, a)| wanted(a)).map(|(buffer, _)| buffer).collect()
    };
    let (read, written) = (touched(Access::reads), touched(Access::writes));
    program.steps[others].iter().flat_map(Step::accesses).all(|(buffer, access)| {
        !(access.writes() && read.contains(&buffer) || access.reads() && written.contains(&buffer))
    })
}

/// Whether no more than the most bytes are alive when two steps stand at one of their places.
fn fits(program: &Program, [first, sibling]: [usize; 2], place: usize, most: u64) -> bool {
    let lives = program.lives();
    let moved = if place == first { sibling } else { first };
    let touched: HashSet<BufferId> = program.steps[moved].accesses().map(|(buffer, _)| buffer).collect();
    let mut live = program.live_bytes();
    for id in touched {
        let Some((start, end)) = lives[id.0 as usize] else { continue };
        let buffer = program.buffer(id);
        if buffer.space != Space::Arena {
            continue;
        }
        // What starts with a step that moves up lives longer, and what ends before the place of one that moves down.
        let longer = if place == first && start == sibling { first..sibling } else { end + 1..place + 1 };
        for bytes in live.get_mut(longer).unwrap_or_default() {
            *bytes += buffer.bytes.next_multiple_of(super::ALIGN);
        }
    }
    live.iter().all(|&bytes| bytes <= most)
}

/// Makes one step of two, at the place of one of them.
fn join_two(program: &mut Program, [first, sibling]: [usize; 2], place: usize) {
    let (step, result) = (program.steps.remove(sibling), program.results.remove(sibling));
    let (earlier, earlier_result) = (program.steps.remove(first), program.results.remove(first));
    let macs = earlier.macs + step.macs;
    let mut members = match earlier.work {
        Work::Siblings(members) => members,
        _ => vec![member(earlier, earlier_result)],
    };
    match step.work {
        Work::Siblings(others) => members.extend(others),
        _ => members.push(member(step, result)),
    }
    let both = Step {
        name: members[members.len() - 1].name.clone(),
        op: members.iter().map(|m| m.op.as_str()).collect::<Vec<_>>().join(" + "),
        algorithm: format!("{} siblings", members.len()),
        macs,
        work: Work::Siblings(members),
    };
    let place = if place == sibling { sibling - 1 } else { first };
    program.steps.insert(place, both);
    program.results.insert(place, result);
}

/// A step as one of several.
fn member(step: Step, result: BufferId) -> Member {
    let calls = step.calls().cloned().collect();
    let Step { name, op, algorithm, macs, .. } = step;
    Member { name, op, algorithm, macs, calls, window: None, result }
}
