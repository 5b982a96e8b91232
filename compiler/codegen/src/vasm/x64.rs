//! Kernels to x86-64 bytes: AVX2 and FMA, one `ymm` a vector, System V calling convention.
//!
//! ```text
//! push callee-saved registers in use
//! body, one or few instructions each; a counted loop ends in  dec counter; jnz head
//! vzeroupper; pop ...; ret
//! constants
//! ```
//!
//! INVARIANT: the bytes have no relocations, touch no memory but what the kernel names and its stack, and
//! call nothing.
//! Refuses kernels that need more than 16 vectors or 15 integers at once.

mod code;
mod text;

use iced_x86::{Code, IcedError, Instruction, MemoryOperand, Register};

use super::regalloc::{Allocation, Hidden, Machine, allocate};
use super::{Addr, Bin, EmitError, Inst, Kernel, LANES, Operand, P, Trips, Un, V};
use code::{Assembly, Constant};
pub use text::disassemble;

/// Integer registers by hardware number: `rdi`, where the arguments come in, then those free to use, then
/// those that belong to the caller. Never `rsp`.
const POINTERS: [u8; 15] = [7, 6, 2, 1, 0, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15];

/// Those of [`POINTERS`] that belong to the caller: `rbx`, `rbp`, `r12` to `r15`.
const CALLEE_SAVED: [u8; 6] = [3, 5, 12, 13, 14, 15];

const VECTORS: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const MACHINE: Machine = Machine { vectors: &VECTORS, pointers: &POINTERS, hidden };

/// The register an instruction needs beside its operands.
fn hidden(inst: &Inst) -> Option<Hidden> {
    match inst {
        Inst::Loop(Trips::Imm(1), _) => None,
        Inst::Loop(..) => Some(Hidden::Pointer),
        Inst::AddImm(_, _, value) | Inst::MulImm(_, _, value) => {
            i32::try_from(*value).err().map(|_| Hidden::Pointer)
        }
        Inst::Store(_, _, 3 | 5 | 6 | 7) => Some(Hidden::Vector),
        _ => None,
    }
}

/// A kernel's machine code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    /// The bytes, for any address that is a multiple of 32: the function, then its constants.
    pub bytes: Vec<u8>,
    /// Bytes of stack it takes, without the return address.
    pub stack: usize,
}

/// Turns a [verified](super::verify()) kernel into code.
///
/// # Errors
/// [`EmitError::TooManyRegisters`], or [`EmitError::Refused`] where an operand has no encoding.
pub fn assemble(kernel: &Kernel) -> Result<Assembled, EmitError> {
    let registers = allocate(kernel, &MACHINE)?;
    let mut saved = registers.used_pointers(&MACHINE);
    saved.retain(|r| CALLEE_SAVED.contains(r));
    let mut emit = Emit { code: Assembly::new(), registers, next: 0 };
    let bytes = emit.function(&kernel.body, &saved).map(|()| emit.code.finish());
    let bytes =
        bytes.map_err(|e| EmitError::Refused { kernel: kernel.name.clone(), message: e.to_string() })?;
    Ok(Assembled { bytes, stack: 8 * saved.len() })
}

/// The walk over a kernel that writes its code, instruction by instruction.
struct Emit {
    code: Assembly,
    registers: Allocation,
    /// The number of the next instruction, counted as the allocation counts.
    next: usize,
}

type Done = Result<(), IcedError>;

impl Emit {
    fn function(&mut self, body: &[Inst], saved: &[u8]) -> Done {
        for r in saved {
            self.code.put(Instruction::with1(Code::Push_r64, gpr(*r)))?;
        }
        self.block(body)?;
        self.code.put(Ok(Instruction::with(Code::VEX_Vzeroupper)))?;
        for r in saved.iter().rev() {
            self.code.put(Instruction::with1(Code::Pop_r64, gpr(*r)))?;
        }
        self.code.put(Ok(Instruction::with(Code::Retnq)))
    }

