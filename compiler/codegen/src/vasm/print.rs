//! The text form of kernels, as the [module](super) shows it. Print only: it is for dumps and errors.

use std::fmt::{Display, Formatter, Result};

use super::{Addr, Bin, Inst, Kernel, Operand, P, Trips, Un, V};

impl Display for Kernel {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "kernel {}(args) {{", self.name)?;
        block(f, &self.body, 1)?;
        writeln!(f, "}}")
    }
}

impl Display for Inst {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        inst(f, self, 0)
    }
}

fn block(f: &mut Formatter<'_>, body: &[Inst], depth: usize) -> Result {
    for i in body {
        write!(f, "{:1$}", "", 2 * depth)?;
        inst(f, i, depth)?;
        writeln!(f)?;
    }
    Ok(())
}

fn inst(f: &mut Formatter<'_>, inst: &Inst, depth: usize) -> Result {
    match inst {
        Inst::Arg(p, i) => write!(f, "{p} = arg {i}"),
        Inst::SetP(p, value) => write!(f, "{p} = {value}"),
        Inst::MovP(p, q) => write!(f, "{p} = {q}"),
        Inst::AddImm(p, q, value) => write!(f, "{p} = add {q}, {value}"),
        Inst::AddP(p, q, r) => write!(f, "{p} = add {q}, {r}"),
        Inst::SubP(p, q, r) => write!(f, "{p} = sub {q}, {r}"),
        Inst::MulImm(p, q, value) => write!(f, "{p} = mul {q}, {value}"),
        Inst::LoadP(p, a) => write!(f, "{p} = load64 {a}"),
        Inst::LoadI32(p, a) => write!(f, "{p} = load32 {a}"),
        Inst::Load(v, a, n) => write!(f, "{v} = load{} {a}", Lanes(*v, *n)),
        Inst::Store(v, a, n) => write!(f, "store{} {a}, {v}", Lanes(*v, *n)),
        Inst::LoadHalves(v, [low, high]) => write!(f, "{v} = load {}, {}", Half(low), Half(high)),
        Inst::StoreHalves(v, [low, high]) => write!(f, "store {low}, {high}, {v}"),
        Inst::Lower(v, a) => write!(f, "{v} = lower {a}"),
        Inst::Broadcast(v, a) => write!(f, "{v} = broadcast {a}"),
        Inst::Splat(v, bits) => write!(f, "{v} = splat {}", Bits(*bits)),
        Inst::Const(v, lanes) => {
            write!(f, "{v} = const [")?;
            for (i, bits) in lanes.iter().enumerate() {
                write!(f, "{}{}", if i == 0 { "" } else { ", " }, Bits(*bits))?;
            }
            write!(f, "]")
        }
        Inst::Mov(v, a) => write!(f, "{v} = {a}"),
        Inst::Bin(op, v, a, b) => write!(f, "{v} = {op} {a}, {b}"),
        Inst::Un(op, v, a) => match op {
            Un::Shl(n) | Un::Sar(n) | Un::Permute(n) => write!(f, "{v} = {op} {a}, {n}"),
            _ => write!(f, "{v} = {op} {a}"),
        },
        Inst::Fma(v, a, b) => write!(f, "{v} = fma {v}, {a}, {b}"),
        Inst::MulAdd(v, a, b) => write!(f, "{v} = mul_add {v}, {a}, {b}"),
        Inst::Select(v, mask, a, b) => write!(f, "{v} = select {mask}, {a}, {b}"),
        Inst::Shuffle(v, a, b, imm) => write!(f, "{v} = shuffle {a}, {b}, {imm:#04x}"),
        Inst::Groups(v, a, b, imm) => write!(f, "{v} = groups {a}, {b}, {imm:#04x}"),
        Inst::Prefetch(a) => write!(f, "prefetch {a}"),
        Inst::Loop(trips, body) => {
            match trips {
                Trips::Imm(n) => writeln!(f, "loop {n} {{")?,
                Trips::Reg(p) => writeln!(f, "loop {p} {{")?,
            }
            block(f, body, depth + 1)?;
            write!(f, "{:1$}}}", "", 2 * depth)
        }
    }
}

/// The suffix of a partial load or store; empty for a full one.
struct Lanes(V, u8);

impl Display for Lanes {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if usize::from(self.1) == self.0.lanes() { Ok(()) } else { write!(f, ".{}", self.1) }
    }
}

/// Half of a vector in memory.
struct Half<'a>(&'a Option<Addr>);

impl Display for Half<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0 {
            Some(a) => write!(f, "{a}"),
            None => write!(f, "0"),
        }
    }
}

/// A constant lane: as the f32 it is, or as bits where that is a NaN, a denormal or an oddly long number.
struct Bits(u32);

impl Display for Bits {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let value = f32::from_bits(self.0);
        let text = format!("{value:?}");
        let plain = value == 0.0 || (value.is_normal() && text.len() <= 12);
        if plain { write!(f, "{text}") } else { write!(f, "{:#010x}", self.0) }
    }
}

impl Display for V {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}{}", if self.is_wide { 'w' } else { 'v' }, self.number)
    }
}

impl Display for P {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "p{}", self.0)
    }
}

impl Display for Addr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "[{}", self.base)?;
        match self.index {
            Some((index, 1)) => write!(f, " + {index}")?,
            Some((index, scale)) => write!(f, " + {index}*{scale}")?,
            None => {}
        }
        match self.disp {
            0 => {}
            disp if disp < 0 => write!(f, " - {}", disp.unsigned_abs())?,
            disp => write!(f, " + {disp}")?,
        }
        write!(f, "]")
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Operand::Reg(v) => write!(f, "{v}"),
            Operand::Mem(a) => write!(f, "{a}"),
            Operand::Const(bits) => write!(f, "{}", Bits(*bits)),
        }
    }
}

impl Display for Bin {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Bin::Add => "add",
            Bin::Sub => "sub",
            Bin::Mul => "mul",
            Bin::Div => "div",
            Bin::Min => "min",
            Bin::Max => "max",
            Bin::And => "and",
            Bin::AndNot => "and_not",
            Bin::Or => "or",
            Bin::Xor => "xor",
            Bin::AddI => "add_i",
            Bin::SubI => "sub_i",
            Bin::Lt => "lt",
            Bin::Le => "le",
            Bin::Eq => "eq",
            Bin::Unordered => "unordered",
            Bin::UnpackLo => "unpack_lo",
            Bin::UnpackHi => "unpack_hi",
        })
    }
}

impl Display for Un {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Un::Sqrt => "sqrt",
            Un::Round => "round",
            Un::Floor => "floor",
            Un::ToInt => "to_int",
            Un::ToFloat => "to_float",
            Un::Shl(_) => "shl",
            Un::Sar(_) => "sar",
            Un::Permute(_) => "permute",
            Un::SwapHalves => "swap_halves",
        })
    }
}
