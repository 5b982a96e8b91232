//! What the plan makes of memory: the arena, who is in it when, and how near that is to the bound.

use cnnc::Program;
use cnnc_codegen::plan::{ALIGN, BufferId, Space};
use std::collections::HashMap;

/// The planned memory of a network.
pub(super) struct Memory {
    /// Bytes of the arena.
    pub(super) arena: u64,
    /// No plan of these buffers can need less.
    pub(super) bound: u64,
    /// Bytes that each thread needs besides.
    pub(super) scratch: u64,
    /// Bytes of packed weights.
    pub(super) weights: u64,
    /// The buffers of the arena, by their first step.
    pub(super) lives: Vec<Life>,
    /// Bytes alive at each step.
    pub(super) live: Vec<u64>,
    /// What each step computes, and by which operator.
    pub(super) steps: Vec<(String, String)>,
    /// The step at which most is alive, and the lives there, the largest first.
    pub(super) fullest: Option<(usize, Vec<usize>)>,
}

/// The life of a buffer.
pub(super) struct Life {
    /// The value that it was made for.
    pub(super) name: String,
    /// The other values that are computed in it: the parts of a concatenation, a sum in the place of its operand.
    pub(super) others: Vec<String>,
    /// The step that writes it.
    pub(super) first: usize,
    /// The step that reads it last.
    pub(super) last: usize,
    pub(super) offset: u64,
    /// With the gap behind it that keeps others aligned.
    pub(super) bytes: u64,
}

impl Memory {
    /// The memory of a program.
    pub(super) fn of(program: &Program) -> Memory {
        let mut lives: Vec<(BufferId, Life)> = (0..)
            .map(BufferId)
            .zip(program.lives())
            .filter(|&(id, _)| program.buffer(id).space == Space::Arena)
            .filter_map(|(id, life)| {
                let (buffer, (first, last)) = (program.buffer(id), life?);
                let bytes = buffer.bytes.next_multiple_of(ALIGN).max(ALIGN);
                let (name, offset) = (buffer.name.clone(), buffer.offset);
                Some((id, Life { name, others: Vec::new(), first, last, offset, bytes }))
            })
            .collect();
        lives.sort_by_key(|(_, life)| (life.first, life.offset));
        let (ids, mut lives): (Vec<BufferId>, Vec<Life>) = lives.into_iter().unzip();
        let places: HashMap<BufferId, usize> = ids.into_iter().zip(0..).collect();
        for step in &program.steps {
            for (id, _) in step.accesses().filter(|(_, access)| access.writes()) {
                let Some(&place) = places.get(&id) else { continue };
                let Life { name, others, .. } = &mut lives[place];
                // What a step needs besides its value is called after it.
                let is_own = name
                    .strip_prefix(&step.name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
                if !is_own && !others.contains(&step.name) {
                    others.push(step.name.clone());
                }
            }
        }
        let fullest = program.fullest();
        Memory {
            arena: program.arena_bytes,
            bound: program.arena_bound,
            scratch: program.scratch_bytes,
            weights: program.weights.len() as u64,
            live: program.live_bytes(),
            steps: program.steps.iter().map(|step| (step.name.clone(), step.op.clone())).collect(),
            fullest: fullest.map(|(step, there)| (step, there.iter().map(|id| places[id]).collect())),
            lives,
        }
    }

    /// How far the arena is over the bound, in percent.
    pub(super) fn over(&self) -> f64 {
        if self.bound == 0 { 0.0 } else { 100.0 * (self.arena as f64 / self.bound as f64 - 1.0) }
    }
}