    fn block(&mut self, body: &[Inst]) -> Done {
        for inst in body {
            let hidden = self.registers.hidden[self.next];
            self.next += 1;
            match inst {
                Inst::Loop(trips, body) => self.repeat(*trips, body, hidden)?,
                _ => self.inst(inst, hidden)?,
            }
        }
        Ok(())
    }

    fn repeat(&mut self, trips: Trips, body: &[Inst], counter: Option<u8>) -> Done {
        let counter = counter.map(gpr);
        let mut skip = None;
        match (trips, counter) {
            (Trips::Imm(n), Some(counter)) => self.set(counter, n as i64)?,
            (Trips::Reg(p), Some(counter)) => {
                self.code.put(Instruction::with2(Code::Mov_r64_rm64, counter, self.p(p)))?;
                self.code.put(Instruction::with2(Code::Test_rm64_r64, counter, counter))?;
                skip = Some(self.code.jump_ahead_if_zero()?);
            }
            (_, None) => {}
        }
        let innermost = !body.iter().any(|inst| matches!(inst, Inst::Loop(..)));
        if counter.is_some() && innermost {
            self.code.align();
        }
        let head = self.code.here();
        self.block(body)?;
        self.next += 1;
        if let Some(counter) = counter {
            self.code.put(Instruction::with1(Code::Dec_rm64, counter))?;
            self.code.jump_back_unless_zero(head)?;
        }
        if let Some(skip) = skip {
            self.code.land(skip);
        }
        Ok(())
    }

    /// Everything but loops.
    fn inst(&mut self, inst: &Inst, hidden: Option<u8>) -> Done {
        match *inst {
            Inst::Arg(p, i) => {
                let word = MemoryOperand::with_base_displ(Register::RDI, 8 * i64::from(i));
                self.code.put(Instruction::with2(Code::Mov_r64_rm64, self.p(p), word))
            }
            Inst::SetP(p, value) => self.set(self.p(p), value),
            Inst::MovP(p, q) => self.copy(self.p(p), self.p(q)),
            Inst::AddImm(p, q, value) => self.add_constant(p, q, value, hidden),
            Inst::AddP(p, q, r) => {
                let sum = MemoryOperand::with_base_index(self.p(q), self.p(r));
                self.code.put(Instruction::with2(Code::Lea_r64_m, self.p(p), sum))
            }
            Inst::SubP(p, q, r) => self.subtract(self.p(p), self.p(q), self.p(r)),
            Inst::MulImm(p, q, value) => self.multiply_constant(p, q, value, hidden),
            Inst::LoadP(p, a) => {
                self.code.put(Instruction::with2(Code::Mov_r64_rm64, self.p(p), self.address(a)))
            }
            Inst::LoadI32(p, a) => {
                self.code.put(Instruction::with2(Code::Movsxd_r64_rm32, self.p(p), self.address(a)))
            }
            Inst::Load(v, a, n) => self.load(self.v(v), self.address(a), n),
            Inst::Store(v, a, n) => self.store(self.v(v), self.address(a), n, hidden),
            Inst::Broadcast(v, a) => {
                self.code.put(Instruction::with2(Code::VEX_Vbroadcastss_ymm_m32, self.v(v), self.address(a)))
            }
            Inst::Splat(v, 0) => {
                let v = self.v(v);
                self.code.put(Instruction::with3(Code::VEX_Vxorps_ymm_ymm_ymmm256, v, v, v))
            }
            Inst::Splat(v, bits) => {
                let v = self.v(v);
                let make = |m| Instruction::with2(Code::VEX_Vbroadcastss_ymm_m32, v, m);
                self.code.put_reading(Constant::Lane(bits), make)
            }
            Inst::Const(v, lanes) => self.set_lanes(self.v(v), lanes),
            Inst::Mov(v, a) if self.v(v) == self.v(a) => Ok(()),
            Inst::Mov(v, a) => {
                self.code.put(Instruction::with2(Code::VEX_Vmovaps_ymm_ymmm256, self.v(v), self.v(a)))
            }
            Inst::Bin(op, v, a, b) => {
                let (code, imm) = binary(op);
                self.three(code, self.v(v), self.v(a), b, imm)
            }
            Inst::Un(op, v, a) => self.unary(op, self.v(v), self.v(a)),
            Inst::Fma(v, a, b) => {
                self.three(Code::VEX_Vfmadd231ps_ymm_ymm_ymmm256, self.v(v), self.v(a), b, None)
            }
            Inst::MulAdd(v, a, b) => {
                self.three(Code::VEX_Vfmadd213ps_ymm_ymm_ymmm256, self.v(v), self.v(a), b, None)
            }
            Inst::Select(v, mask, a, b) => {
                let code = Code::VEX_Vblendvps_ymm_ymm_ymmm256_ymm;
                self.code.put(Instruction::with4(code, self.v(v), self.v(b), self.v(a), self.v(mask)))
            }
            Inst::Shuffle(v, a, b, imm) => {
                let code = Code::VEX_Vshufps_ymm_ymm_ymmm256_imm8;
                self.three(code, self.v(v), self.v(a), Operand::Reg(b), Some(imm))
            }
            Inst::Groups(v, a, b, imm) => {
                let code = Code::VEX_Vperm2f128_ymm_ymm_ymmm256_imm8;
                self.three(code, self.v(v), self.v(a), Operand::Reg(b), Some(imm))
            }
            Inst::Prefetch(a) => self.code.put(Instruction::with1(Code::Prefetcht1_m8, self.address(a))),
            Inst::Loop(..) => Ok(()),
        }
    }

