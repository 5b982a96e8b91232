//! The vector assembler: the language in which kernels are written, once, for every instruction set.
//!
//! A [`Kernel`] is a leaf function `extern "sysv64" fn(args: *const u64, wide: u64)` without calls: straight code and
//! counted loops over mutable virtual registers. There are two kinds of register: [`V`], a vector of
//! [`LANES`] 32-bit lanes (f32, or i32 as the instruction says), or of [`WIDE`], and [`P`], a 64-bit pointer or
//! count. Two emitters turn a kernel into code: [`x64`] (AVX2 and FMA bytes, one `ymm` a vector; a kernel with wide
//! vectors takes AVX-512) and [`clif`] (128-bit CLIF values, two or four a vector, for every target Cranelift
//! knows). Both compute the same bits, so each is the other's oracle.
//!
//! ```text
//! kernel axpy(args) {
//!   p0 = arg 0                 // x
//!   p1 = arg 1                 // y
//!   v0 = splat 2.0
//!   loop 128 {
//!     v1 = load [p1]
//!     v1 = fma v1, v0, [p0]    // v1 += v0 * x
//!     store [p1], v1
//!     p0 = add p0, 32
//!     p1 = add p1, 32
//!   }
//! }
//! ```
//!
//! INVARIANT: a register is written before it is read on every path; a loop of 0 trips leaves registers as
//! they were. The language has no branches, calls or spills: what needs them belongs to the CLIF around the
//! kernels.

mod builder;
pub mod clif;
mod define;
pub mod footprint;
pub mod math;
mod print;
mod regalloc;
mod registers;
mod verify;
pub mod x64;

pub use builder::Builder;
pub use define::{EmitError, Emitter, MAX_FRAME, Size, define, signature};
pub use verify::verify;

/// Lanes of a vector register. A `ymm`, or a pair of 128-bit registers: in-lane shuffles work on groups of
/// four.
pub const LANES: usize = 8;

/// Bytes of such a vector.
pub const VECTOR: i64 = 4 * LANES as i64;

/// Lanes of a wide vector register: two vectors side by side, a `zmm`.
pub const WIDE: usize = 2 * LANES;

/// A virtual vector register of [`LANES`] or [`WIDE`] lanes of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct V {
    pub(crate) number: u32,
    pub(crate) is_wide: bool,
}

impl V {
    /// Its lanes.
    pub fn lanes(self) -> usize {
        if self.is_wide { WIDE } else { LANES }
    }
}

/// A virtual 64-bit integer register: an address or a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct P(pub(crate) u32);

/// An address: `base + index * scale + disp`, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Addr {
    /// Start of the object.
    pub base: P,
    /// An optional index and its scale: 1, 2, 4 or 8.
    pub index: Option<(P, u8)>,
    /// A constant offset. One that instructions cannot hold is added to the base by the [`Builder`].
    pub disp: i64,
}

impl Addr {
    /// Whether instructions can hold its offset, and that of every lane from there on.
    fn is_near(&self) -> bool {
        [self.disp, self.disp.saturating_add(4 * WIDE as i64)].iter().all(|&disp| i32::try_from(disp).is_ok())
    }
}

impl P {
    /// The address `self + disp`.
    pub fn at(self, disp: i64) -> Addr {
        Addr { base: self, index: None, disp }
    }

    /// The address `self + index * scale + disp`.
    pub fn indexed(self, index: P, scale: u8, disp: i64) -> Addr {
        Addr { base: self, index: Some((index, scale)), disp }
    }
}

/// The second operand of a vector instruction: a register, as many lanes in memory at any alignment, or a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A register.
    Reg(V),
    /// A full vector in memory.
    Mem(Addr),
    /// Every lane is this constant, given by its bits. It takes no register.
    Const(u32),
}

impl From<V> for Operand {
    fn from(v: V) -> Operand {
        Operand::Reg(v)
    }
}

impl From<Addr> for Operand {
    fn from(a: Addr) -> Operand {
        Operand::Mem(a)
    }
}

impl From<f32> for Operand {
    fn from(value: f32) -> Operand {
        Operand::Const(value.to_bits())
    }
}

