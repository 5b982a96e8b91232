//! Offsets: in the arena, where buffers of disjoint lives share bytes, greedy by size (Pisarchyk and Lee,
//! arXiv:2001.03288), then by hill climbing while that is above the bound; one behind the other in scratch, where the
//! buffers of one step live together and no others with them.
//!
//! ```text
//! order -> each buffer into the smallest gap that fits, between those placed before it that are alive with it
//! first:   large buffers first, or those that are alive with most others, whichever ends lower
//! climb:   what lies at the top is placed earlier; the new order stays unless the arena grows
//! ```
//!
//! Where very many buffers are alive at once, which only made-up graphs do, they are placed as they come (`in_turn`):
//! who lives beside whom would take the square of their number.
//!
//! INVARIANT: the same program gives the same offsets: the climb draws from a fixed seed and counts its work.

use super::program::{Program, Space, Step, Work};
use super::{ALIGN, BufferId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// Pairs of buffers that a climb may look at.
const WORK: usize = 10_000_000;

/// Pairs of buffers alive at once that are written down: a thousand in each of a thousand steps.
const PAIRS: usize = 1_000_000;

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

    /// For each step the bytes of the arena that are alive, each buffer rounded up to its alignment.
    pub fn live_bytes(&self) -> Vec<u64> {
        let mut change = vec![0i64; self.steps.len() + 1];
        for (buffer, life) in self.buffers.iter().zip(self.lives()) {
            if let Some((first, last)) = life.filter(|_| buffer.space == Space::Arena) {
                let bytes = aligned(buffer.bytes) as i64;
                change[first] += bytes;
                change[last + 1] -= bytes;
            }
        }
        let sums = change.iter().scan(0, |sum, &change| {
            *sum += change;
            Some(*sum as u64)
        });
        sums.take(self.steps.len()).collect()
    }

    /// The first step at which most bytes of the arena are alive, and what is alive then, the largest first. `None`:
    /// the arena is empty.
    pub fn fullest(&self) -> Option<(usize, Vec<BufferId>)> {
        let live = self.live_bytes();
        let most = live.iter().copied().max().filter(|&most| most > 0)?;
        let step = live.iter().position(|&bytes| bytes == most)?;
        let is_there =
            |life: Option<(usize, usize)>| life.is_some_and(|(from, to)| (from..=to).contains(&step));
        let all = (0..).map(BufferId).zip(self.lives());
        let in_arena = |id: BufferId| self.buffer(id).space == Space::Arena;
        let mut there: Vec<BufferId> =
            all.filter(|&(id, life)| in_arena(id) && is_there(life)).map(|(id, _)| id).collect();
        there.sort_by_key(|&id| std::cmp::Reverse(self.buffer(id).bytes));
        Some((step, there))
    }
}

/// What a buffer takes of the arena.
fn aligned(bytes: u64) -> u64 {
    bytes.next_multiple_of(ALIGN)
}

/// Gives every buffer of the workspace its offset, and the program its arena and scratch.
pub(super) fn assign(mut program: Program) -> Program {
    program.arena_bound = program.live_bytes().into_iter().max().unwrap_or(0);
    let lives = program.lives().into_iter().enumerate();
    let alive = lives.filter_map(|(b, life)| Some((b, life?)));
    let alive: Vec<_> = alive.filter(|&(b, _)| program.buffers[b].space == Space::Arena).collect();
    let buffers: Vec<Lived> =
        alive.iter().map(|&(b, life)| (aligned(program.buffers[b].bytes), life)).collect();
    let placed = match Shelf::of(&buffers) {
        Some(shelf) => shelf.climb(program.arena_bound),
        None => in_turn(&buffers),
    };
    for (&(b, _), &offset) in alive.iter().zip(&placed.offsets) {
        program.buffers[b].offset = offset;
    }
    program.arena_bytes = placed.end;
    scratch(&mut program);
    program
}

/// The bytes of a buffer, and the first and the last step at which it is alive.
type Lived = (u64, (usize, usize));

/// Buffers to be placed.
struct Shelf {
    /// The bytes of each.
    bytes: Vec<u64>,
    /// Those that are alive with it.
    beside: Vec<Vec<usize>>,
}

/// Offsets of all buffers, and where the last ends.
struct Placed {
    offsets: Vec<u64>,
    end: u64,
}

impl Shelf {
    /// The buffers and their neighbours; `None`: they are too many to be written down.
    fn of(buffers: &[Lived]) -> Option<Shelf> {
        let mut beside = vec![Vec::new(); buffers.len()];
        let mut alive: Vec<usize> = Vec::new();
        let mut left = PAIRS;
        for b in by_start(buffers) {
            alive.retain(|&a| buffers[a].1.1 >= buffers[b].1.0);
            left = left.checked_sub(alive.len())?;
            for &a in &alive {
                beside[a].push(b);
                beside[b].push(a);
            }
            alive.push(b);
        }
        Some(Shelf { bytes: buffers.iter().map(|buffer| buffer.0).collect(), beside })
    }