    // ---- integers

    fn set(&mut self, p: Register, value: i64) -> Done {
        let low = p - Register::RAX as u32 + Register::EAX as u32;
        self.code.put(match (u32::try_from(value), i32::try_from(value)) {
            (Ok(0), _) => Instruction::with2(Code::Xor_r32_rm32, low, low),
            (Ok(value), _) => Instruction::with2(Code::Mov_r32_imm32, low, value),
            (_, Ok(value)) => Instruction::with2(Code::Mov_rm64_imm32, p, value),
            _ => Instruction::with2(Code::Mov_r64_imm64, p, value),
        })
    }

    fn copy(&mut self, p: Register, q: Register) -> Done {
        if p == q { Ok(()) } else { self.code.put(Instruction::with2(Code::Mov_r64_rm64, p, q)) }
    }

    fn add_constant(&mut self, p: P, q: P, value: i64, hidden: Option<u8>) -> Done {
        let (p, q) = (self.p(p), self.p(q));
        match hidden.map(gpr) {
            Some(wide) => {
                self.set(wide, value)?;
                self.code.put(Instruction::with2(Code::Lea_r64_m, p, MemoryOperand::with_base_index(q, wide)))
            }
            None if p == q => match i8::try_from(value) {
                Ok(_) => self.code.put(Instruction::with2(Code::Add_rm64_imm8, p, value as i32)),
                Err(_) => self.code.put(Instruction::with2(Code::Add_rm64_imm32, p, value as i32)),
            },
            None => self.code.put(Instruction::with2(
                Code::Lea_r64_m,
                p,
                MemoryOperand::with_base_displ(q, value),
            )),
        }
    }

    fn multiply_constant(&mut self, p: P, q: P, value: i64, hidden: Option<u8>) -> Done {
        let (p, q) = (self.p(p), self.p(q));
        match hidden.map(gpr) {
            Some(wide) => {
                self.set(wide, value)?;
                self.code.put(Instruction::with2(Code::Imul_r64_rm64, wide, q))?;
                self.copy(p, wide)
            }
            None => self.code.put(Instruction::with3(Code::Imul_r64_rm64_imm32, p, q, value as i32)),
        }
    }

