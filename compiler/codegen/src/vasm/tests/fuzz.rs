//! Random kernels: straight code and nested loops over everything the language has, by seed.
//!
//! A kernel reads and writes one buffer, around its middle: pointers drift by at most the instructions run
//! times [`STEP`], which the buffer has room for.

use super::host::{Compiled, emitters, is_able};
use super::instructions::BINARY;
use super::interp::Interp;
use super::{Random, WIDTHS};
use crate::vasm::{Addr, Builder, EmitError, Inst, Kernel, LANES, Operand, P, Un, V, WIDE};

pub(super) const SEEDS: u64 = 500;

/// Instructions to a kernel, about.
const LENGTH: usize = 60;

/// Loops within loops.
const DEPTH: usize = 2;

/// The most a pointer moves at once, in bytes.
const STEP: u64 = 64;

/// The most a loop runs.
const TRIPS: u64 = 3;

/// Words of the buffer.
pub(super) const WORDS: usize = 32 * 1024;

/// Displacements reach this far, in bytes.
const REACH: i64 = 512;

/// What the code so far has to work with.
#[derive(Clone)]
struct Scope {
    /// Of each width, if the kernel has it.
    vectors: [Vec<V>; 2],
    pointers: Vec<P>,
    counts: Vec<P>,
}

pub(super) struct Generator {
    random: Random,
    left: usize,
}

impl Generator {
    /// The kernel of a seed. Argument 0 is the middle of the buffer, arguments 1 and 2 are numbers below 4.
    pub(super) fn kernel(seed: u64) -> Kernel {
        let mut g = Generator { random: Random(seed), left: LENGTH };
        let mut k = Builder::new(format!("random{seed}"));
        let middle = k.arg(0);
        // Every other kernel has vectors of both widths.
        let vectors = WIDTHS.map(|lanes| {
            let count = if seed % 2 == 1 {
                3
            } else if lanes == LANES {
                6
            } else {
                0
            };
            k.with_lanes(lanes, |k| (0..count).map(|i| k.load(middle.at(32 * i))).collect())
        });
        let counts = vec![k.arg(1), k.arg(2)];
        let mut scope = Scope { vectors, pointers: vec![middle], counts };
        while g.left > 0 {
            g.inst(&mut k, &mut scope, 0);
        }
        for v in scope.vectors.concat() {
            let addr = g.addr(&scope);
            k.store(v, addr);
        }
        k.finish()
    }

    fn inst(&mut self, k: &mut Builder, scope: &mut Scope, depth: usize) {
        self.left = self.left.saturating_sub(1);
        match self.random.below(100) {
            0..=5 if depth < DEPTH => self.repeat(k, scope, depth),
            0..=14 => self.integer(k, scope),
            15..=24 => {
                let vectors = self.vectors(scope);
                let (v, addr) = (self.random.pick(vectors), self.addr(scope));
                let lanes = 1 + self.random.below(LANES);
                match v.lanes() {
                    WIDE if lanes.is_multiple_of(2) => {
                        let other = self.addr(scope);
                        k.store_halves(v, [addr, other]);
                    }
                    WIDE => k.store(v, addr),
                    _ => k.store_lanes(v, addr, lanes),
                }
            }
            25..=29 => {
                let addr = self.addr(scope);
                k.prefetch(addr);
            }
            30..=44 => {
                let vectors = self.vectors(scope);
                let (v, a) = (self.random.pick(vectors), self.random.pick(vectors));
                let b = self.operand(vectors, scope);
                if self.random.below(2) == 0 { k.fma(v, a, b) } else { k.mul_add(v, a, b) }
            }
            45..=69 => {
                // Over a register that is, which may be an operand too.
                let vectors = self.vectors(scope);
                let (v, a) = (self.random.pick(vectors), self.random.pick(vectors));
                let b = self.operand(vectors, scope);
                let op = self.random.pick(&BINARY);
                k.bin_to(op, v, a, b);
            }
            _ => {
                let fresh = self.fresh(k, scope);
                let vectors = &mut scope.vectors[usize::from(fresh.lanes() == WIDE)];
                let place = self.random.below(vectors.len());
                if vectors.len() < 9 {
                    vectors.push(fresh);
                } else {
                    vectors[place] = fresh;
                }
            }
        }
    }

