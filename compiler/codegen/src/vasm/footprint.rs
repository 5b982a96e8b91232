//! The footprint of a kernel: the bytes that its instructions read and write, seen from its arguments.
//!
//! ```text
//! p0 = arg 1
//! loop 128 {                       =>   reads 32..8160 behind argument 1
//!   v1 = load [p0 + 32], 8
//!   p0 = add p0, 64
//! }
//! ```
//!
//! An [`Outline`] is what is left of a kernel without its arithmetic: how pointers move, and what is read and written
//! in between. A walk over it keeps for every register the bounds of its number, or the argument that it points to and
//! the bounds of its distance from there. A loop is walked twice: once to see what an iteration does to the registers
//! that it writes, and once for all iterations together. One that each iteration moves by a step has been moved by up
//! to one step less than there are trips; one that is written anew holds what was written. What is known no further
//! must not be an address.
//!
//! INVARIANT: what a kernel touches in any run whose arguments and table words are within what the walk is told lies in
//! what the walk says.

use super::registers::Reg;
use super::{Addr, Inst, Kernel, P, Trips};
use crate::scalar::Interval;
use std::collections::BTreeMap;
use std::ops::Range;

/// What a walk is told of the words that a kernel is given.
pub trait Words {
    /// The bounds of an argument that is a number; `None`: it is an address.
    fn number(&self, arg: u32) -> Option<Interval>;
    /// The bounds of the words that lie at some bytes behind an argument; `None`: each is the distance from one place
    /// that the kernel may walk to to another, as the rows of a ring are apart.
    fn table(&self, arg: u32, at: Interval) -> Option<Interval>;
}

/// Bytes that a kernel touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The argument that is their address.
    pub arg: u32,
    /// Whether they are written, or read.
    pub is_written: bool,
    /// From the first to behind the last, seen from there.
    pub bytes: Range<i64>,
}

/// A kernel without its arithmetic.
#[derive(Clone, Debug)]
pub struct Outline {
    ops: Vec<Op>,
    registers: usize,
}

/// Where a number or an address is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    /// An argument: of many registers that is all there is to know.
    Arg(u32),
    /// Any other register, counted anew.
    Register(usize),
}

/// An address but for its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    base: Name,
    index: Option<(Name, u8)>,
}

#[derive(Clone, Debug)]
enum Op {
    /// The register becomes what is computed.
    Set(usize, Term),
    /// The bytes from a place on are read or written.
    Touch { place: Place, is_written: bool, bytes: Range<i64> },
    /// A counted loop, and the registers that it writes.
    Loop { trips: Count, body: Vec<Op>, written: Vec<usize> },
}

#[derive(Clone, Copy, Debug)]
enum Term {
    Number(i64),
    Copy(Name),
    Sum(Name, Name),
    Moved(Name, i64),
    Difference(Name, Name),
    Scaled(Name, i64),
    /// A word of a table.
    Word(Place, i64),
}

#[derive(Clone, Copy, Debug)]
enum Count {
    Number(u64),
    Of(Name),
}

/// What is known of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Value {
    root: Root,
    /// Its bounds, seen from the root.
    at: Interval,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    /// A number.
    Zero,
    Arg(u32),
    /// What a register held before an iteration of the loop so deep, and the argument that it pointed to.
    Before {
        depth: usize,
        register: usize,
        arg: Option<u32>,
    },
    /// A distance out of a table.
    Table,
    Unknown,
}

type Touched = BTreeMap<(u32, bool), Interval>;

impl Outline {
    /// That of a kernel that keeps the [rules](super::verify()).
    pub fn of(kernel: &Kernel) -> Outline {
        let mut names = Names::of(kernel);
        let ops = names.block(&kernel.body);
        Outline { ops, registers: names.registers }
    }

    /// What the kernel touches, a range for each argument that is read and each that is written.
    ///
    /// # Errors
    /// An address of which nothing is known.
    pub fn touches(&self, words: &dyn Words) -> Result<Vec<Touch>, String> {
        let mut walk = Walk { words, touched: BTreeMap::new(), depth: 0 };
        walk.block(&self.ops, &mut vec![Value::UNKNOWN; self.registers], true)?;
        let touch = |((arg, is_written), bytes): ((u32, bool), Interval)| Touch {
            arg,
            is_written,
            bytes: bytes.least..bytes.most,
        };
        Ok(walk.touched.into_iter().map(touch).collect())
    }
}

/// The registers of a kernel.
struct Names {
    of: Vec<Option<Name>>,
    registers: usize,
}

impl Names {
    fn of(kernel: &Kernel) -> Names {
        let mut written = vec![0; kernel.pointers as usize];
        let mut args = vec![None; kernel.pointers as usize];
        count(&kernel.body, &mut written, &mut args);
        let is_arg = |(args, written): (Option<u32>, u32)| args.filter(|_| written == 1).map(Name::Arg);
        Names { of: args.into_iter().zip(written).map(is_arg).collect(), registers: 0 }
    }

