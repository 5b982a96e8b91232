//! Writing kernels: one method an instruction, fresh registers as results.
//!
//! Methods named after an instruction return a new register; those ending in `_to` write one that exists,
//! which is how accumulators and moving pointers are kept. A new register has the lanes of the operands; where there
//! are none, those that [`Builder::with_lanes`] says.

use super::{Addr, Bin, Inst, Kernel, LANES, Operand, P, Trips, Un, V, WIDE};

/// Builds a [`Kernel`] instruction by instruction.
pub struct Builder {
    name: String,
    open: Vec<Vec<Inst>>,
    vectors: u32,
    pointers: u32,
    lanes: usize,
}

impl Builder {
    /// Starts an empty kernel.
    pub fn new(name: impl Into<String>) -> Builder {
        Builder { name: name.into(), open: vec![Vec::new()], vectors: 0, pointers: 0, lanes: LANES }
    }

    /// The finished kernel.
    pub fn finish(mut self) -> Kernel {
        let body = self.open.pop().unwrap_or_default();
        Kernel { name: self.name, body, vectors: self.vectors, pointers: self.pointers }
    }

    fn push(&mut self, inst: Inst) {
        if let Some(block) = self.open.last_mut() {
            block.push(inst);
        }
    }

    /// What `body` writes, in new registers of so many lanes: [`LANES`] or [`WIDE`].
    pub fn with_lanes<R>(&mut self, lanes: usize, body: impl FnOnce(&mut Builder) -> R) -> R {
        let before = std::mem::replace(&mut self.lanes, lanes);
        let result = body(self);
        self.lanes = before;
        result
    }

    /// A vector register without a value yet.
    pub fn vector(&mut self) -> V {
        self.vectors += 1;
        V { number: self.vectors - 1, is_wide: self.lanes == WIDE }
    }

    /// One of as many lanes as another.
    fn like(&mut self, v: V) -> V {
        self.with_lanes(v.lanes(), Builder::vector)
    }

    /// An integer register without a value yet.
    pub fn pointer(&mut self) -> P {
        self.pointers += 1;
        P(self.pointers - 1)
    }

    /// `trips` times what `body` writes.
    pub fn repeat(&mut self, trips: impl Into<Trips>, body: impl FnOnce(&mut Builder)) {
        self.open.push(Vec::new());
        body(self);
        let block = self.open.pop().unwrap_or_default();
        self.push(Inst::Loop(trips.into(), block));
    }

    // ---- integers

    /// Argument `i`.
    pub fn arg(&mut self, i: u32) -> P {
        let p = self.pointer();
        self.push(Inst::Arg(p, i));
        p
    }

    /// A constant.
    pub fn set(&mut self, value: i64) -> P {
        let p = self.pointer();
        self.set_to(p, value);
        p
    }

    /// `p = value`
    pub fn set_to(&mut self, p: P, value: i64) {
        self.push(Inst::SetP(p, value));
    }

    /// A copy of `q`.
    pub fn copy(&mut self, q: P) -> P {
        let p = self.pointer();
        self.copy_to(p, q);
        p
    }

    /// `p = q`
    pub fn copy_to(&mut self, p: P, q: P) {
        self.push(Inst::MovP(p, q));
    }

    /// `q + value` in a new register.
    pub fn offset(&mut self, q: P, value: i64) -> P {
        let p = self.pointer();
        self.push(Inst::AddImm(p, q, value));
        p
    }

    /// `p += value`
    pub fn advance(&mut self, p: P, value: i64) {
        if value != 0 {
            self.push(Inst::AddImm(p, p, value));
        }
    }

    /// `p += q`
    pub fn advance_by(&mut self, p: P, q: P) {
        self.push(Inst::AddP(p, p, q));
    }

    /// `q + r` in a new register.
    pub fn sum(&mut self, q: P, r: P) -> P {
        let p = self.pointer();
        self.push(Inst::AddP(p, q, r));
        p
    }

    /// `q - r` in a new register.
    pub fn difference(&mut self, q: P, r: P) -> P {
        let p = self.pointer();
        self.push(Inst::SubP(p, q, r));
        p
    }

    /// `q * value` in a new register.
    pub fn scaled(&mut self, q: P, value: i64) -> P {
        let p = self.pointer();
        self.push(Inst::MulImm(p, q, value));
        p
    }

    /// The 64-bit word at an address.
    pub fn load_word(&mut self, addr: Addr) -> P {
        let (p, addr) = (self.pointer(), self.near(addr));
        self.push(Inst::LoadP(p, addr));
        p
    }

    /// The 32-bit word at an address, sign extended.
    pub fn load_i32(&mut self, addr: Addr) -> P {
        let (p, addr) = (self.pointer(), self.near(addr));
        self.push(Inst::LoadI32(p, addr));
        p
    }

    /// The same address, its offset such that instructions can hold it.
    fn near(&mut self, addr: Addr) -> Addr {
        if addr.is_near() {
            return addr;
        }
        Addr { base: self.offset(addr.base, addr.disp), disp: 0, ..addr }
    }

    // ---- vectors

    /// A full vector from memory.
    pub fn load(&mut self, addr: Addr) -> V {
        self.load_lanes(addr, self.lanes)
    }

    /// `lanes` lanes from memory, zeros above: reads no byte beyond them.
    pub fn load_lanes(&mut self, addr: Addr, lanes: usize) -> V {
        let v = self.vector();
        self.load_lanes_to(v, addr, lanes);
        v
    }

    /// `v = lanes in memory`
    pub fn load_lanes_to(&mut self, v: V, addr: Addr, lanes: usize) {
        let addr = self.near(addr);
        self.push(Inst::Load(v, addr, lanes as u8));
    }

