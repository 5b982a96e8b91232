//! Kernels to x86-64 bytes: AVX2 and FMA, one `ymm` a vector, System V calling convention. A kernel with wide vectors
//! is written for AVX-512: one `zmm` a wide vector, and the registers of that.
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
//! Refuses kernels that need more than 16 vectors, 32 where there are wide ones, or 15 integers at once.

mod code;
mod forms;
mod text;
mod vectors;

use iced_x86::{Code, IcedError, Instruction, MemoryOperand, Register};

use super::regalloc::{Allocation, Hidden, Machine, allocate};
use super::registers::Reg;
use super::{Addr, EmitError, Inst, Kernel, P, Trips};
use code::Assembly;
pub use text::disassemble;

/// Integer registers by hardware number: `rdi`, where the arguments come in, then those free to use, then
/// those that belong to the caller. Never `rsp`.
const POINTERS: [u8; 15] = [7, 6, 2, 1, 0, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15];

/// Those of [`POINTERS`] that belong to the caller: `rbx`, `rbp`, `r12` to `r15`.
const CALLEE_SAVED: [u8; 6] = [3, 5, 12, 13, 14, 15];

const VECTORS: [u8; 32] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30, 31,
];

/// AVX2: half of the vectors, and masks of partial stores take one.
const AVX2: Machine =
    Machine { vectors: VECTORS.split_at(16).0, pointers: &POINTERS, hidden: hidden_with_mask };

/// AVX-512: masks have registers of their own.
const AVX512: Machine = Machine { vectors: &VECTORS, pointers: &POINTERS, hidden };

/// The register an instruction needs beside its operands, that of a mask apart.
fn hidden(inst: &Inst) -> Option<Hidden> {
    match inst {
        Inst::Loop(Trips::Imm(1), _) => None,
        Inst::Loop(..) => Some(Hidden::Pointer),
        Inst::AddImm(_, _, value) | Inst::MulImm(_, _, value) => {
            i32::try_from(*value).err().map(|_| Hidden::Pointer)
        }
        _ => None,
    }
}

/// The register an instruction needs beside its operands.
fn hidden_with_mask(inst: &Inst) -> Option<Hidden> {
    match inst {
        Inst::Store(_, _, 3 | 5 | 6 | 7) => Some(Hidden::Vector),
        _ => hidden(inst),
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
    let is_wide = has_wide(&kernel.body);
    let machine = if is_wide { &AVX512 } else { &AVX2 };
    let registers = allocate(kernel, machine)?;
    let mut saved = registers.used_pointers(machine);
    saved.retain(|r| CALLEE_SAVED.contains(r));
    let mut emit = Emit { code: Assembly::new(), registers, is_wide, next: 0 };
    let bytes = emit.function(&kernel.body, &saved).map(|()| emit.code.finish());
    let bytes =
        bytes.map_err(|e| EmitError::Refused { kernel: kernel.name.clone(), message: e.to_string() })?;
    Ok(Assembled { bytes, stack: 8 * saved.len() })
}

/// One function of two kernels that compute the same: where its second argument is not zero, the one with wide vectors.
pub fn choice(narrow: &Assembled, wide: &Assembled) -> Assembled {
    // test esi, esi; jne the wide one
    let mut bytes = vec![0x85, 0xf6, 0x0f, 0x85, 0, 0, 0, 0];
    let displacement = 4..bytes.len();
    bytes.extend(code::lead(bytes.len()));
    bytes.extend(&narrow.bytes);
    code::fill(&mut bytes);
    let distance = (bytes.len() - displacement.end) as i32;
    bytes[displacement].copy_from_slice(&distance.to_le_bytes());
    bytes.extend(&wide.bytes);
    Assembled { bytes, stack: narrow.stack.max(wide.stack) }
}

/// Whether any vector is wide.
fn has_wide(body: &[Inst]) -> bool {
    body.iter().any(|inst| match inst {
        Inst::Loop(_, body) => has_wide(body),
        _ => matches!(inst.result(), Some(Reg::V(v)) if v.is_wide),
    })
}

/// The walk over a kernel that writes its code, instruction by instruction.
struct Emit {
    code: Assembly,
    registers: Allocation,
    /// Whether instructions are those of AVX-512.
    is_wide: bool,
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
            Inst::Prefetch(a) => self.code.put(Instruction::with1(Code::Prefetcht1_m8, self.address(a))),
            Inst::Loop(..) => Ok(()),
            ref vector => self.vector(vector, hidden),
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

    // ---- operands

    fn p(&self, p: P) -> Register {
        self.registers.pointers[p.0 as usize].map_or(Register::None, gpr)
    }

    fn address(&self, a: Addr) -> MemoryOperand {
        let (index, scale) =
            a.index.map_or((Register::None, 1), |(index, scale)| (self.p(index), u32::from(scale)));
        let size = u32::from(a.disp != 0);
        MemoryOperand::with_base_index_scale_displ_size(self.p(a.base), index, scale, a.disp, size)
    }
}

fn gpr(number: u8) -> Register {
    Register::RAX + u32::from(number)
}