    fn name(&mut self, p: P) -> Name {
        let registers = &mut self.registers;
        *self.of[p.0 as usize].get_or_insert_with(|| {
            *registers += 1;
            Name::Register(*registers - 1)
        })
    }

    fn block(&mut self, body: &[Inst]) -> Vec<Op> {
        let mut ops = Vec::new();
        // Between two moves of pointers, what is touched from one place on is one range.
        let mut since = 0;
        for inst in body {
            inst.accesses(&mut |addr, bytes, is_written| {
                let (place, bytes) = (self.place(addr), addr.disp..addr.disp.saturating_add(bytes));
                let same = |op: &&mut Op| {
                    matches!(op, Op::Touch { place: p, is_written: w, .. }
                    if (*p, *w) == (place, is_written))
                };
                match ops[since..].iter_mut().find(same) {
                    Some(Op::Touch { bytes: all, .. }) => {
                        *all = all.start.min(bytes.start)..all.end.max(bytes.end);
                    }
                    _ => ops.push(Op::Touch { place, is_written, bytes }),
                }
            });
            let op = match inst {
                Inst::Loop(trips, body) => {
                    let trips = match *trips {
                        Trips::Imm(n) => Count::Number(n),
                        Trips::Reg(p) => Count::Of(self.name(p)),
                    };
                    let body = self.block(body);
                    let mut written = Vec::new();
                    written_in(&body, &mut written);
                    written.sort_unstable();
                    written.dedup();
                    Some(Op::Loop { trips, body, written })
                }
                _ => self.set(inst),
            };
            if let Some(op) = op {
                ops.push(op);
                since = ops.len();
            }
        }
        ops
    }

    /// What an instruction does to a register that is more than an argument.
    fn set(&mut self, inst: &Inst) -> Option<Op> {
        let (p, term) = match *inst {
            Inst::Arg(p, arg) => (p, Term::Copy(Name::Arg(arg))),
            Inst::SetP(p, value) => (p, Term::Number(value)),
            Inst::MovP(p, q) => (p, Term::Copy(self.name(q))),
            Inst::AddImm(p, q, value) => (p, Term::Moved(self.name(q), value)),
            Inst::AddP(p, q, r) => (p, Term::Sum(self.name(q), self.name(r))),
            Inst::SubP(p, q, r) => (p, Term::Difference(self.name(q), self.name(r))),
            Inst::MulImm(p, q, value) => (p, Term::Scaled(self.name(q), value)),
            Inst::LoadP(p, addr) | Inst::LoadI32(p, addr) => (p, Term::Word(self.place(addr), addr.disp)),
            _ => return None,
        };
        match self.name(p) {
            Name::Register(register) => Some(Op::Set(register, term)),
            Name::Arg(_) => None,
        }
    }

    fn place(&mut self, addr: Addr) -> Place {
        let index = addr.index.map(|(index, scale)| (self.name(index), scale));
        Place { base: self.name(addr.base), index }
    }
}

/// Counts how often each register is written, and notes which argument it is.
fn count(body: &[Inst], written: &mut [u32], args: &mut [Option<u32>]) {
    for inst in body {
        match inst {
            Inst::Loop(_, body) => count(body, written, args),
            _ => {
                if let Some(Reg::P(p)) = inst.result() {
                    written[p.0 as usize] += 1;
                }
            }
        }
        if let Inst::Arg(p, arg) = *inst {
            args[p.0 as usize] = Some(arg);
        }
    }
}

/// The registers that a block writes.
fn written_in(body: &[Op], written: &mut Vec<usize>) {
    for op in body {
        match op {
            Op::Set(register, _) => written.push(*register),
            Op::Loop { written: inner, .. } => written.extend(inner),
            Op::Touch { .. } => {}
        }
    }
}

impl Root {
    /// The argument that is pointed to.
    fn arg(self) -> Option<u32> {
        match self {
            Root::Arg(arg) => Some(arg),
            Root::Before { arg, .. } => arg,
            Root::Zero | Root::Table | Root::Unknown => None,
        }
    }
}

impl Value {
    const UNKNOWN: Value = Value { root: Root::Unknown, at: Interval { least: 0, most: 0 } };

    fn number(at: Interval) -> Value {
        Value { root: Root::Zero, at }
    }

    /// Unknown where it would leave 64 bits, as steps of unknown number do.
    fn moved(self, by: impl Into<Option<Interval>>) -> Value {
        let at = by.into().and_then(|by| self.at.plus(by));
        at.map_or(Value::UNKNOWN, |at| Value { at, ..self })
    }

    fn plus(self, other: Value) -> Value {
        match (self.root, other.root) {
            (Root::Unknown, _) | (_, Root::Unknown) => Value::UNKNOWN,
            // A distance leads from one place of an argument to another.
            (_, Root::Zero | Root::Table) if self.root != Root::Zero => self.moved(other.at),
            (Root::Zero, _) => other.moved(self.at),
            (Root::Table, _) => other.moved(self.at),
            _ => Value::UNKNOWN,
        }
    }

