//! Bugs for kernels and plans: five of the kind that compilers are known for, and as many as seeds draw.
//!
//! ```text
//! a wrong tap              a broadcast reads the element beside its own
//! an off-by-one store      a store begins one element late
//! a shuffled channel       two neighbours are exchanged before they are stored
//! a missing tail           a partial store leaves its last lane out
//! an overlapping buffer    two values lie in the same place of the arena
//! ```
//!
//! A drawn bug changes one place of a program or of its kernels: an offset, a stride, a count, an operator, a constant,
//! a permutation. INVARIANT: no bug is put where nothing can depend on it: prefetches stay as they are.

use crate::random::Random;
use cnnc_codegen::Watch;
use cnnc_codegen::plan::{Access, Arg, Call, Program, Space, Term};
use cnnc_codegen::vasm::{Addr, Bin, Inst, Kernel, LANES, Operand, Trips, Un};

/// A bug that fits some places of some programs.
pub enum Bug {
    /// In the first instruction that it fits; says whether it did.
    Written(fn(&mut Inst) -> bool),
    /// In the plan; says whether it fits.
    Planned(fn(&mut Program) -> bool),
    /// In one place of all kernels, by a seed.
    Drawn(u64),
    /// In one place of the plan, by a seed.
    DrawnPlan(u64),
}

/// The five bugs that are written down.
pub const WRITTEN: [(&str, Bug); 5] = [
    ("a wrong tap", Bug::Written(wrong_tap)),
    ("an off-by-one store", Bug::Written(late_store)),
    ("a shuffled channel", Bug::Written(shuffled_channel)),
    ("a missing tail", Bug::Written(missing_tail)),
    ("an overlapping buffer", Bug::Planned(overlapping_buffer)),
];

fn wrong_tap(inst: &mut Inst) -> bool {
    let Inst::Broadcast(_, address) = inst else { return false };
    address.disp += 4;
    true
}

fn late_store(inst: &mut Inst) -> bool {
    let (Inst::Store(_, address, _) | Inst::StoreHalves(_, [address, _])) = inst else { return false };
    address.disp += 4;
    true
}

fn shuffled_channel(inst: &mut Inst) -> bool {
    let (Inst::Store(value, ..) | Inst::StoreHalves(value, ..)) = *inst else { return false };
    let exchange = Inst::Un(Un::Permute(0b11_10_00_01), value, value);
    *inst = Inst::Loop(Trips::Imm(1), vec![exchange, inst.clone()]);
    true
}

fn missing_tail(inst: &mut Inst) -> bool {
    let Inst::Store(_, _, lanes @ 2..8) = inst else { return false };
    *lanes -= 1;
    true
}

fn overlapping_buffer(program: &mut Program) -> bool {
    let mut arena = program.buffers.iter_mut().filter(|b| b.space == Space::Arena && b.bytes > 0);
    let (Some(first), Some(second)) = (arena.next(), arena.next()) else { return false };
    let apart = first.offset != second.offset;
    second.offset = first.offset;
    apart
}

/// Puts a bug into the kernels that it watches.
pub struct Spoiler<'b> {
    bug: &'b Bug,
    /// Whether only kernels with wide vectors are run.
    wide: bool,
    /// Places that a drawn bug still passes by.
    passes: usize,
    /// Places where it fits, or would.
    places: usize,
    /// What was changed.
    pub done: Option<String>,
}

