//! Linear scan: a machine register for every virtual one, and for what instructions need beside them.
//!
//! Instructions are numbered in text order, a loop counting once where it starts and once where it ends.
//! Instruction `i` reads at time `2i` and writes at `2i + 1`, so an operand that dies there leaves its
//! register to the result. A register lives from its first to its last reference; one referenced before a
//! loop and inside it lives to the loop's end, for the next trip may read it.
//!
//! INVARIANT: two intervals that share a time never share a register. Of intervals, linear scan needs no more
//! registers than are live at the worst time. Refuses when that is more than there are: nothing is spilled.

use super::registers::Reg;
use super::{EmitError, Inst, Kernel};

/// What a machine brings to the allocation.
pub(super) struct Machine {
    /// Vector registers, the preferred first.
    pub(super) vectors: &'static [u8],
    /// Integer registers, the preferred first. The first entry carries the arguments until the last `Arg`.
    pub(super) pointers: &'static [u8],
    /// The register an instruction needs for itself, from its start to its end; a loop's, to the loop's end.
    pub(super) hidden: fn(&Inst) -> Option<Hidden>,
}

/// The kind of register an instruction needs for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// A vector.
    Vector,
    /// An integer.
    Pointer,
}

/// Machine registers by virtual register or instruction number; `None` for what never occurs.
pub(super) struct Allocation {
    /// Of each `V`.
    pub(super) vectors: Vec<Option<u8>>,
    /// Of each `P`.
    pub(super) pointers: Vec<Option<u8>>,
    /// Hidden registers of each instruction, by its number.
    pub(super) hidden: Vec<Option<u8>>,
}

impl Allocation {
    /// All integer registers in use.
    pub(super) fn used_pointers(&self, machine: &Machine) -> Vec<u8> {
        let used = |r: &u8| self.pointers.contains(&Some(*r)) || self.hidden.contains(&Some(*r));
        machine.pointers.iter().copied().filter(used).collect()
    }
}

/// Allocates the registers of a verified kernel.
///
/// # Errors
/// [`EmitError::TooManyRegisters`].
pub(super) fn allocate(kernel: &Kernel, machine: &Machine) -> Result<Allocation, EmitError> {
    let mut live = Live {
        hidden_of: machine.hidden,
        vectors: vec![None; kernel.vectors as usize],
        pointers: vec![None; kernel.pointers as usize],
        hidden: Vec::new(),
        args: 0,
    };
    live.block(&kernel.body);
    let Live { vectors, pointers, hidden, args, .. } = live;
    let of_kind = |kind| -> Vec<Option<Span>> {
        hidden.iter().map(|h| h.and_then(|(k, span)| (k == kind).then_some(span))).collect()
    };
    let full = |kind, have| {
        move |needed| EmitError::TooManyRegisters { kernel: kernel.name.clone(), kind, needed, have }
    };

    let mut colors = scan(&[vectors.clone(), of_kind(Hidden::Vector)].concat(), machine.vectors)
        .map_err(full("vector", machine.vectors.len()))?;
    let hidden_vectors = colors.split_off(vectors.len());
    let vectors = colors;

    // The argument pointer is the first interval, so it gets the first register: the one it comes in.
    let incoming = vec![Some(Span { start: 0, end: args })];
    let mut colors = scan(&[incoming, pointers.clone(), of_kind(Hidden::Pointer)].concat(), machine.pointers)
        .map_err(full("pointer", machine.pointers.len()))?;
    let hidden_pointers = colors.split_off(1 + pointers.len());
    let pointers = colors.split_off(1);

    let hidden = hidden_vectors.into_iter().zip(hidden_pointers).map(|(v, p)| v.or(p)).collect();
    Ok(Allocation { vectors, pointers, hidden })
}

/// The times an interval covers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
}

/// The intervals of a kernel, found by one walk.
struct Live {
    hidden_of: fn(&Inst) -> Option<Hidden>,
    vectors: Vec<Option<Span>>,
    pointers: Vec<Option<Span>>,
    hidden: Vec<Option<(Hidden, Span)>>,
    args: usize,
}

impl Live {
    fn block(&mut self, body: &[Inst]) {
        for inst in body {
            let number = self.hidden.len();
            let time = 2 * number;
            inst.reads(&mut |reg| self.refer(reg, time));
            self.hidden.push((self.hidden_of)(inst).map(|kind| (kind, Span { start: time, end: time + 1 })));
            if let Inst::Loop(_, body) = inst {
                self.block(body);
                self.close_loop(number);
            }
            if let Inst::Arg(..) = inst {
                self.args = time;
            }
            if let Some(reg) = inst.result() {
                self.refer(reg, time + 1);
            }
        }
    }

    fn refer(&mut self, reg: Reg, time: usize) {
        let slot = match reg {
            Reg::V(v) => &mut self.vectors[v.number as usize],
            Reg::P(p) => &mut self.pointers[p.0 as usize],
        };
        slot.get_or_insert(Span { start: time, end: time }).end = time;
    }

    /// Ends the loop that instruction `number` starts: what came into it and is used in it lives to here.
    fn close_loop(&mut self, number: usize) {
        let (start, end) = (2 * number, 2 * self.hidden.len());
        for span in self.vectors.iter_mut().chain(&mut self.pointers).flatten() {
            if span.start < start && span.end > start {
                span.end = end;
            }
        }
        if self.args > start {
            self.args = end;
        }
        if let Some((_, span)) = &mut self.hidden[number] {
            // The counter is written after the trip count is read.
            *span = Span { start: start + 1, end };
        }
        self.hidden.push(None);
    }
}

/// A color for every interval, or how many the worst time needs.
fn scan(spans: &[Option<Span>], colors: &[u8]) -> Result<Vec<Option<u8>>, usize> {
    let mut order: Vec<(Span, usize)> =
        spans.iter().enumerate().filter_map(|(i, s)| Some(((*s)?, i))).collect();
    order.sort_by_key(|(span, _)| span.start);
    let mut busy_to: Vec<Option<usize>> = vec![None; colors.len()];
    let mut given = vec![None; spans.len()];
    for (span, i) in &order {
        let free = busy_to.iter().position(|end| end.is_none_or(|end| end < span.start));
        let Some(free) = free else {
            let live_at = |time| order.iter().filter(|(s, _)| s.start <= time && time <= s.end).count();
            return Err(order.iter().map(|(s, _)| live_at(s.start)).max().unwrap_or(0));
        };
        busy_to[free] = Some(span.end);
        given[*i] = Some(colors[free]);
    }
    Ok(given)
}
