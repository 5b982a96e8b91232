//! Vector instructions as x86-64 code.
//!
//! AVX-512 differs from AVX2 where masks are concerned, which have registers of their own: a comparison makes one and
//! spreads it over lanes, a choice gathers it from them, and loads and stores of some lanes take one from memory.

use iced_x86::{Code, IcedError, Instruction, MemoryOperand, Register};

use super::super::{Addr, Bin, Inst, LANES, Operand, Un, V};
use super::code::Constant;
use super::forms::{self, Form, Forms};
use super::{Done, Emit};

/// The mask register in use from one instruction to the next.
const MASK: Register = Register::K1;

impl Emit {
    /// A vector instruction.
    pub(super) fn vector(&mut self, inst: &Inst, hidden: Option<u8>) -> Done {
        match *inst {
            Inst::Load(v, a, n) => self.load(v, self.address(a), n),
            Inst::Store(v, a, n) => self.store(v, self.address(a), n, hidden),
            Inst::LoadHalves(v, halves) => self.load_halves(v, halves),
            Inst::StoreHalves(v, [low, high]) => {
                let (v, ymm) = (self.v(v), self.half(v));
                self.code.put(Instruction::with2(forms::STORE.code(Form::Ymm), self.address(low), ymm))?;
                let code = Code::EVEX_Vextractf32x8_ymmm256_k1z_zmm_imm8;
                self.code.put(Instruction::with3(code, self.address(high), v, 1))
            }
            Inst::Lower(v, a) => {
                self.code.put(Instruction::with2(self.code_of(forms::MOVE, v), self.v(v), self.half(a)))
            }
            Inst::Broadcast(v, a) => self.put2(self.code_of(forms::BROADCAST, v), self.v(v), self.address(a)),
            Inst::Splat(v, 0) => {
                let (code, v) = (self.code_of(forms::XOR, v), self.v(v));
                self.code.put(Instruction::with3(code, v, v, v))
            }
            Inst::Splat(v, bits) => {
                let (code, v) = (self.code_of(forms::BROADCAST, v), self.v(v));
                self.code.put_reading(Constant::Lane(bits), |m| Instruction::with2(code, v, m))
            }
            Inst::Const(v, lanes) => self.set_lanes(self.code_of(forms::LOAD, v), self.v(v), lanes),
            Inst::Mov(v, a) if self.v(v) == self.v(a) => Ok(()),
            Inst::Mov(v, a) => {
                self.code.put(Instruction::with2(self.code_of(forms::MOVE, v), self.v(v), self.v(a)))
            }
            Inst::Bin(op, v, a, b) => self.binary(op, v, a, b),
            Inst::Un(op, v, a) => self.unary(op, v, a),
            Inst::Fma(v, a, b) => self.three(forms::FMA, v, a, b),
            Inst::MulAdd(v, a, b) => self.three(forms::MUL_ADD, v, a, b),
            Inst::Select(v, mask, a, b) => self.select(v, mask, a, b),
            Inst::Shuffle(v, a, b, imm) => {
                let code = self.code_of(forms::SHUFFLE, v);
                self.code.put(Instruction::with4(code, self.v(v), self.v(a), self.v(b), i32::from(imm)))
            }
            Inst::Groups(v, a, b, imm) => self.groups(v, a, b, imm),
            // The others are no vector instructions.
            _ => Ok(()),
        }
    }

    /// The encoding for a register of the kernel.
    fn form(&self, v: V) -> Form {
        match (self.is_wide, v.is_wide) {
            (false, _) => Form::Avx2,
            (true, false) => Form::Ymm,
            (true, true) => Form::Zmm,
        }
    }

    fn code_of(&self, forms: Forms, v: V) -> Code {
        forms.code(self.form(v))
    }

    fn put2(&mut self, code: Code, v: Register, from: MemoryOperand) -> Done {
        self.code.put(Instruction::with2(code, v, from))
    }