    /// A new register by one of the instructions that make one.
    fn fresh(&mut self, k: &mut Builder, scope: &Scope) -> V {
        let vectors = self.vectors(scope);
        let (a, b) = (self.random.pick(vectors), self.random.pick(vectors));
        let imm = self.random.bits() as u8;
        let is_wide = a.lanes() == WIDE;
        k.with_lanes(a.lanes(), |k| match self.random.below(12) {
            0 if is_wide => {
                let (low, high) = (self.addr(scope), self.addr(scope));
                k.load_halves(match imm % 4 {
                    0 => [Some(low), None],
                    1 => [None, Some(high)],
                    2 => [Some(low); 2],
                    _ => [Some(low), Some(high)],
                })
            }
            0 | 1 => {
                let addr = self.addr(scope);
                k.load_lanes(addr, if is_wide { WIDE } else { 1 + usize::from(imm) % LANES })
            }
            2 => {
                let addr = self.addr(scope);
                k.broadcast(addr)
            }
            3 => k.splat_bits(self.random.word()),
            4 => k.lane_mask(usize::from(imm) % 9),
            5 => k.mov(a),
            6 => k.shuffle(a, b, imm),
            7 if is_wide => k.lower(a),
            7 => k.groups(a, b, imm & 0x33),
            8 => {
                let mask = k.bin(self.random.pick(&BINARY[12..16]), a, b);
                let (x, y) = (self.random.pick(vectors), self.random.pick(vectors));
                k.select(mask, x, y)
            }
            9 => {
                let operand = self.operand(vectors, scope);
                k.bin(self.random.pick(&BINARY), a, operand)
            }
            _ => {
                let n = imm % 32;
                let all = [Un::Sqrt, Un::Round, Un::Floor, Un::ToInt, Un::ToFloat, Un::SwapHalves];
                let all = if is_wide { &all[..5] } else { &all };
                let op = match self.random.below(9) {
                    0 => Un::Shl(n),
                    1 => Un::Sar(n),
                    2 => Un::Permute(imm),
                    _ => self.random.pick(all),
                };
                k.un(op, a)
            }
        })
    }

    fn integer(&mut self, k: &mut Builder, scope: &mut Scope) {
        let step = self.random.below(2 * STEP as usize + 1) as i64 - STEP as i64;
        let (p, q) = (self.random.pick(&scope.pointers), self.random.pick(&scope.pointers));
        let n = self.random.pick(&scope.counts);
        match self.random.below(10) {
            0 | 1 => k.advance(p, step),
            2 => k.advance_by(p, n),
            3 => k.copy_to(p, q),
            4 => {
                // There and back by a wide constant.
                let wide = self.random.bits() as i64;
                k.advance(p, wide);
                let back = k.set(wide);
                let home = k.difference(p, back);
                k.copy_to(p, home);
            }
            5 => {
                let factor = self.random.bits() as i64 >> self.random.below(64);
                let (a, b) = (k.scaled(n, factor), k.scaled(n, factor.wrapping_neg()));
                let zero = k.sum(a, b);
                k.advance_by(p, zero);
            }
            6 if scope.counts.len() < 4 => {
                let trips = self.random.below(TRIPS as usize + 1);
                let fresh = k.set(trips as i64);
                scope.counts.push(fresh);
            }
            7 if scope.pointers.len() < 4 => {
                let fresh = k.offset(p, step);
                scope.pointers.push(fresh);
            }
            _ => {
                let fresh = k.difference(p, n);
                let place = self.random.below(scope.pointers.len());
                scope.pointers[place] = fresh;
            }
        }
    }