impl<'b> Spoiler<'b> {
    /// Only counts where a drawn bug would fit, in all kernels or in those with wide vectors.
    pub fn counting(bug: &'b Bug, wide: bool) -> Spoiler<'b> {
        Spoiler { bug, wide, passes: usize::MAX, places: 0, done: None }
    }

    /// Puts the bug into one of the places that another one counted.
    pub fn after(counted: &Spoiler<'b>) -> Spoiler<'b> {
        let passes = match counted.bug {
            Bug::Drawn(seed) => Random(*seed).below(counted.places),
            _ => 0,
        };
        Spoiler { passes, places: 0, done: None, ..*counted }
    }

    fn visit(&mut self, name: &str, block: &mut [Inst]) {
        for inst in block {
            let mut changed = inst.clone();
            let fits = match self.bug {
                Bug::Written(spoil) => spoil(&mut changed),
                Bug::Drawn(seed) => spoil(&mut changed, &mut Random(seed ^ 0xB06)),
                Bug::Planned(_) | Bug::DrawnPlan(_) => false,
            };
            self.places += usize::from(fits);
            if fits && self.places == self.passes.saturating_add(1) {
                let line = |inst: &Inst| inst.to_string().replace('\n', " ");
                self.done = Some(format!("{name}: {} became {}", line(inst), line(&changed)));
                *inst = changed;
            } else if let Inst::Loop(_, body) = inst {
                self.visit(name, body);
            }
        }
    }
}

impl Watch for Spoiler<'_> {
    fn kernel(&mut self, kernel: &mut Kernel) {
        let name = kernel.name.clone();
        // A transform stores zeros first, of which nothing can be shuffled.
        let is_zeros = matches!(self.bug, Bug::Written(_)) && name.starts_with("winograd_input");
        if !is_zeros && (name.ends_with("_wide") || !self.wide) {
            self.visit(&name, &mut kernel.body);
        }
    }
}

/// An offset that is wrong by an element or by a vector.
fn shift(random: &mut Random) -> i64 {
    random.pick(&[4, -4, 32, -32])
}

/// Changes an instruction, if it is one whose change can be seen.
fn spoil(inst: &mut Inst, random: &mut Random) -> bool {
    let moved = |address: &mut Addr, random: &mut Random| address.disp += shift(random);
    match inst {
        Inst::Load(_, _, lanes) | Inst::Store(_, _, lanes) if *lanes < LANES as u8 && random.once_in(2) => {
            *lanes = if *lanes > 1 { *lanes - 1 } else { 2 };
        }
        Inst::Load(_, address, _) | Inst::Store(_, address, _) | Inst::Broadcast(_, address) => {
            moved(address, random);
        }
        Inst::LoadHalves(_, halves) => {
            // A half that is zeros stays so.
            let which = random.below(2);
            let Some(address) = &mut halves[which] else { return false };
            moved(address, random);
        }
        Inst::StoreHalves(_, halves) => moved(&mut halves[random.below(2)], random),
        Inst::Fma(_, _, Operand::Mem(address)) | Inst::MulAdd(_, _, Operand::Mem(address)) => {
            moved(address, random);
        }
        Inst::Bin(_, _, _, Operand::Mem(address)) if random.once_in(2) => moved(address, random),
        Inst::Bin(op, ..) => {
            *op = match op {
                Bin::Add => Bin::Sub,
                Bin::Sub | Bin::Mul | Bin::Div => Bin::Add,
                Bin::Min => Bin::Max,
                Bin::Max => Bin::Min,
                Bin::UnpackLo => Bin::UnpackHi,
                Bin::UnpackHi => Bin::UnpackLo,
                _ => return false,
            }
        }
        Inst::AddImm(_, _, number) | Inst::MulImm(_, _, number) => *number += shift(random),
        Inst::Select(_, _, yes, no) => std::mem::swap(yes, no),
        Inst::Un(Un::Permute(lanes), ..) | Inst::Shuffle(_, _, _, lanes) => *lanes ^= 1 << random.below(8),
        Inst::Groups(_, _, _, groups) => *groups ^= random.pick(&[0x01, 0x10]),
        Inst::Loop(Trips::Imm(trips), _) if *trips > 1 => *trips -= 1,
        _ => return false,
    }
    true
}

/// Puts a bug into a plan; says what was changed.
pub fn spoil_plan(bug: &Bug, program: &mut Program) -> Option<String> {
    match bug {
        Bug::Planned(spoil) => spoil(program).then(|| "a buffer".into()),
        Bug::DrawnPlan(seed) => {
            let mut random = Random(*seed);
            // Most places take most bugs.
            (0..100).find_map(|_| draw(program, &mut random))
        }
        Bug::Written(_) | Bug::Drawn(_) => None,
    }
}

/// A bug in a place that is drawn, if that place takes it.
fn draw(program: &mut Program, random: &mut Random) -> Option<String> {
    if random.once_in(8) {
        let arena: Vec<usize> =
            (0..program.buffers.len()).filter(|&i| program.buffers[i].space == Space::Arena).collect();
        let (one, other) = (random.pick(&arena), random.pick(&arena));
        let moves = program.buffers[one].offset != program.buffers[other].offset;
        program.buffers[one].offset = program.buffers[other].offset;
        return moves
            .then(|| format!("{} lies on {}", program.buffers[one].name, program.buffers[other].name));
    }
    let step = random.one(&mut program.steps)?;
    let name = step.name.clone();
    let mut calls: Vec<&mut Call> = step.calls_mut().collect();
    let call = random.one(&mut calls)?;
    let what = match random.below(4) {
        0 => {
            let extent = random.one(&mut call.extents).filter(|extent| **extent > 1)?;
            *extent -= 1;
            "a loop ends early".to_string()
        }
        _ => {
            let arg = random.one(&mut call.args)?;
            let before = format!("{arg:?}");
            spoil_arg(arg, &call.extents, random)?;
            format!("{before} became {arg:?}")
        }
    };
    Some(format!("step {name}: {what}"))
}

fn spoil_arg(arg: &mut Arg, extents: &[u64], random: &mut Random) -> Option<()> {
    match arg {
        Arg::Address { access: Access::Prefetch, .. } => return None,
        Arg::Address { place, terms, .. } => match random.one(terms) {
            Some(Term::Index { dim, stride }) if extents[*dim] > 1 => *stride += shift(random),
            Some(Term::Slot { dim, stride, rows }) if extents[*dim] > 1 && *rows > 1 => {
                *stride += shift(random)
            }
            _ => *place = place.moved(shift(random)),
        },
        Arg::SkippedTaps(bytes) => *bytes += shift(random),
        Arg::Number { from, .. } => *from += 1,
        Arg::Unread | Arg::Taps | Arg::TapsAbove => return None,
    }
    Some(())
}