    /// Loads a vector of constants.
    fn set_lanes(&mut self, code: Code, v: Register, lanes: [u32; LANES]) -> Done {
        self.code.put_reading(Constant::Vector(lanes), |m| Instruction::with2(code, v, m))
    }

    /// The mask of the first `lanes` lanes into [`MASK`].
    fn mask(&mut self, lanes: u8) -> Done {
        let make = |m| Instruction::with2(Code::VEX_Kmovw_kr_km16, MASK, m);
        self.code.put_reading(Constant::Lane((1 << lanes) - 1), make)
    }

    fn load(&mut self, v: V, from: MemoryOperand, lanes: u8) -> Done {
        let code = self.code_of(forms::LOAD, v);
        let (ymm, xmm) = (self.v(v), self.quarter(v));
        match (self.form(v), lanes) {
            _ if usize::from(lanes) == v.lanes() => self.put2(code, ymm, from),
            (Form::Avx2, 1) => self.put2(Code::VEX_Vmovss_xmm_m32, xmm, from),
            (Form::Avx2, 2) => self.put2(Code::VEX_Vmovsd_xmm_m64, xmm, from),
            (Form::Avx2, 4) => self.put2(Code::VEX_Vmovups_xmm_xmmm128, xmm, from),
            (Form::Avx2, _) => {
                // The mask may stand in the result: it is read before that is written.
                self.set_lanes(forms::MOVE.code(Form::Avx2), ymm, lane_mask(lanes))?;
                self.code.put(Instruction::with3(Code::VEX_Vmaskmovps_ymm_ymm_m256, ymm, ymm, from))
            }
            _ => {
                self.mask(lanes)?;
                self.code.put(masked(Instruction::with2(code, ymm, from), true))
            }
        }
    }

    fn load_halves(&mut self, v: V, [low, high]: [Option<Addr>; 2]) -> Done {
        let (zmm, ymm) = (self.v(v), self.half(v));
        match (low, high) {
            (Some(low), Some(high)) if low == high => {
                return self.put2(Code::EVEX_Vbroadcastf32x8_zmm_k1z_m256, zmm, self.address(low));
            }
            // What is written to the lower half makes the upper one zeros.
            (Some(low), _) => self.put2(forms::LOAD.code(Form::Ymm), ymm, self.address(low))?,
            (None, _) => self.code.put(Instruction::with3(forms::XOR.code(Form::Ymm), ymm, ymm, ymm))?,
        }
        let Some(high) = high else { return Ok(()) };
        let code = Code::EVEX_Vinsertf32x8_zmm_k1z_zmm_ymmm256_imm8;
        self.code.put(Instruction::with4(code, zmm, zmm, self.address(high), 1))
    }

    fn store(&mut self, v: V, to: MemoryOperand, lanes: u8, hidden: Option<u8>) -> Done {
        let code = self.code_of(forms::STORE, v);
        let (ymm, xmm) = (self.v(v), self.quarter(v));
        let (code, v) = match (self.form(v), lanes) {
            _ if usize::from(lanes) == v.lanes() => (code, ymm),
            (Form::Avx2, 1) => (Code::VEX_Vmovss_m32_xmm, xmm),
            (Form::Avx2, 2) => (Code::VEX_Vmovsd_m64_xmm, xmm),
            (Form::Avx2, 4) => (Code::VEX_Vmovups_xmmm128_xmm, xmm),
            (Form::Avx2, _) => {
                let mask = hidden.map_or(Register::None, |number| Register::YMM0 + u32::from(number));
                self.set_lanes(forms::MOVE.code(Form::Avx2), mask, lane_mask(lanes))?;
                return self.code.put(Instruction::with3(Code::VEX_Vmaskmovps_m256_ymm_ymm, to, mask, ymm));
            }
            _ => {
                self.mask(lanes)?;
                return self.code.put(masked(Instruction::with2(code, to, ymm), false));
            }
        };
        self.code.put(Instruction::with2(code, to, v))
    }

