//! Machine code under construction: encoded instructions, jumps, and the constants behind them.
//!
//! ```text
//! code | padding | 32-byte constants | 4-byte constants
//! ```
//!
//! Constants are addressed relative to the instruction pointer, so the bytes run at any address that is a
//! multiple of [`ALIGN`]. Equal constants are kept once.

use std::collections::HashMap;

use iced_x86::{Code, Encoder, IcedError, Instruction, MemoryOperand, Register};

use super::super::LANES;

/// Alignment the finished bytes ask for.
const ALIGN: usize = 32;

/// The longest jump back that has the short form: its own two bytes count.
const SHORT: usize = 128;

/// No-operations of 1 to 9 bytes, as the processor manuals recommend.
const NOPS: [&[u8]; 9] = [
    &[0x90],
    &[0x66, 0x90],
    &[0x0f, 0x1f, 0x00],
    &[0x0f, 0x1f, 0x40, 0x00],
    &[0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
    &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/// The instruction that traps.
const TRAP: u8 = 0xcc;

/// Fills bytes that nothing runs into up to a multiple of [`ALIGN`].
pub(super) fn fill(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(ALIGN), TRAP);
}

/// No-operations that lead from `len` bytes to the next multiple of [`ALIGN`].
pub(super) fn lead(len: usize) -> impl Iterator<Item = u8> {
    let missing = len.next_multiple_of(ALIGN) - len;
    let longest = std::iter::repeat_n(NOPS[NOPS.len() - 1], missing / NOPS.len());
    let last = (missing % NOPS.len()).checked_sub(1).map(|i| NOPS[i]);
    longest.chain(last).flatten().copied()
}

/// A constant in memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Constant {
    /// A full vector, aligned.
    Vector([u32; LANES]),
    /// One lane.
    Lane(u32),
}

impl Constant {
    fn lanes(&self) -> impl Iterator<Item = &u32> {
        match self {
            Constant::Vector(lanes) => lanes.iter(),
            Constant::Lane(bits) => std::slice::from_ref(bits).iter(),
        }
    }
}

/// A jump ahead whose target is not known yet.
#[must_use]
pub(super) struct Ahead(usize);

/// Four bytes of an instruction that count from its end to a target.
struct Patch<T> {
    at: usize,
    end: usize,
    target: T,
}

/// The code written so far.
pub(super) struct Assembly {
    encoder: Encoder,
    len: usize,
    jumps: Vec<Patch<usize>>,
    reads: Vec<Patch<Constant>>,
}

impl Assembly {
    pub(super) fn new() -> Assembly {
        Assembly { encoder: Encoder::new(64), len: 0, jumps: Vec::new(), reads: Vec::new() }
    }

    /// Appends an instruction.
    pub(super) fn put(&mut self, instruction: Result<Instruction, IcedError>) -> Result<(), IcedError> {
        self.len += self.encoder.encode(&instruction?, self.len as u64)?;
        Ok(())
    }

    /// Appends the instruction that `make` gives for the place of a constant.
    pub(super) fn put_reading(
        &mut self,
        constant: Constant,
        make: impl FnOnce(MemoryOperand) -> Result<Instruction, IcedError>,
    ) -> Result<(), IcedError> {
        let start = self.len;
        self.put(make(MemoryOperand::with_base_displ(Register::RIP, 0)))?;
        let at = start + self.encoder.get_constant_offsets().displacement_offset();
        self.reads.push(Patch { at, end: self.len, target: constant });
        Ok(())
    }

    /// Pads to a multiple of [`ALIGN`] with no-operations.
    pub(super) fn align(&mut self) {
        for byte in lead(self.len) {
            self.encoder.write_u8(byte);
        }
        self.len = self.len.next_multiple_of(ALIGN);
    }

    /// The place of the next instruction.
    pub(super) fn here(&self) -> usize {
        self.len
    }

    /// Jumps back to `target` when the last result was not zero.
    pub(super) fn jump_back_unless_zero(&mut self, target: usize) -> Result<(), IcedError> {
        let short = self.len + 2 - target <= SHORT;
        let code = if short { Code::Jne_rel8_64 } else { Code::Jne_rel32_64 };
        self.put(Instruction::with_branch(code, target as u64))
    }

    /// Jumps ahead when the last result was zero.
    pub(super) fn jump_ahead_if_zero(&mut self) -> Result<Ahead, IcedError> {
        self.put(Instruction::with_branch(Code::Je_rel32_64, self.len as u64))?;
        Ok(Ahead(self.len))
    }

    /// Lets a jump ahead arrive at the next instruction.
    pub(super) fn land(&mut self, Ahead(end): Ahead) {
        self.jumps.push(Patch { at: end - 4, end, target: self.len });
    }

    /// Appends the constants and sets all distances: the finished bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let mut bytes = self.encoder.take_buffer();
        if !self.reads.is_empty() {
            // Padding that traps: nothing runs into the constants.
            fill(&mut bytes);
        }
        self.reads.sort_by_key(|read| matches!(read.target, Constant::Lane(_)));
        let mut placed: HashMap<Constant, usize> = HashMap::new();
        for read in self.reads {
            let target = *placed.entry(read.target).or_insert_with(|| {
                let at = bytes.len();
                read.target.lanes().for_each(|bits| bytes.extend(bits.to_le_bytes()));
                at
            });
            self.jumps.push(Patch { at: read.at, end: read.end, target });
        }
        for Patch { at, end, target } in self.jumps {
            bytes[at..at + 4].copy_from_slice(&((target - end) as i32).to_le_bytes());
        }
        bytes
    }
}
