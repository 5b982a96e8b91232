//! The meaning of the kernel language, in plain Rust: what both emitters are compared with.
//!
//! A lane is *unsure* when the language leaves its bits open: arithmetic on two different NaNs, a conversion
//! out of range, and whatever is computed from such lanes. Unsure lanes are not compared.

use std::cell::Cell;
use std::collections::HashSet;

use crate::vasm::{Addr, Bin, Inst, Kernel, LANES, Operand, P, Trips, Un, V, WIDE};

/// The NaN that x86 makes of no NaN.
const NAN: u32 = 0xffc0_0000;

const QUIET: u32 = 0x0040_0000;

#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    bits: u32,
    unsure: bool,
}

/// Those of a vector that is not wide stand in the lower half.
type Lanes = [Lane; WIDE];

/// Registers, and which words of memory are unsure.
#[derive(Default)]
pub(super) struct Interp {
    vectors: Vec<Lanes>,
    pointers: Vec<u64>,
    args: Vec<u64>,
    /// Addresses of words whose bits are open.
    pub(super) unsure: HashSet<u64>,
    /// From the first byte to behind the last of those that were read, and of those that were written.
    pub(super) read: Cell<Option<[u64; 2]>>,
    pub(super) written: Cell<Option<[u64; 2]>>,
}

impl Interp {
    /// Runs a kernel on real memory.
    ///
    /// # Safety
    /// The kernel must be right about the memory its arguments name.
    pub(super) unsafe fn run(&mut self, kernel: &Kernel, args: &[u64]) {
        self.vectors = vec![Default::default(); kernel.vectors as usize];
        self.pointers = vec![0; kernel.pointers as usize];
        self.args = args.to_vec();
        self.block(&kernel.body);
    }

    fn block(&mut self, body: &[Inst]) {
        for inst in body {
            match *inst {
                Inst::Arg(p, i) => self.set_p(p, self.args[i as usize]),
                Inst::SetP(p, value) => self.set_p(p, value as u64),
                Inst::MovP(p, q) => self.set_p(p, self.p(q)),
                Inst::AddImm(p, q, value) => self.set_p(p, self.p(q).wrapping_add(value as u64)),
                Inst::AddP(p, q, r) => self.set_p(p, self.p(q).wrapping_add(self.p(r))),
                Inst::SubP(p, q, r) => self.set_p(p, self.p(q).wrapping_sub(self.p(r))),
                Inst::MulImm(p, q, value) => self.set_p(p, self.p(q).wrapping_mul(value as u64)),
                Inst::LoadP(p, a) => {
                    // SAFETY: the caller vouches for the memory.
                    let word = unsafe { (self.address(a) as *const u64).read_unaligned() };
                    self.set_p(p, word);
                }
                Inst::LoadI32(p, a) => {
                    let word = self.read(self.address(a)).bits as i32;
                    self.set_p(p, i64::from(word) as u64);
                }
                Inst::Load(v, a, n) => self.set_v(v, self.load(a, n)),
                Inst::Store(v, a, n) => self.store(&self.v(v)[..n.into()], a),
                Inst::LoadHalves(v, halves) => {
                    let zeros = [sure(0); WIDE];
                    let halves = halves.map(|half| half.map_or(zeros, |a| self.load(a, LANES as u8)));
                    self.set_v(v, each(|i| halves[i / LANES][i % LANES]));
                }
                Inst::StoreHalves(v, [low, high]) => {
                    let lanes = self.v(v);
                    self.store(&lanes[..LANES], low);
                    self.store(&lanes[LANES..], high);
                }
                Inst::Lower(v, a) => self.set_v(v, self.v(a)),
                Inst::Broadcast(v, a) => self.set_v(v, [self.read(self.address(a)); WIDE]),
                Inst::Splat(v, bits) => self.set_v(v, [sure(bits); WIDE]),
                Inst::Const(v, lanes) => self.set_v(v, each(|i| sure(*lanes.get(i).unwrap_or(&0)))),
                Inst::Mov(v, a) => self.set_v(v, self.v(a)),
                Inst::Bin(op, v, a, b) => {
                    self.set_v(v, binary(op, self.v(a), self.operand(b, v.lanes())));
                }
                Inst::Un(op, v, a) => self.set_v(v, unary(op, self.v(a))),
                Inst::Fma(v, a, b) => {
                    let (acc, a, b) = (self.v(v), self.v(a), self.operand(b, v.lanes()));
                    self.set_v(v, each(|i| number(&[a[i], b[i], acc[i]], |x| x[0].mul_add(x[1], x[2]))));
                }
                Inst::MulAdd(v, a, b) => {
                    let (x, a, b) = (self.v(v), self.v(a), self.operand(b, v.lanes()));
                    self.set_v(v, each(|i| number(&[x[i], a[i], b[i]], |x| x[0].mul_add(x[1], x[2]))));
                }
                Inst::Select(v, mask, a, b) => {
                    let (mask, a, b) = (self.v(mask), self.v(a), self.v(b));
                    self.set_v(
                        v,
                        each(|i| match mask[i] {
                            Lane { bits: u32::MAX, unsure: false } => a[i],
                            Lane { bits: 0, unsure: false } => b[i],
                            _ => Lane { bits: 0, unsure: true },
                        }),
                    );
                }
                Inst::Shuffle(v, a, b, imm) => {
                    let (a, b) = (self.v(a), self.v(b));
                    let lane = |i: usize| (i & !3) + usize::from(imm >> (2 * (i & 3)) & 3);
                    self.set_v(v, each(|i| if i & 3 < 2 { a[lane(i)] } else { b[lane(i)] }));
                }
                Inst::Groups(v, a, b, imm) => {
                    let all = [a, b].map(|v| self.v(v)[..LANES].to_vec()).concat();
                    let group = |i: usize| usize::from(if i < 4 { imm & 3 } else { imm >> 4 & 3 });
                    self.set_v(v, each(|i| if i < LANES { all[4 * group(i) + (i & 3)] } else { sure(0) }));
                }
                Inst::Prefetch(_) => {}
                Inst::Loop(trips, ref body) => {
                    let trips = match trips {
                        Trips::Imm(n) => n,
                        Trips::Reg(p) => self.p(p),
                    };
                    (0..trips).for_each(|_| self.block(body));
                }
            }
        }
    }