    fn unary(&mut self, op: Un, v: V, a: V) -> Done {
        let (forms, imm) = match op {
            Un::Sqrt => (forms::SQRT, None),
            // Bit 3 keeps the precision exception out; 0 is to nearest even, 1 is down.
            Un::Round => (forms::ROUND, Some(0b1000)),
            Un::Floor => (forms::ROUND, Some(0b1001)),
            Un::ToInt => (forms::TO_INT, None),
            Un::ToFloat => (forms::TO_FLOAT, None),
            Un::Shl(n) => (forms::SHL, Some(n)),
            Un::Sar(n) => (forms::SAR, Some(n)),
            Un::Permute(imm) => (forms::PERMUTE, Some(imm)),
            Un::SwapHalves => return self.groups(v, a, a, 0x01),
        };
        let (code, v, a) = (self.code_of(forms, v), self.v(v), self.v(a));
        self.code.put(match imm {
            Some(imm) => Instruction::with3(code, v, a, i32::from(imm)),
            None => Instruction::with2(code, v, a),
        })
    }

    fn binary(&mut self, op: Bin, v: V, a: V, b: Operand) -> Done {
        let forms = match op {
            Bin::Add => forms::ADD,
            Bin::Sub => forms::SUB,
            Bin::Mul => forms::MUL,
            Bin::Div => forms::DIV,
            Bin::Min => forms::MIN,
            Bin::Max => forms::MAX,
            Bin::And => forms::AND,
            Bin::AndNot => forms::AND_NOT,
            Bin::Or => forms::OR,
            Bin::Xor => forms::XOR,
            Bin::AddI => forms::ADD_I,
            Bin::SubI => forms::SUB_I,
            Bin::UnpackLo => forms::UNPACK_LO,
            Bin::UnpackHi => forms::UNPACK_HI,
            // Ordered and quiet.
            Bin::Lt => return self.compare(v, a, b, 0x11),
            Bin::Le => return self.compare(v, a, b, 0x12),
            Bin::Eq => return self.compare(v, a, b, 0x00),
            Bin::Unordered => return self.compare(v, a, b, 0x03),
        };
        self.three(forms, v, a, b)
    }

    /// An instruction of three operands, the last of any kind.
    fn three(&mut self, forms: Forms, v: V, a: V, b: Operand) -> Done {
        let (code, form, v, a) = (self.code_of(forms, v), self.form(v), self.v(v), self.v(a));
        match b {
            Operand::Mem(b) => self.code.put(Instruction::with3(code, v, a, self.address(b))),
            Operand::Reg(b) => self.code.put(Instruction::with3(code, v, a, self.v(b))),
            Operand::Const(bits) => {
                let (constant, spread) = constant(form, bits);
                self.code.put_reading(constant, |m| spread(Instruction::with3(code, v, a, m)))
            }
        }
    }

    fn compare(&mut self, v: V, a: V, b: Operand, predicate: i32) -> Done {
        let (code, form, a) = (self.code_of(forms::COMPARE, v), self.form(v), self.v(a));
        let to = if form == Form::Avx2 { self.v(v) } else { MASK };
        match b {
            Operand::Mem(b) => self.code.put(Instruction::with4(code, to, a, self.address(b), predicate))?,
            Operand::Reg(b) => self.code.put(Instruction::with4(code, to, a, self.v(b), predicate))?,
            Operand::Const(bits) => {
                let (constant, spread) = constant(form, bits);
                let make = |m| spread(Instruction::with4(code, to, a, m, predicate));
                self.code.put_reading(constant, make)?;
            }
        }
        let code = match form {
            Form::Avx2 => return Ok(()),
            Form::Ymm => Code::EVEX_Vpmovm2d_ymm_kr,
            Form::Zmm => Code::EVEX_Vpmovm2d_zmm_kr,
        };
        self.code.put(Instruction::with2(code, self.v(v), MASK))
    }