    fn subtract(&mut self, p: Register, q: Register, r: Register) -> Done {
        if p == r {
            self.code.put(Instruction::with1(Code::Neg_rm64, p))?;
            return self.code.put(Instruction::with2(Code::Add_r64_rm64, p, q));
        }
        self.copy(p, q)?;
        self.code.put(Instruction::with2(Code::Sub_r64_rm64, p, r))
    }

    // ---- vectors

    fn set_lanes(&mut self, v: Register, lanes: [u32; LANES]) -> Done {
        let make = |m| Instruction::with2(Code::VEX_Vmovaps_ymm_ymmm256, v, m);
        self.code.put_reading(Constant::Vector(lanes), make)
    }

    fn load(&mut self, v: Register, from: MemoryOperand, lanes: u8) -> Done {
        let xmm = v - Register::YMM0 as u32 + Register::XMM0 as u32;
        let (code, v) = match lanes {
            1 => (Code::VEX_Vmovss_xmm_m32, xmm),
            2 => (Code::VEX_Vmovsd_xmm_m64, xmm),
            4 => (Code::VEX_Vmovups_xmm_xmmm128, xmm),
            8 => (Code::VEX_Vmovups_ymm_ymmm256, v),
            _ => {
                // The mask may stand in the result: it is read before that is written.
                self.set_lanes(v, lane_mask(lanes))?;
                return self.code.put(Instruction::with3(Code::VEX_Vmaskmovps_ymm_ymm_m256, v, v, from));
            }
        };
        self.code.put(Instruction::with2(code, v, from))
    }

    fn store(&mut self, v: Register, to: MemoryOperand, lanes: u8, hidden: Option<u8>) -> Done {
        let xmm = v - Register::YMM0 as u32 + Register::XMM0 as u32;
        if let Some(mask) = hidden.map(ymm) {
            self.set_lanes(mask, lane_mask(lanes))?;
            return self.code.put(Instruction::with3(Code::VEX_Vmaskmovps_m256_ymm_ymm, to, mask, v));
        }
        let (code, v) = match lanes {
            1 => (Code::VEX_Vmovss_m32_xmm, xmm),
            2 => (Code::VEX_Vmovsd_m64_xmm, xmm),
            4 => (Code::VEX_Vmovups_xmmm128_xmm, xmm),
            _ => (Code::VEX_Vmovups_ymmm256_ymm, v),
        };
        self.code.put(Instruction::with2(code, to, v))
    }

    fn unary(&mut self, op: Un, v: Register, a: Register) -> Done {
        self.code.put(match op {
            Un::Sqrt => Instruction::with2(Code::VEX_Vsqrtps_ymm_ymmm256, v, a),
            // Bit 3 keeps the precision exception out; 0 is to nearest even, 1 is down.
            Un::Round => Instruction::with3(Code::VEX_Vroundps_ymm_ymmm256_imm8, v, a, 0b1000),
            Un::Floor => Instruction::with3(Code::VEX_Vroundps_ymm_ymmm256_imm8, v, a, 0b1001),
            Un::ToInt => Instruction::with2(Code::VEX_Vcvttps2dq_ymm_ymmm256, v, a),
            Un::ToFloat => Instruction::with2(Code::VEX_Vcvtdq2ps_ymm_ymmm256, v, a),
            Un::Shl(n) => Instruction::with3(Code::VEX_Vpslld_ymm_ymm_imm8, v, a, i32::from(n)),
            Un::Sar(n) => Instruction::with3(Code::VEX_Vpsrad_ymm_ymm_imm8, v, a, i32::from(n)),
            Un::Permute(imm) => {
                Instruction::with3(Code::VEX_Vpermilps_ymm_ymmm256_imm8, v, a, i32::from(imm))
            }
            Un::SwapHalves => Instruction::with4(Code::VEX_Vperm2f128_ymm_ymm_ymmm256_imm8, v, a, a, 0x01),
        })
    }

