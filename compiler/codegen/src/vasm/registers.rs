//! Which registers an instruction reads and writes, and which addresses: what is known of it without its meaning.

use super::{Addr, Inst, LANES, Operand, P, Trips, V};

/// A virtual register of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reg {
    /// A vector.
    V(V),
    /// A pointer or count.
    P(P),
}

impl Inst {
    /// Calls `f` on every register the instruction itself reads; of a loop, its trip count.
    pub(super) fn reads(&self, f: &mut dyn FnMut(Reg)) {
        let addr = |a: &Addr, f: &mut dyn FnMut(Reg)| {
            f(Reg::P(a.base));
            if let Some((index, _)) = a.index {
                f(Reg::P(index));
            }
        };
        let operand = |o: &Operand, f: &mut dyn FnMut(Reg)| match o {
            Operand::Reg(v) => f(Reg::V(*v)),
            Operand::Mem(a) => addr(a, f),
            Operand::Const(_) => {}
        };
        match self {
            Inst::Arg(..) | Inst::SetP(..) | Inst::Splat(..) | Inst::Const(..) => {}
            Inst::MovP(_, q) | Inst::AddImm(_, q, _) | Inst::MulImm(_, q, _) => f(Reg::P(*q)),
            Inst::AddP(_, q, r) | Inst::SubP(_, q, r) => {
                f(Reg::P(*q));
                f(Reg::P(*r));
            }
            Inst::LoadP(_, a) | Inst::LoadI32(_, a) | Inst::Load(_, a, _) | Inst::Broadcast(_, a) => {
                addr(a, f)
            }
            Inst::Prefetch(a) => addr(a, f),
            Inst::LoadHalves(_, halves) => halves.iter().flatten().for_each(|a| addr(a, f)),
            Inst::Store(v, a, _) => {
                f(Reg::V(*v));
                addr(a, f);
            }
            Inst::StoreHalves(v, halves) => {
                f(Reg::V(*v));
                halves.iter().for_each(|a| addr(a, f));
            }
            Inst::Mov(_, w) | Inst::Lower(_, w) | Inst::Un(_, _, w) => f(Reg::V(*w)),
            Inst::Bin(_, _, a, b) => {
                f(Reg::V(*a));
                operand(b, f);
            }
            Inst::Fma(v, a, b) | Inst::MulAdd(v, a, b) => {
                f(Reg::V(*v));
                f(Reg::V(*a));
                operand(b, f);
            }
            Inst::Select(_, m, a, b) => [m, a, b].into_iter().for_each(|v| f(Reg::V(*v))),
            Inst::Shuffle(_, a, b, _) | Inst::Groups(_, a, b, _) => {
                [a, b].into_iter().for_each(|v| f(Reg::V(*v)))
            }
            Inst::Loop(Trips::Reg(p), _) => f(Reg::P(*p)),
            Inst::Loop(Trips::Imm(_), _) => {}
        }
    }

    /// The register the instruction writes.
    pub(super) fn result(&self) -> Option<Reg> {
        match self {
            Inst::Arg(p, ..)
            | Inst::SetP(p, ..)
            | Inst::MovP(p, ..)
            | Inst::AddImm(p, ..)
            | Inst::AddP(p, ..)
            | Inst::SubP(p, ..)
            | Inst::MulImm(p, ..)
            | Inst::LoadP(p, ..)
            | Inst::LoadI32(p, ..) => Some(Reg::P(*p)),
            Inst::Load(v, ..)
            | Inst::LoadHalves(v, ..)
            | Inst::Lower(v, ..)
            | Inst::Broadcast(v, ..)
            | Inst::Splat(v, ..)
            | Inst::Const(v, ..)
            | Inst::Mov(v, ..)
            | Inst::Bin(_, v, ..)
            | Inst::Un(_, v, ..)
            | Inst::Fma(v, ..)
            | Inst::MulAdd(v, ..)
            | Inst::Select(v, ..)
            | Inst::Shuffle(v, ..)
            | Inst::Groups(v, ..) => Some(Reg::V(*v)),
            Inst::Store(..) | Inst::StoreHalves(..) | Inst::Prefetch(..) | Inst::Loop(..) => None,
        }
    }

    /// Calls `f` with every address that the instruction itself touches, how many bytes, and whether it writes them.
    pub(super) fn accesses(&self, f: &mut dyn FnMut(Addr, i64, bool)) {
        let whole = |v: V| 4 * v.lanes() as i64;
        match *self {
            Inst::LoadP(_, a) => f(a, 8, false),
            Inst::LoadI32(_, a) | Inst::Broadcast(_, a) => f(a, 4, false),
            Inst::Load(_, a, lanes) => f(a, 4 * i64::from(lanes), false),
            Inst::Store(_, a, lanes) => f(a, 4 * i64::from(lanes), true),
            Inst::LoadHalves(_, halves) => {
                halves.into_iter().flatten().for_each(|a| f(a, 4 * LANES as i64, false));
            }
            Inst::StoreHalves(_, halves) => halves.into_iter().for_each(|a| f(a, 4 * LANES as i64, true)),
            Inst::Bin(_, v, _, Operand::Mem(a))
            | Inst::Fma(v, _, Operand::Mem(a))
            | Inst::MulAdd(v, _, Operand::Mem(a)) => f(a, whole(v), false),
            _ => {}
        }
    }
}