    /// The best placing that is found, none below the bound.
    fn climb(&self, bound: u64) -> Placed {
        let by = |key: &dyn Fn(usize) -> (u64, u64)| {
            let mut order: Vec<usize> = (0..self.bytes.len()).collect();
            order.sort_by_key(|&b| (Reverse(key(b)), b));
            (self.place(&order), order)
        };
        let by_size = by(&|b| (self.bytes[b], 0));
        let by_life = by(&|b| (self.beside[b].len() as u64, self.bytes[b]));
        let (mut best, mut order) = if by_life.0.end < by_size.0.end { by_life } else { by_size };
        let pairs: usize = self.beside.iter().map(Vec::len).sum::<usize>() + self.bytes.len();
        // Marsaglia's xorshift.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below.max(1) as u64) as usize
        };
        for _ in 0..WORK / pairs.max(1) {
            if best.end <= bound {
                break;
            }
            let is_top = |&b: &usize| best.offsets[b] + self.bytes[b] == best.end;
            let Some(top) = order.iter().position(is_top) else { break };
            // Now and then another one: the top may be there because of where its neighbours are.
            let moved = if draw(4) == 0 { draw(order.len()) } else { top };
            let to = draw(moved + 1);
            let mut next = order.clone();
            next[to..=moved].rotate_right(1);
            let placed = self.place(&next);
            if placed.end <= best.end {
                (best, order) = (placed, next);
            }
        }
        best
    }

    /// Places buffers in an order.
    fn place(&self, order: &[usize]) -> Placed {
        const NOWHERE: u64 = u64::MAX;
        let mut placed = Placed { offsets: vec![NOWHERE; self.bytes.len()], end: 0 };
        let mut taken: Vec<(u64, u64)> = Vec::new();
        for &b in order {
            let bytes = self.bytes[b];
            let beside = self.beside[b].iter().map(|&p| (placed.offsets[p], self.bytes[p]));
            taken.clear();
            taken.extend(
                beside.filter(|&(from, _)| from != NOWHERE).map(|(from, bytes)| (from, from + bytes)),
            );
            taken.sort_unstable();
            // The smallest gap that fits; behind everything when none does.
            let (mut end, mut best) = (0, None);
            for &(from, to) in &taken {
                if from >= end + bytes && best.is_none_or(|(gap, _)| from - end < gap) {
                    best = Some((from - end, end));
                }
                end = end.max(to);
            }
            placed.offsets[b] = best.map_or(end, |(_, offset)| offset);
            placed.end = placed.end.max(placed.offsets[b] + bytes);
        }
        placed
    }
}

/// The buffers as they come to life.
fn by_start(buffers: &[Lived]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|&b| buffers[b].1);
    order
}

/// Places buffers as they come to life, each into the smallest gap that fits of those that the dead left.
fn in_turn(buffers: &[Lived]) -> Placed {
    let mut placed = Placed { offsets: vec![0; buffers.len()], end: 0 };
    let mut gaps = Gaps::default();
    let mut alive: BinaryHeap<Reverse<(usize, usize)>> = BinaryHeap::new();
    for b in by_start(buffers) {
        let (bytes, (first, last)) = buffers[b];
        while let Some(&Reverse((end, dead))) = alive.peek()
            && end < first
        {
            alive.pop();
            gaps.give(placed.offsets[dead], buffers[dead].0);
        }
        placed.offsets[b] = gaps.take(bytes).unwrap_or(placed.end);
        placed.end = placed.end.max(placed.offsets[b] + bytes);
        alive.push(Reverse((last, b)));
    }
    placed
}

/// Free bytes in between.
#[derive(Default)]
struct Gaps {
    /// The bytes of each gap, by its offset.
    bytes: BTreeMap<u64, u64>,
    /// The same, by bytes and offset.
    by_size: BTreeSet<(u64, u64)>,
}

impl Gaps {
    /// The start of the smallest gap that fits, which loses those bytes.
    fn take(&mut self, bytes: u64) -> Option<u64> {
        let &(size, offset) = self.by_size.range((bytes, 0)..).next()?;
        self.remove(offset, size);
        self.insert(offset + bytes, size - bytes);
        Some(offset)
    }

    /// Frees bytes; gaps that touch become one.
    fn give(&mut self, mut offset: u64, mut bytes: u64) {
        if let Some((&before, &size)) = self.bytes.range(..offset).next_back()
            && before + size == offset
        {
            self.remove(before, size);
            (offset, bytes) = (before, size + bytes);
        }
        if let Some(&size) = self.bytes.get(&(offset + bytes)) {
            self.remove(offset + bytes, size);
            bytes += size;
        }
        self.insert(offset, bytes);
    }

    fn insert(&mut self, offset: u64, bytes: u64) {
        if bytes > 0 {
            self.bytes.insert(offset, bytes);
            self.by_size.insert((bytes, offset));
        }
    }

    fn remove(&mut self, offset: u64, bytes: u64) {
        self.bytes.remove(&offset);
        self.by_size.remove(&(bytes, offset));
    }
}

/// What the steps with the largest rings need of scratch memory.
pub(super) struct Scratch {
    pub(super) bytes: u64,
    /// How many steps need as much.
    pub(super) steps: usize,
    /// The first of them.
    pub(super) first: usize,
}

impl Program {
    /// The most scratch memory that a step needs; `None`: none needs any.
    pub(super) fn most_scratch(&self) -> Option<Scratch> {
        let rings = |step: &Step| -> u64 {
            let results = step.members().iter().map(|member| self.buffer(member.result));
            results.filter(|b| b.space == Space::Scratch).map(|b| aligned(b.bytes)).sum()
        };
        let all: Vec<u64> = self.steps.iter().map(rings).collect();
        let bytes = all.iter().copied().max().filter(|&most| most > 0)?;
        let first = all.iter().position(|&own| own == bytes)?;
        Some(Scratch { bytes, steps: all.iter().filter(|&&own| own == bytes).count(), first })
    }
}

/// Gives the rings of each group their offsets.
fn scratch(program: &mut Program) {
    program.scratch_bytes = program.most_scratch().map_or(0, |scratch| scratch.bytes);
    for step in &program.steps {
        let Work::Group(group) = &step.work else { continue };
        let mut end = 0;
        for member in &group.members {
            let buffer = &mut program.buffers[member.result.0 as usize];
            if buffer.space == Space::Scratch {
                buffer.offset = end;
                end += aligned(buffer.bytes);
            }
        }
    }
}