    fn v(&self, v: V) -> Lanes {
        self.vectors[v.number as usize]
    }

    fn set_v(&mut self, v: V, lanes: Lanes) {
        self.vectors[v.number as usize] = lanes;
    }

    fn p(&self, p: P) -> u64 {
        self.pointers[p.0 as usize]
    }

    fn set_p(&mut self, p: P, value: u64) {
        self.pointers[p.0 as usize] = value;
    }

    fn operand(&self, operand: Operand, lanes: usize) -> Lanes {
        match operand {
            Operand::Reg(v) => self.v(v),
            Operand::Mem(a) => self.load(a, lanes as u8),
            Operand::Const(bits) => [sure(bits); WIDE],
        }
    }

    fn store(&mut self, lanes: &[Lane], a: Addr) {
        let to = self.address(a);
        for (i, &lane) in lanes.iter().enumerate() {
            self.write(to + 4 * i as u64, lane);
        }
    }

    fn load(&self, a: Addr, n: u8) -> Lanes {
        let from = self.address(a);
        each(|i| if i < n.into() { self.read(from + 4 * i as u64) } else { sure(0) })
    }

    fn address(&self, a: Addr) -> u64 {
        let index = a.index.map_or(0, |(index, scale)| self.p(index).wrapping_mul(scale.into()));
        self.p(a.base).wrapping_add(index).wrapping_add(a.disp as u64)
    }

    fn read(&self, address: u64) -> Lane {
        note(&self.read, address);
        // SAFETY: the caller of `run` vouches for the memory.
        let bits = unsafe { (address as *const u32).read_unaligned() };
        // A word that is not aligned may overlap with others.
        let unsure = (address - 3..=address + 3).any(|word| self.unsure.contains(&word));
        Lane { bits, unsure }
    }

    fn write(&mut self, address: u64, lane: Lane) {
        note(&self.written, address);
        // SAFETY: the caller of `run` vouches for the memory.
        unsafe { (address as *mut u32).write_unaligned(lane.bits) };
        if lane.unsure {
            self.unsure.insert(address);
        } else {
            self.unsure.remove(&address);
        }
    }
}

/// Takes a word into a range of addresses.
fn note(range: &Cell<Option<[u64; 2]>>, word: u64) {
    let [from, to] = range.get().unwrap_or([word; 2]);
    range.set(Some([from.min(word), to.max(word + 4)]));
}

fn sure(bits: u32) -> Lane {
    Lane { bits, unsure: false }
}

fn each(f: impl FnMut(usize) -> Lane) -> Lanes {
    std::array::from_fn(f)
}

