//! Pointwise functions on a vector register: the stages of a pipe, wherever they run.

use crate::vasm::math::{self, Function};
use crate::vasm::{Addr, Bin, Builder, LANES, Operand, Un, V};

/// Where the second operand of a pointwise function lies, seen from one vector of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The same number everywhere, by its bits.
    Constant(u32),
    /// The vector at the same place of another tensor, whose address is the argument of that index.
    Same(u32),
    /// A vector that belongs to the channel block, at the argument of that index.
    Channel(u32),
    /// One number for the whole unit, at the argument of that index.
    Scalar(u32),
}

/// The functions of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// x + y
    Add,
    /// x - y
    Sub,
    /// y - x
    SubFrom,
    /// x * y
    Mul,
    /// x / y
    Div,
    /// y / x
    DivInto,
    /// x > y ? x : y, NaN where either is one
    Max,
    /// x < y ? x : y, NaN where either is one
    Min,
    /// 0 > x ? y * x : x
    Prelu,
    /// x^y
    Pow,
    /// y^x
    PowOf,
}

/// A function applied to each lane; reals are held by their bits so that equal kernels are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pointwise {
    /// 0 > x ? 0 : x
    Relu,
    /// min(max(x, lo), hi), NaN kept
    Clip(u32, u32),
    /// x < 0 ? alpha * x : x
    LeakyRelu(u32),
    /// x < 0 ? alpha * (e^x - 1) : x
    Elu(u32),
    /// A function that takes many instructions.
    Function(Function),
    /// |x|
    Abs,
    /// -x
    Neg,
    /// 1 where x > 0, -1 where x < 0, else x
    Sign,
    /// The greatest integer not above.
    Floor,
    /// The least integer not below.
    Ceil,
    /// The nearest integer, ties to even.
    Round,
    /// square root
    Sqrt,
    /// 1 / sqrt(x + eps)
    Rsqrt(u32),
    /// A function of x and another operand.
    Binary(Binary, Source),
}

/// Gives the operand of a [`Source`] that lies in memory.
pub(crate) type Fetch<'a> = dyn FnMut(&mut Builder, Source) -> Operand + 'a;

impl Pointwise {
    /// Whether it needs more registers than a full register tile leaves.
    pub fn is_heavy(&self) -> bool {
        matches!(
            self,
            Pointwise::Elu(_)
                | Pointwise::Function(_)
                | Pointwise::Sign
                | Pointwise::Binary(Binary::Pow | Binary::PowOf, _)
        )
    }

    /// Where its second operand lies.
    pub fn source(&self) -> Option<Source> {
        match self {
            Pointwise::Binary(_, source) => Some(*source),
            _ => None,
        }
    }

