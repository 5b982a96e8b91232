//! Siblings: convolutions of the same value run as one step.
//!
//! ```text
//! %a = conv %x    %b = pool %x    %c = conv %x   =>   %a, %c = conv + conv %x    %b = pool %x
//! ```
//!
//! Threads share the units of all of them in one loop, as of one wide product that writes to several places: they wait
//! for each other once, the last units are spread better, and what is read is still in cache. The later convolution
//! moves to the first, so its value lives longer.
//!
//! Declines where that would raise the most bytes that are alive at once, where a step in between needs what the later
//! one overwrites, and groups, pools and transforms: units are shared out by their work, which only products know.

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
        let mut fits = |step: usize| {
            let work = left.checked_sub(program.steps.len());
            left = work.unwrap_or(0);
            work.is_some() && fits(&program, step, first, most)
        };
        let is_sibling = |&step: &usize| {
            let calls = || program.steps[first].calls().count() + program.steps[step].calls().count();
            if self::operand(&program, step) != Some(operand) || is_rewritten(&program, operand, first..step)
            {
                return false;
            }
            let hindrance = match () {
                () if calls() > MOST_CALLS => Some("together they are too many loops"),
                () if !may_move(&program, step, first) => Some("a step in between is in its way"),
                () if !fits(step) => Some("the value would live while most memory is taken"),
                () => None,
            };
            if let Some(why) = hindrance {
                decisions.left(Topic::Siblings, program.steps[step].name.clone(), why);
            }
            hindrance.is_none()
        };
        match { later }.find(is_sibling) {
            Some(sibling) => {
                decisions.did(Topic::Siblings, program.steps[sibling].name.clone(), "in the step of another");
                join_two(&mut program, first, sibling);
            }
            None => first += 1,
        }
    }
    program.decisions.extend(decisions.into_list());
    program
}

/// What a step reads whose convolutions may have siblings.
fn operand(program: &Program, step: usize) -> Option<Place> {
    let step = &program.steps[step];
    let is_product = step.calls().all(|call| matches!(call.kernel, Spec::Product(_)));
    let fits = is_product && !matches!(step.work, Work::Group(_));
    let read = step.calls().next().filter(|_| fits)?.args.iter().find_map(|arg| match arg {
        Arg::Address { place, access: Access::Read, .. } => Some(*place),
        _ => None,
    });
    read.filter(|place| program.buffer(place.buffer).space != Space::Weights)
}

/// Whether some steps write to a place, so that what is read there afterwards is another value.
fn is_rewritten(program: &Program, place: Place, mut steps: Range<usize>) -> bool {
    let is_write = |(buffer, access): (BufferId, Access)| buffer == place.buffer && access == Access::Write;
    steps.any(|step| program.steps[step].accesses().any(is_write))
}

/// Whether a step computes the same where an earlier one runs: nothing from there on writes what it reads, or reads
/// what it writes.
fn may_move(program: &Program, step: usize, to: usize) -> bool {
    let touched = |access: Access| -> HashSet<BufferId> {
        program.steps[step].accesses().filter(|(_, a)| *a == access).map(|(buffer, _)| buffer).collect()
    };
    let (read, written) = (touched(Access::Read), touched(Access::Write));
    program.steps[to..step].iter().flat_map(Step::accesses).all(|(buffer, access)| match access {
        Access::Write => !read.contains(&buffer),
        Access::Read => !written.contains(&buffer),
        Access::Prefetch => true,
    })
}

/// Whether no more than the most bytes are alive when a step has moved.
fn fits(program: &Program, step: usize, to: usize, most: u64) -> bool {
    let lives = program.lives();
    let written: HashSet<BufferId> = program.steps[step].accesses().map(|(buffer, _)| buffer).collect();
    let is_new = |&&BufferId(id): &&BufferId| {
        let starts = lives[id as usize].is_some_and(|(first, _)| first == step);
        starts && program.buffers[id as usize].space == Space::Arena
    };
    let more: u64 = written
        .iter()
        .filter(is_new)
        .map(|&id| program.buffer(id).bytes.next_multiple_of(super::ALIGN))
        .sum();
    program.live_bytes()[to..step].iter().all(|bytes| bytes + more <= most)
}

/// Makes one step of two.
fn join_two(program: &mut Program, first: usize, sibling: usize) {
    let (step, result) = (program.steps.remove(sibling), program.results.remove(sibling));
    let earlier = &mut program.steps[first];
    let macs = earlier.macs + step.macs;
    let mut members = match &mut earlier.work {
        Work::Siblings(members) => std::mem::take(members),
        _ => vec![member(earlier.clone(), program.results[first])],
    };
    members.push(member(step, result));
    let last = &members[members.len() - 1];
    program.steps[first] = Step {
        name: last.name.clone(),
        op: members.iter().map(|m| m.op.as_str()).collect::<Vec<_>>().join(" + "),
        algorithm: format!("{} siblings", members.len()),
        macs,
        work: Work::Siblings(members),
    };
    program.results[first] = result;
}

/// A step as one of several.
fn member(step: Step, result: BufferId) -> Member {
    let calls = step.calls().cloned().collect();
    let Step { name, op, algorithm, macs, .. } = step;
    Member { name, op, algorithm, macs, calls, window: None, result }
}
