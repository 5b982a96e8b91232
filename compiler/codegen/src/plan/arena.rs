//! Offsets: greedy by size in the arena (Pisarchyk and Lee, arXiv:2001.03288), where buffers of disjoint lives share
//! bytes; one behind the other in scratch, where the buffers of one step live together and no others with them.

use super::program::{Program, Space, Work};
use super::{ALIGN, BufferId};

impl Program {
    /// For each buffer the steps during which it is alive, from its first access to its last.
    pub fn lives(&self) -> Vec<Option<(usize, usize)>> {
        let mut lives: Vec<Option<(usize, usize)>> = vec![None; self.buffers.len()];
        for (step, s) in self.steps.iter().enumerate() {
            for (BufferId(buffer), _) in s.accesses() {
                let life = lives[buffer as usize].get_or_insert((step, step));
                life.1 = step;
            }
        }
        lives
    }
}

/// Gives every buffer of the workspace its offset, and the program its arena and scratch.
pub(super) fn assign(mut program: Program) -> Program {
    let lives = program.lives();
    let mut order: Vec<usize> = (0..program.buffers.len())
        .filter(|&b| program.buffers[b].space == Space::Arena && lives[b].is_some())
        .collect();
    order.sort_by_key(|&b| (std::cmp::Reverse(program.buffers[b].bytes), b));
    let size = |program: &Program, b: usize| program.buffers[b].bytes.next_multiple_of(ALIGN).max(ALIGN);
    let overlap = |a: Option<(usize, usize)>, b: Option<(usize, usize)>| match (a, b) {
        (Some((a0, a1)), Some((b0, b1))) => a0 <= b1 && b0 <= a1,
        _ => false,
    };
    let mut placed: Vec<usize> = Vec::new();
    for &b in &order {
        let bytes = size(&program, b);
        let mut taken: Vec<(u64, u64)> = placed
            .iter()
            .filter(|&&p| overlap(lives[p], lives[b]))
            .map(|&p| (program.buffers[p].offset, program.buffers[p].offset + size(&program, p)))
            .collect();
        taken.sort_unstable();
        // The smallest gap that fits; behind everything when none does.
        let (mut end, mut best) = (0, None);
        for (from, to) in taken {
            if from >= end + bytes && best.is_none_or(|(gap, _)| from - end < gap) {
                best = Some((from - end, end));
            }
            end = end.max(to);
        }
        let offset = best.map_or(end, |(_, offset)| offset);
        program.buffers[b].offset = offset;
        program.arena_bytes = program.arena_bytes.max(offset + bytes);
        placed.push(b);
    }
    let live_bytes = |step: usize| -> u64 {
        placed.iter().filter(|&&b| overlap(lives[b], Some((step, step)))).map(|&b| size(&program, b)).sum()
    };
    program.arena_bound = (0..program.steps.len()).map(live_bytes).max().unwrap_or(0);
    scratch(&mut program);
    program
}

/// Gives the rings of each group their offsets.
fn scratch(program: &mut Program) {
    for step in &program.steps {
        let Work::Group(group) = &step.work else { continue };
        let mut end = 0;
        for member in &group.members {
            let buffer = &mut program.buffers[member.result.0 as usize];
            if buffer.space == Space::Scratch {
                buffer.offset = end;
                end += buffer.bytes.next_multiple_of(ALIGN);
            }
        }
        program.scratch_bytes = program.scratch_bytes.max(end);
    }
}