    /// Applies it to a register.
    pub(crate) fn apply(&self, k: &mut Builder, x: V, fetch: &mut Fetch) {
        match *self {
            Pointwise::Relu => {
                let zero = k.splat(0.0);
                k.bin_to(Bin::Max, x, zero, x);
            }
            Pointwise::Clip(lo, hi) => {
                // The operand order keeps NaN: the second operand wins when either is one.
                let bound = k.splat_bits(lo);
                k.bin_to(Bin::Max, x, bound, x);
                let bound = k.splat_bits(hi);
                k.bin_to(Bin::Min, x, bound, x);
            }
            Pointwise::LeakyRelu(alpha) => {
                let zero = k.splat(0.0);
                let negative = k.bin(Bin::Lt, x, zero);
                let alpha = k.splat_bits(alpha);
                let scaled = k.bin(Bin::Mul, x, alpha);
                select_to(k, x, negative, scaled);
            }
            Pointwise::Function(function) => {
                let y = function.write(k, x);
                k.mov_to(x, y);
            }
            Pointwise::Abs => k.bin_to(Bin::And, x, x, Operand::Const(0x7fff_ffff)),
            Pointwise::Neg => k.bin_to(Bin::Xor, x, x, SIGN),
            Pointwise::Sign => {
                let zero = k.splat(0.0);
                let is_positive = k.bin(Bin::Lt, zero, x);
                let is_negative = k.bin(Bin::Lt, x, zero);
                let one = k.splat(1.0);
                select_to(k, x, is_positive, one);
                let minus = k.splat(-1.0);
                select_to(k, x, is_negative, minus);
            }
            Pointwise::Floor => k.un_to(Un::Floor, x, x),
            Pointwise::Ceil => {
                k.bin_to(Bin::Xor, x, x, SIGN);
                k.un_to(Un::Floor, x, x);
                k.bin_to(Bin::Xor, x, x, SIGN);
            }
            Pointwise::Round => k.un_to(Un::Round, x, x),
            Pointwise::Elu(alpha) => {
                let e = math::exp_m1(k, x);
                let alpha = k.splat_bits(alpha);
                let scaled = k.bin(Bin::Mul, e, alpha);
                let zero = k.splat(0.0);
                let negative = k.bin(Bin::Lt, x, zero);
                select_to(k, x, negative, scaled);
            }
            Pointwise::Sqrt => k.un_to(Un::Sqrt, x, x),
            Pointwise::Rsqrt(eps) => {
                let eps = k.splat_bits(eps);
                k.bin_to(Bin::Add, x, x, eps);
                k.un_to(Un::Sqrt, x, x);
                let one = k.splat(1.0);
                k.bin_to(Bin::Div, x, one, x);
            }
            Pointwise::Binary(op, source) => {
                let y = match source {
                    Source::Constant(bits) => Operand::Const(bits),
                    _ => fetch(k, source),
                };
                op.apply(k, x, y);
            }
        }
    }
}

impl Binary {
    fn apply(self, k: &mut Builder, x: V, y: Operand) {
        let (op, swapped) = match self {
            Binary::Add => (Bin::Add, false),
            Binary::Sub => (Bin::Sub, false),
            Binary::SubFrom => (Bin::Sub, true),
            Binary::Mul => (Bin::Mul, false),
            Binary::Div => (Bin::Div, false),
            Binary::DivInto => (Bin::Div, true),
            Binary::Max => return greatest(k, Bin::Max, x, y),
            Binary::Min => return greatest(k, Bin::Min, x, y),
            Binary::Prelu => {
                let zero = k.splat(0.0);
                let negative = k.bin(Bin::Lt, x, zero);
                let scaled = k.bin(Bin::Mul, x, y);
                return select_to(k, x, negative, scaled);
            }
            Binary::Pow | Binary::PowOf => {
                let y = register(k, y);
                let (base, exponent) = if self == Binary::Pow { (x, y) } else { (y, x) };
                let power = math::pow(k, base, exponent);
                return k.mov_to(x, power);
            }
        };
        if !swapped {
            return k.bin_to(op, x, x, y);
        }
        let y = register(k, y);
        k.bin_to(op, x, y, x);
    }
}

const SIGN: Operand = Operand::Const(0x8000_0000);

/// An operand in a register.
fn register(k: &mut Builder, operand: Operand) -> V {
    match operand {
        Operand::Reg(y) => y,
        Operand::Mem(addr) => k.load(addr),
        Operand::Const(bits) => k.splat_bits(bits),
    }
}

/// `x = x op y`, of which the instruction gives y where x is NaN.
fn greatest(k: &mut Builder, op: Bin, x: V, y: Operand) {
    let nan = k.bin(Bin::Unordered, x, x);
    k.bin_to(op, x, x, y);
    k.bin_to(Bin::Or, x, x, nan);
}

/// `x = mask ? y : x`
fn select_to(k: &mut Builder, x: V, mask: V, y: V) {
    let chosen = k.select(mask, y, x);
    k.mov_to(x, chosen);
}

/// The operand at an address, of which only `lanes` lanes exist.
pub(crate) fn operand(k: &mut Builder, addr: Addr, lanes: usize) -> Operand {
    if lanes < LANES { Operand::Reg(k.load_lanes(addr, lanes)) } else { Operand::Mem(addr) }
}