    fn repeat(&mut self, k: &mut Builder, scope: &mut Scope, depth: usize) {
        let length = 1 + self.random.below(12);
        let counted = self.random.below(2) == 0;
        let mut inner = scope.clone();
        let mut body = |k: &mut Builder| {
            for _ in 0..length {
                self.inst(k, &mut inner, depth + 1);
            }
        };
        if counted {
            let n = scope.counts[scope.counts.len() - 1];
            // What only this loop writes has no value after it.
            k.repeat(n, body);
        } else {
            let trips = 1 + length as u64 % TRIPS;
            k.repeat(trips, &mut body);
            *scope = inner;
        }
    }

    /// The vectors of one of the widths that the kernel has.
    fn vectors<'s>(&mut self, scope: &'s Scope) -> &'s [V] {
        match scope.vectors[1].is_empty() {
            true => &scope.vectors[0],
            false => &scope.vectors[self.random.below(2)],
        }
    }

    fn operand(&mut self, vectors: &[V], scope: &Scope) -> Operand {
        match self.random.below(6) {
            0 => Operand::Const(self.random.word()),
            1 => Operand::Mem(self.addr(scope)),
            _ => Operand::Reg(self.random.pick(vectors)),
        }
    }

    fn addr(&mut self, scope: &Scope) -> Addr {
        let base = self.random.pick(&scope.pointers);
        let disp = (self.random.below(2 * REACH as usize) as i64 - REACH) & !3;
        match self.random.below(4) {
            0 => base.indexed(self.random.pick(&scope.counts), self.random.pick(&[1, 2, 4, 8]), disp),
            _ => base.at(disp),
        }
    }
}

/// Instructions a kernel runs at most.
fn executed(body: &[Inst]) -> u64 {
    body.iter().map(|inst| if let Inst::Loop(_, body) = inst { TRIPS * executed(body) } else { 1 }).sum()
}

#[test]
fn random_kernels_agree() {
    if !is_able() {
        return;
    }
    let (mut compared, mut unsure, mut refused, mut loops) = (0_u64, 0_u64, 0, 0);
    for seed in 0..SEEDS {
        let kernel = Generator::kernel(seed);
        assert!(executed(&kernel.body) * STEP < 2 * WORDS as u64 - 2 * REACH as u64, "{kernel}");
        loops += kernel.body.iter().filter(|inst| matches!(inst, Inst::Loop(..))).count();
        let mut random = Random(!seed);
        let input: Vec<u32> = (0..WORDS).map(|_| random.word()).collect();
        let args =
            |buffer: &mut [u32]| [buffer.as_mut_ptr() as u64 + 2 * WORDS as u64, seed % 4, seed / 4 % 4];

        let mut want = input.clone();
        let mut interp = Interp::default();
        // SAFETY: pointers stay within the buffer, as asserted above.
        unsafe { interp.run(&kernel, &args(&mut want)) };
        let address = want.as_ptr() as u64;
        let mut open = vec![false; WORDS];
        for word in &interp.unsure {
            // An unaligned word covers two.
            let at = (word - address) as usize;
            open[at / 4] = true;
            open[at.div_ceil(4)] = true;
        }
        for emitter in emitters(if seed % 2 == 1 { WIDE } else { LANES }) {
            let compiled = match Compiled::new(&kernel, emitter) {
                Ok(compiled) => compiled,
                Err(EmitError::TooManyRegisters { .. }) => {
                    refused += 1;
                    continue;
                }
                Err(error) => panic!("{error}\n{kernel}"),
            };
            let mut got = input.clone();
            // SAFETY: as above.
            unsafe { compiled.run(&args(&mut got)) };
            for i in 0..WORDS {
                if open[i] {
                    unsure += 1;
                } else {
                    assert_eq!(got[i], want[i], "{emitter:?}, seed {seed}, word {i}\n{kernel}");
                    compared += u64::from(want[i] != input[i]);
                }
            }
        }
    }
    eprintln!(
        "{compared} written words compared, {unsure} unsure, {refused} kernels refused, {loops} outer loops"
    );
    assert!(refused * 20 < SEEDS, "{refused} kernels refused");
    assert!(compared > 100 * SEEDS && unsure < compared, "{compared} compared, {unsure} unsure");
    assert!(loops as u64 > SEEDS, "{loops} loops");
}