/// Instructions of two vector operands, lane by lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bin {
    /// f32 sum.
    Add,
    /// f32 difference.
    Sub,
    /// f32 product.
    Mul,
    /// f32 quotient.
    Div,
    /// `a < b ? a : b`: the second operand when either is NaN or both are zeros, as SSE has it.
    Min,
    /// `a > b ? a : b`: the second operand when either is NaN or both are zeros, as SSE has it.
    Max,
    /// Bitwise and.
    And,
    /// Bitwise `!a & b`.
    AndNot,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Wrapping i32 sum.
    AddI,
    /// Wrapping i32 difference.
    SubI,
    /// All ones where `a < b` (ordered), else zero.
    Lt,
    /// All ones where `a <= b` (ordered), else zero.
    Le,
    /// All ones where `a == b` (ordered), else zero.
    Eq,
    /// All ones where either lane is NaN, else zero.
    Unordered,
    /// Lanes 0 and 1 of both, alternating, within each group of four: `a0 b0 a1 b1`.
    UnpackLo,
    /// Lanes 2 and 3 of both, alternating, within each group of four: `a2 b2 a3 b3`.
    UnpackHi,
}

/// Instructions of one vector operand, lane by lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Un {
    /// Square root.
    Sqrt,
    /// Nearest integer, ties to even, as f32.
    Round,
    /// Largest integer not above, as f32.
    Floor,
    /// f32 to i32, for integral values within range.
    ToInt,
    /// i32 to f32, rounded to nearest.
    ToFloat,
    /// i32 shifted left by a constant, zeros shifted in.
    Shl(u8),
    /// i32 shifted right by a constant, sign bits shifted in.
    Sar(u8),
    /// Within each group of four, lane `i` takes lane `(imm >> 2i) & 3`.
    Permute(u8),
    /// The two groups of four exchanged; of [`LANES`] lanes.
    SwapHalves,
}

/// How often a loop runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trips {
    /// A constant, at least 1.
    Imm(u64),
    /// The value of a register on entry, taken as unsigned; 0 skips the loop. The register itself is not
    /// changed.
    Reg(P),
}

impl From<u64> for Trips {
    fn from(n: u64) -> Trips {
        Trips::Imm(n)
    }
}

impl From<P> for Trips {
    fn from(p: P) -> Trips {
        Trips::Reg(p)
    }
}

/// One instruction. The first field is the result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Inst {
    /// `p = args[i]`
    Arg(P, u32),
    /// `p = constant`
    SetP(P, i64),
    /// `p = q`
    MovP(P, P),
    /// `p = q + constant`
    AddImm(P, P, i64),
    /// `p = q + r`
    AddP(P, P, P),
    /// `p = q - r`
    SubP(P, P, P),
    /// `p = q * constant`
    MulImm(P, P, i64),
    /// `p = 64-bit word at the address`
    LoadP(P, Addr),
    /// `p = the 32-bit word at the address, sign extended`
    LoadI32(P, Addr),
    /// `v = lanes in memory`; with a count n < [`LANES`], only n lanes are read and the others become zero.
    Load(V, Addr, u8),
    /// `lanes in memory = v`, the first n of them.
    Store(V, Addr, u8),
    /// The lower half of a wide `v` = [`LANES`] lanes at one address, the upper half those at another; without an
    /// address a half is zeros.
    LoadHalves(V, [Option<Addr>; 2]),
    /// [`LANES`] lanes at one address = the lower half of a wide `v`, those at another the upper half.
    StoreHalves(V, [Addr; 2]),
    /// `v` = the lower half of a wide register
    Lower(V, V),
    /// Every lane is the 32-bit word at the address.
    Broadcast(V, Addr),
    /// Every lane is this constant, given by its bits.
    Splat(V, u32),
    /// Each of [`LANES`] lanes its own constant.
    Const(V, [u32; LANES]),
    /// `v = w`
    Mov(V, V),
    /// `v = a op b`
    Bin(Bin, V, V, Operand),
    /// `v = op a`
    Un(Un, V, V),
    /// `v = v + a * b`, rounded once.
    Fma(V, V, Operand),
    /// `v = v * a + b`, rounded once.
    MulAdd(V, V, Operand),
    /// `v = mask ? a : b`, by lanes of all ones or zero.
    Select(V, V, V, V),
    /// Within each group of four: lanes 0, 1 from a and 2, 3 from b, picked by two bits each of the constant.
    Shuffle(V, V, V, u8),
    /// The four-lane groups `imm & 3` and `imm >> 4 & 3` of (a.low, a.high, b.low, b.high), each of [`LANES`] lanes.
    Groups(V, V, V, u8),
    /// Asks for the cache line at the address, to the second cache level; never faults.
    Prefetch(Addr),
    /// A counted loop.
    Loop(Trips, Vec<Inst>),
}

/// A kernel: a leaf function of the address of an array of 64-bit words, and whether its wide twin is to run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// The symbol it gets.
    pub name: String,
    /// Its instructions.
    pub body: Vec<Inst>,
    /// How many `V` there are, wide ones and others: all numbers below occur.
    pub vectors: u32,
    /// How many `P` there are.
    pub pointers: u32,
}

#[cfg(test)]
mod tests;