    /// An instruction of three operands, the last of any kind, perhaps with a constant byte.
    fn three(&mut self, code: Code, v: Register, a: Register, b: Operand, imm: Option<u8>) -> Done {
        let of_memory = |m: MemoryOperand| match imm {
            Some(imm) => Instruction::with4(code, v, a, m, i32::from(imm)),
            None => Instruction::with3(code, v, a, m),
        };
        match (b, imm) {
            (Operand::Mem(b), _) => self.code.put(of_memory(self.address(b))),
            (Operand::Const(bits), _) => self.code.put_reading(Constant::Vector([bits; LANES]), of_memory),
            (Operand::Reg(b), Some(imm)) => {
                self.code.put(Instruction::with4(code, v, a, self.v(b), i32::from(imm)))
            }
            (Operand::Reg(b), None) => self.code.put(Instruction::with3(code, v, a, self.v(b))),
        }
    }

    // ---- operands

    /// The register of `v`. One that is never referenced has none, and no instruction to ask for it.
    fn v(&self, v: V) -> Register {
        self.registers.vectors[v.0 as usize].map_or(Register::None, ymm)
    }

    fn p(&self, p: P) -> Register {
        self.registers.pointers[p.0 as usize].map_or(Register::None, gpr)
    }

    fn address(&self, a: Addr) -> MemoryOperand {
        let (index, scale) =
            a.index.map_or((Register::None, 1), |(index, scale)| (self.p(index), u32::from(scale)));
        let size = u32::from(a.disp != 0);
        MemoryOperand::with_base_index_scale_displ_size(self.p(a.base), index, scale, i64::from(a.disp), size)
    }
}

fn gpr(number: u8) -> Register {
    Register::RAX + u32::from(number)
}

fn ymm(number: u8) -> Register {
    Register::YMM0 + u32::from(number)
}

/// All ones in the first `lanes` lanes.
fn lane_mask(lanes: u8) -> [u32; LANES] {
    std::array::from_fn(|i| if i < usize::from(lanes) { u32::MAX } else { 0 })
}

/// The instruction of an operation, and its constant byte if it takes one. Comparisons are ordered and quiet.
fn binary(op: Bin) -> (Code, Option<u8>) {
    const COMPARE: Code = Code::VEX_Vcmpps_ymm_ymm_ymmm256_imm8;
    match op {
        Bin::Add => (Code::VEX_Vaddps_ymm_ymm_ymmm256, None),
        Bin::Sub => (Code::VEX_Vsubps_ymm_ymm_ymmm256, None),
        Bin::Mul => (Code::VEX_Vmulps_ymm_ymm_ymmm256, None),
        Bin::Div => (Code::VEX_Vdivps_ymm_ymm_ymmm256, None),
        Bin::Min => (Code::VEX_Vminps_ymm_ymm_ymmm256, None),
        Bin::Max => (Code::VEX_Vmaxps_ymm_ymm_ymmm256, None),
        Bin::And => (Code::VEX_Vandps_ymm_ymm_ymmm256, None),
        Bin::AndNot => (Code::VEX_Vandnps_ymm_ymm_ymmm256, None),
        Bin::Or => (Code::VEX_Vorps_ymm_ymm_ymmm256, None),
        Bin::Xor => (Code::VEX_Vxorps_ymm_ymm_ymmm256, None),
        Bin::AddI => (Code::VEX_Vpaddd_ymm_ymm_ymmm256, None),
        Bin::SubI => (Code::VEX_Vpsubd_ymm_ymm_ymmm256, None),
        Bin::Lt => (COMPARE, Some(0x11)),
        Bin::Le => (COMPARE, Some(0x12)),
        Bin::Eq => (COMPARE, Some(0x00)),
        Bin::Unordered => (COMPARE, Some(0x03)),
        Bin::UnpackLo => (Code::VEX_Vunpcklps_ymm_ymm_ymmm256, None),
        Bin::UnpackHi => (Code::VEX_Vunpckhps_ymm_ymm_ymmm256, None),
    }
}