    /// A full vector to memory.
    pub fn store(&mut self, v: V, addr: Addr) {
        self.store_lanes(v, addr, v.lanes());
    }

    /// The first `lanes` lanes to memory: writes no byte beyond them.
    pub fn store_lanes(&mut self, v: V, addr: Addr, lanes: usize) {
        let addr = self.near(addr);
        self.push(Inst::Store(v, addr, lanes as u8));
    }

    /// A wide vector whose halves, lower and upper, lie at two addresses, or are zeros.
    pub fn load_halves(&mut self, halves: [Option<Addr>; 2]) -> V {
        let v = self.with_lanes(WIDE, Builder::vector);
        let inst = match halves {
            [Some(low), Some(high)] if is_behind(high, low) => Inst::Load(v, self.near(low), WIDE as u8),
            _ => Inst::LoadHalves(v, halves.map(|half| half.map(|addr| self.near(addr)))),
        };
        self.push(inst);
        v
    }

    /// The halves of a wide vector to two addresses.
    pub fn store_halves(&mut self, v: V, [low, high]: [Addr; 2]) {
        let inst = match is_behind(high, low) {
            true => Inst::Store(v, self.near(low), WIDE as u8),
            false => Inst::StoreHalves(v, [low, high].map(|addr| self.near(addr))),
        };
        self.push(inst);
    }

    /// The lower half of a wide vector.
    pub fn lower(&mut self, a: V) -> V {
        let v = self.with_lanes(LANES, Builder::vector);
        self.push(Inst::Lower(v, a));
        v
    }

    /// The f32 at an address in every lane.
    pub fn broadcast(&mut self, addr: Addr) -> V {
        let v = self.vector();
        self.broadcast_to(v, addr);
        v
    }

    /// `v = the f32 at an address in every lane`
    pub fn broadcast_to(&mut self, v: V, addr: Addr) {
        let addr = self.near(addr);
        self.push(Inst::Broadcast(v, addr));
    }

    /// A constant in every lane.
    pub fn splat(&mut self, value: f32) -> V {
        self.splat_bits(value.to_bits())
    }

    /// A constant in every lane, by its bits.
    pub fn splat_bits(&mut self, bits: u32) -> V {
        let v = self.vector();
        self.push(Inst::Splat(v, bits));
        v
    }

    /// `v = a constant in every lane`
    pub fn splat_to(&mut self, v: V, value: f32) {
        self.push(Inst::Splat(v, value.to_bits()));
    }

    /// All ones in the first `lanes` of [`LANES`] lanes, zeros above.
    pub fn lane_mask(&mut self, lanes: usize) -> V {
        let v = self.with_lanes(LANES, Builder::vector);
        let bits = std::array::from_fn(|i| if i < lanes { u32::MAX } else { 0 });
        self.push(Inst::Const(v, bits));
        v
    }

    /// A copy of `a`.
    pub fn mov(&mut self, a: V) -> V {
        let v = self.like(a);
        self.mov_to(v, a);
        v
    }

    /// `v = a`
    pub fn mov_to(&mut self, v: V, a: V) {
        self.push(Inst::Mov(v, a));
    }

    /// The same operand, near if it lies in memory.
    fn operand(&mut self, b: Operand) -> Operand {
        if let Operand::Mem(addr) = b { Operand::Mem(self.near(addr)) } else { b }
    }

    /// `a op b` in a new register.
    pub fn bin(&mut self, op: Bin, a: V, b: impl Into<Operand>) -> V {
        let v = self.like(a);
        self.bin_to(op, v, a, b);
        v
    }

    /// `v = a op b`
    pub fn bin_to(&mut self, op: Bin, v: V, a: V, b: impl Into<Operand>) {
        let b = self.operand(b.into());
        self.push(Inst::Bin(op, v, a, b));
    }

    /// `op a` in a new register.
    pub fn un(&mut self, op: Un, a: V) -> V {
        let v = self.like(a);
        self.un_to(op, v, a);
        v
    }

    /// `v = op a`
    pub fn un_to(&mut self, op: Un, v: V, a: V) {
        self.push(Inst::Un(op, v, a));
    }

    /// `acc += a * b`, rounded once.
    pub fn fma(&mut self, acc: V, a: V, b: impl Into<Operand>) {
        let b = self.operand(b.into());
        self.push(Inst::Fma(acc, a, b));
    }

    /// `v = v * a + b`, rounded once: a step of Horner's rule.
    pub fn mul_add(&mut self, v: V, a: V, b: impl Into<Operand>) {
        let b = self.operand(b.into());
        self.push(Inst::MulAdd(v, a, b));
    }

    /// `mask ? a : b` in a new register.
    pub fn select(&mut self, mask: V, a: V, b: V) -> V {
        let v = self.like(a);
        self.push(Inst::Select(v, mask, a, b));
        v
    }

    /// Two lanes of `a`, then two of `b`, within each group of four.
    pub fn shuffle(&mut self, a: V, b: V, imm: u8) -> V {
        let v = self.like(a);
        self.push(Inst::Shuffle(v, a, b, imm));
        v
    }

    /// Two groups of four out of `a` and `b`.
    pub fn groups(&mut self, a: V, b: V, imm: u8) -> V {
        let v = self.like(a);
        self.push(Inst::Groups(v, a, b, imm));
        v
    }

    /// Asks for a cache line.
    pub fn prefetch(&mut self, addr: Addr) {
        let addr = self.near(addr);
        self.push(Inst::Prefetch(addr));
    }
}

/// Whether an address is that of the vector right behind another one.
fn is_behind(high: Addr, low: Addr) -> bool {
    low.disp + 4 * LANES as i64 == high.disp && Addr { disp: low.disp, ..high } == low
}
