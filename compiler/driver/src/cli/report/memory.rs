//! What the plan makes of memory: the arena, who is in it when, and how near that is to the bound.

use cnnc::Program;
use cnnc_codegen::plan::{ALIGN, Space};

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
}

/// The life of a buffer.
pub(super) struct Life {
    pub(super) name: String,
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
        let buffers = program.buffers.iter().zip(program.lives());
        let mut lives: Vec<Life> = buffers
            .filter(|(buffer, _)| buffer.space == Space::Arena)
            .filter_map(|(buffer, life)| {
                let (first, last) = life?;
                Some(Life {
                    name: buffer.name.clone(),
                    first,
                    last,
                    offset: buffer.offset,
                    bytes: buffer.bytes.next_multiple_of(ALIGN).max(ALIGN),
                })
            })
            .collect();
        lives.sort_by_key(|life| (life.first, life.offset));
        let live = |step: usize| -> u64 {
            lives.iter().filter(|life| (life.first..=life.last).contains(&step)).map(|life| life.bytes).sum()
        };
        Memory {
            arena: program.arena_bytes,
            bound: program.arena_bound,
            scratch: program.scratch_bytes,
            weights: program.weights.len() as u64,
            live: (0..program.steps.len()).map(live).collect(),
            lives,
        }
    }

    /// How far the arena is over the bound, in percent.
    pub(super) fn over(&self) -> f64 {
        if self.bound == 0 { 0.0 } else { 100.0 * (self.arena as f64 / self.bound as f64 - 1.0) }
    }
}
