//! Functions that answer an address, as machine code.
//!
//! Own bytes, because Cranelift would reach for an entry of a global offset table or for an absolute address, and the
//! code has neither: the address is computed from that of the instruction.

use cranelift_codegen::binemit::Reloc;
use cranelift_module::{ModuleReloc, ModuleRelocTarget};

use crate::target::Machine;

/// Alignment of such a function in bytes.
pub(crate) const ALIGN: u64 = 16;

/// The code of a function `extern "C" fn() -> *const T` that answers the address of `what`, which lies in the same
/// module, and the relocations that it needs.
pub(crate) fn function(machine: Machine, what: impl Into<ModuleRelocTarget>) -> (Vec<u8>, Vec<ModuleReloc>) {
    let what = what.into();
    let relocation = |offset, kind, addend| ModuleReloc { offset, kind, name: what.clone(), addend };
    match machine {
        Machine::X86_64 => {
            // lea rax, [rip + what]; ret. The displacement counts from its own end: addend -4.
            (vec![0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xc3], vec![relocation(3, Reloc::X86PCRel4, -4)])
        }
        Machine::Aarch64 => {
            // adrp x0, what; add x0, x0, :lo12:what; ret
            let code = [0x9000_0000_u32, 0x9100_0000, 0xd65f_03c0];
            let page = relocation(0, Reloc::Aarch64AdrPrelPgHi21, 0);
            let rest = relocation(4, Reloc::Aarch64AddAbsLo12Nc, 0);
            (code.map(u32::to_le_bytes).concat(), vec![page, rest])
        }
    }
}