    fn select(&mut self, v: V, mask: V, a: V, b: V) -> Done {
        let form = self.form(v);
        let (v, mask, a, b) = (self.v(v), self.v(mask), self.v(a), self.v(b));
        let (gather, blend) = match form {
            Form::Avx2 => {
                let code = Code::VEX_Vblendvps_ymm_ymm_ymmm256_ymm;
                return self.code.put(Instruction::with4(code, v, b, a, mask));
            }
            Form::Ymm => (Code::EVEX_Vpmovd2m_kr_ymm, Code::EVEX_Vblendmps_ymm_k1z_ymm_ymmm256b32),
            Form::Zmm => (Code::EVEX_Vpmovd2m_kr_zmm, Code::EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32),
        };
        self.code.put(Instruction::with2(gather, MASK, mask))?;
        self.code.put(masked(Instruction::with3(blend, v, b, a), false))
    }

    /// Two of the groups of four of `a` and `b`.
    fn groups(&mut self, v: V, a: V, b: V, imm: u8) -> Done {
        let (form, v, a, b) = (self.form(v), self.v(v), self.v(a), self.v(b));
        if form == Form::Avx2 {
            let code = Code::VEX_Vperm2f128_ymm_ymm_ymmm256_imm8;
            return self.code.put(Instruction::with4(code, v, a, b, i32::from(imm)));
        }
        // The low group is taken from the first register, the high one from the second.
        let from = |group: u8| if group & 2 == 0 { a } else { b };
        let (low, high) = (imm & 3, imm >> 4 & 3);
        let halves = i32::from(low & 1 | (high & 1) << 1);
        let code = Code::EVEX_Vshuff32x4_ymm_k1z_ymm_ymmm256b32_imm8;
        self.code.put(Instruction::with4(code, v, from(low), from(high), halves))
    }

    // ---- registers

    /// The register of `v`. One that is never referenced has none, and no instruction to ask for it.
    fn v(&self, v: V) -> Register {
        self.register(v, if v.is_wide { Register::ZMM0 } else { Register::YMM0 })
    }

    /// Its lower [`LANES`] lanes.
    fn half(&self, v: V) -> Register {
        self.register(v, Register::YMM0)
    }

    /// Its lowest four lanes.
    fn quarter(&self, v: V) -> Register {
        self.register(v, Register::XMM0)
    }

    fn register(&self, v: V, first: Register) -> Register {
        self.registers.vectors[v.number as usize].map_or(Register::None, |number| first + u32::from(number))
    }
}

/// An instruction on the lanes of [`MASK`]; the others become zero or stay as they are.
fn masked(instruction: Result<Instruction, IcedError>, zeroing: bool) -> Result<Instruction, IcedError> {
    let mut instruction = instruction?;
    instruction.set_op_mask(MASK);
    instruction.set_zeroing_masking(zeroing);
    Ok(instruction)
}

/// Makes of an instruction one that reads one lane of memory for all.
type Spread = fn(Result<Instruction, IcedError>) -> Result<Instruction, IcedError>;

/// A constant in every lane as an operand in memory: AVX-512 spreads one lane itself.
fn constant(form: Form, bits: u32) -> (Constant, Spread) {
    match form {
        Form::Avx2 => (Constant::Vector([bits; LANES]), |instruction| instruction),
        Form::Ymm | Form::Zmm => (Constant::Lane(bits), |instruction| {
            let mut instruction = instruction?;
            instruction.set_is_broadcast(true);
            Ok(instruction)
        }),
    }
}

/// All ones in the first `lanes` lanes.
fn lane_mask(lanes: u8) -> [u32; LANES] {
    std::array::from_fn(|i| if i < usize::from(lanes) { u32::MAX } else { 0 })
}