/// Arithmetic by the rules of x86: one NaN among the operands is the result, quieted; of two, either.
fn number(operands: &[Lane], f: impl FnOnce(&[f32]) -> f32) -> Lane {
    let values: Vec<f32> = operands.iter().map(|lane| f32::from_bits(lane.bits)).collect();
    let unsure = operands.iter().any(|lane| lane.unsure);
    let mut nans = values.iter().filter(|x| x.is_nan()).map(|x| x.to_bits() | QUIET);
    if let Some(nan) = nans.next() {
        return Lane { bits: nan, unsure: unsure || nans.any(|other| other != nan) };
    }
    let result = f(&values);
    Lane { bits: if result.is_nan() { NAN } else { result.to_bits() }, unsure }
}

fn binary(op: Bin, a: Lanes, b: Lanes) -> Lanes {
    let arithmetic = |f: fn(f32, f32) -> f32| each(|i| number(&[a[i], b[i]], |x| f(x[0], x[1])));
    let bits = |f: fn(u32, u32) -> u32| {
        each(|i| Lane { bits: f(a[i].bits, b[i].bits), unsure: a[i].unsure || b[i].unsure })
    };
    let test = |f: fn(f32, f32) -> bool| {
        each(|i| {
            let holds = f(f32::from_bits(a[i].bits), f32::from_bits(b[i].bits));
            Lane { bits: if holds { u32::MAX } else { 0 }, unsure: a[i].unsure || b[i].unsure }
        })
    };
    let choose = |f: fn(f32, f32) -> bool| {
        each(|i| {
            let first = f(f32::from_bits(a[i].bits), f32::from_bits(b[i].bits));
            Lane { bits: if first { a[i].bits } else { b[i].bits }, unsure: a[i].unsure || b[i].unsure }
        })
    };
    match op {
        Bin::Add => arithmetic(|a, b| a + b),
        Bin::Sub => arithmetic(|a, b| a - b),
        Bin::Mul => arithmetic(|a, b| a * b),
        Bin::Div => arithmetic(|a, b| a / b),
        Bin::Min => choose(|a, b| a < b),
        Bin::Max => choose(|a, b| a > b),
        Bin::And => bits(|a, b| a & b),
        Bin::AndNot => bits(|a, b| !a & b),
        Bin::Or => bits(|a, b| a | b),
        Bin::Xor => bits(|a, b| a ^ b),
        Bin::AddI => bits(u32::wrapping_add),
        Bin::SubI => bits(u32::wrapping_sub),
        Bin::Lt => test(|a, b| a < b),
        Bin::Le => test(|a, b| a <= b),
        Bin::Eq => test(|a, b| a == b),
        Bin::Unordered => test(|a, b| a.is_nan() || b.is_nan()),
        Bin::UnpackLo => {
            each(|i| if i & 1 == 0 { a[(i & !3) + (i & 3) / 2] } else { b[(i & !3) + (i & 3) / 2] })
        }
        Bin::UnpackHi => {
            each(|i| if i & 1 == 0 { a[(i & !3) + 2 + (i & 3) / 2] } else { b[(i & !3) + 2 + (i & 3) / 2] })
        }
    }
}

fn unary(op: Un, a: Lanes) -> Lanes {
    let bits = |f: &dyn Fn(u32) -> u32| each(|i| Lane { bits: f(a[i].bits), unsure: a[i].unsure });
    match op {
        Un::Sqrt => each(|i| number(&[a[i]], |x| x[0].sqrt())),
        Un::Round => each(|i| number(&[a[i]], |x| x[0].round_ties_even())),
        Un::Floor => each(|i| number(&[a[i]], |x| x[0].floor())),
        Un::ToInt => each(|i| {
            let x = f32::from_bits(a[i].bits);
            let fits = x.fract() == 0.0 && x >= i32::MIN as f32 && x < -(i32::MIN as f32);
            Lane { bits: x as i32 as u32, unsure: a[i].unsure || !fits }
        }),
        Un::ToFloat => bits(&|x| (x as i32 as f32).to_bits()),
        Un::Shl(n) => bits(&|x| x << n),
        Un::Sar(n) => bits(&|x| (x as i32 >> n) as u32),
        Un::Permute(imm) => each(|i| a[(i & !3) + usize::from(imm >> (2 * (i & 3)) & 3)]),
        Un::SwapHalves => each(|i| a[i ^ 4]),
    }
}