    fn minus(self, other: Value) -> Value {
        match other.root {
            Root::Zero => self.moved(other.at.times(Interval::only(-1))),
            _ => Value::UNKNOWN,
        }
    }

    fn scaled(self, factor: i64) -> Value {
        match self.root {
            Root::Zero => Value::number(Interval::only(0)).moved(self.at.times(Interval::only(factor))),
            _ if factor == 1 => self,
            _ => Value::UNKNOWN,
        }
    }
}

/// A walk over an outline.
struct Walk<'w> {
    words: &'w dyn Words,
    touched: Touched,
    /// Loops around the current one.
    depth: usize,
}

impl Walk<'_> {
    /// Walks a block; notes what is touched if `is_noted`, else only moves registers.
    fn block(&mut self, ops: &[Op], state: &mut [Value], is_noted: bool) -> Result<(), String> {
        for op in ops {
            match op {
                Op::Set(register, term) => state[*register] = self.term(*term, state),
                Op::Touch { place, is_written, bytes } if is_noted => {
                    let bytes = self.address(*place, state).moved(Interval::new(bytes.start, bytes.end));
                    let Root::Arg(arg) = bytes.root else {
                        return Err("(K10): it touches an address of which nothing is known".into());
                    };
                    let all = self.touched.entry((arg, *is_written)).or_insert(bytes.at);
                    *all = all.union(bytes.at);
                }
                Op::Touch { .. } => {}
                Op::Loop { trips, body, written } => {
                    let trips = match *trips {
                        Count::Number(n) => Interval::only(i64::try_from(n).unwrap_or(i64::MAX)),
                        Count::Of(name) => match self.value(name, state) {
                            Value { root: Root::Zero, at } if at.least >= 0 => at,
                            _ => Interval::new(0, i64::MAX),
                        },
                    };
                    if trips.most > 0 {
                        self.depth += 1;
                        self.iterations(trips, body, written, state, is_noted)?;
                        self.depth -= 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// Walks all iterations of a loop that runs at least once.
    fn iterations(
        &mut self,
        trips: Interval,
        body: &[Op],
        written: &[usize],
        state: &mut [Value],
        is_noted: bool,
    ) -> Result<(), String> {
        let before = |register: usize| {
            let root = Root::Before { depth: self.depth, register, arg: state[register].root.arg() };
            Value { root, at: Interval::only(0) }
        };
        let mut one = state.to_vec();
        written.iter().for_each(|&r| one[r] = before(r));
        let roots: Vec<Root> = written.iter().map(|&r| one[r].root).collect();
        self.block(body, &mut one, false)?;
        let step = |(&r, root): (&usize, Root)| (one[r].root == root).then_some(one[r].at);
        let steps: Vec<Option<Interval>> = written.iter().zip(roots).map(step).collect();
        let mut all = state.to_vec();
        for (&r, step) in written.iter().zip(&steps) {
            all[r] = match step {
                Some(step) => state[r].moved(step.times(Interval::new(0, trips.most - 1))),
                // It must be written before it is read.
                None => Value::UNKNOWN,
            };
        }
        self.block(body, &mut all, is_noted)?;
        for (&r, step) in written.iter().zip(steps) {
            state[r] = match step {
                Some(step) => state[r].moved(step.times(trips)),
                None if trips.least > 0 => all[r],
                None => Value::UNKNOWN,
            };
        }
        Ok(())
    }

    fn value(&self, name: Name, state: &[Value]) -> Value {
        match name {
            Name::Register(register) => state[register],
            Name::Arg(arg) => match self.words.number(arg) {
                Some(bounds) => Value::number(bounds),
                None => Value { root: Root::Arg(arg), at: Interval::only(0) },
            },
        }
    }

    fn address(&self, place: Place, state: &[Value]) -> Value {
        let base = self.value(place.base, state);
        match place.index {
            Some((index, scale)) => base.plus(self.value(index, state).scaled(scale.into())),
            None => base,
        }
    }

    fn term(&self, term: Term, state: &[Value]) -> Value {
        let of = |name: Name| self.value(name, state);
        match term {
            Term::Number(n) => Value::number(Interval::only(n)),
            Term::Copy(q) => of(q),
            Term::Sum(q, r) => of(q).plus(of(r)),
            Term::Moved(q, by) => of(q).moved(Interval::only(by)),
            Term::Difference(q, r) => of(q).minus(of(r)),
            Term::Scaled(q, factor) => of(q).scaled(factor),
            Term::Word(place, disp) => {
                let at = self.address(place, state).moved(Interval::only(disp));
                match at.root.arg().map(|arg| self.words.table(arg, at.at)) {
                    Some(None) => Value { root: Root::Table, at: Interval::only(0) },
                    Some(Some(bounds)) if matches!(at.root, Root::Arg(_)) => Value::number(bounds),
                    _ => Value::UNKNOWN,
                }
            }
        }
    }
}
