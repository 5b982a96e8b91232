//! The rules of the kernel language, checked before a kernel is emitted.
//!
//! (K1) Registers are numbered below `vectors` and `pointers`. (K2) A register is written before it is read
//! on every path; a loop counted by a register may run no times, so what only it writes does not count after
//! it. (K3) A load or store has 1 to [`LANES`] lanes, of a wide register all. (K4) A scale is 1, 2, 4 or 8. (K5) A
//! constant trip count is at least 1. (K6) A constant shift is below 32. (K7) The constant of `groups` is two numbers
//! 0 to 3. (K8) The vectors of an instruction have the same number of lanes; instructions on halves take wide ones,
//! those that name lanes or exchange groups of four others. (K9) An offset, and that of every lane from there on, has
//! 32 bits. What (K10) asks, that a kernel touches no more than its calls say, is checked where calls are known.

use super::registers::Reg;
use super::{Addr, EmitError, Inst, Kernel, LANES, Trips, Un, V, WIDE};
use std::ops::RangeInclusive;

/// Checks (K1) to (K9).
///
/// # Errors
/// [`EmitError::Invalid`], naming the first instruction that breaks a rule.
pub fn verify(kernel: &Kernel) -> Result<(), EmitError> {
    let written = Written {
        vectors: vec![false; kernel.vectors as usize],
        pointers: vec![false; kernel.pointers as usize],
    };
    block(&kernel.body, written)
        .map(|_| ())
        .map_err(|message| EmitError::Invalid { kernel: kernel.name.clone(), message })
}

/// Which registers have a value for sure.
#[derive(Clone)]
struct Written {
    vectors: Vec<bool>,
    pointers: Vec<bool>,
}

impl Written {
    fn slot(&mut self, reg: Reg) -> Option<&mut bool> {
        match reg {
            Reg::V(v) => self.vectors.get_mut(v.number as usize),
            Reg::P(p) => self.pointers.get_mut(p.0 as usize),
        }
    }
}

/// Checks a block and gives what is written after it.
fn block(body: &[Inst], mut written: Written) -> Result<Written, String> {
    for inst in body {
        let mut fault = None;
        inst.reads(&mut |reg| match written.slot(reg) {
            None => fault = Some("(K1): a register is numbered too high"),
            Some(false) => fault = Some("(K2): a register is read before it is written"),
            Some(true) => {}
        });
        if let Some(fault) = fault.or_else(|| constants(inst)).or_else(|| widths(inst)) {
            return Err(format!("{fault}: {}", inst.to_string().lines().next().unwrap_or_default()));
        }
        match inst {
            Inst::Loop(Trips::Imm(_), body) => written = block(body, written)?,
            Inst::Loop(Trips::Reg(_), body) => {
                block(body, written.clone())?;
            }
            _ => {}
        }
        if let Some(reg) = inst.result() {
            *written.slot(reg).ok_or_else(|| format!("(K1): a register is numbered too high: {inst}"))? =
                true;
        }
    }
    Ok(written)
}

/// The first of (K3) to (K7) and (K9) that an instruction breaks.
fn constants(inst: &Inst) -> Option<&'static str> {
    let scaled = |a: &Addr| a.index.is_none_or(|(_, scale)| matches!(scale, 1 | 2 | 4 | 8));
    let mut addrs: Vec<Addr> = Vec::new();
    inst.accesses(&mut |addr, _, _| addrs.push(addr));
    if let Inst::Prefetch(addr) = inst {
        addrs.push(*addr);
    }
    match inst {
        _ if !addrs.iter().all(scaled) => Some("(K4): the scale is not 1, 2, 4 or 8"),
        _ if !addrs.iter().all(Addr::is_near) => Some("(K9): the offset does not have 32 bits"),
        Inst::Load(v, _, n) | Inst::Store(v, _, n) if !counts(*v).contains(&usize::from(*n)) => {
            Some("(K3): the lane count is not 1 to 8, or that of a wide register")
        }
        Inst::Loop(Trips::Imm(0), _) => Some("(K5): the trip count is 0"),
        Inst::Un(Un::Shl(n) | Un::Sar(n), ..) if *n >= 32 => Some("(K6): the shift is not below 32"),
        Inst::Groups(_, _, _, imm) if imm & !0x33 != 0 => Some("(K7): the constant does not name two groups"),
        _ => None,
    }
}

/// How many lanes a load or store of the register may have.
fn counts(v: V) -> RangeInclusive<usize> {
    if v.is_wide { WIDE..=WIDE } else { 1..=LANES }
}

const WIDTHS: &str = "(K8): a vector has too many or too few lanes";

/// (K8), if an instruction breaks it.
fn widths(inst: &Inst) -> Option<&'static str> {
    if let Inst::Lower(v, a) = inst {
        return (v.is_wide || !a.is_wide).then_some(WIDTHS);
    }
    let mut vectors = Vec::new();
    let mut vector = |reg| {
        if let Reg::V(v) = reg {
            vectors.push(v.is_wide);
        }
    };
    inst.reads(&mut vector);
    inst.result().into_iter().for_each(vector);
    let of_wide = matches!(inst, Inst::LoadHalves(..) | Inst::StoreHalves(..));
    let of_others = matches!(inst, Inst::Const(..) | Inst::Groups(..) | Inst::Un(Un::SwapHalves, ..));
    let (any, all) = (vectors.iter().any(|&wide| wide), vectors.iter().all(|&wide| wide));
    let breaks = any != (all && !vectors.is_empty()) || (of_wide && !all) || (of_others && any);
    breaks.then_some(WIDTHS)
}
