//! Relocations: the one place of the linker that knows a machine.
//!
//! With P the place, S the symbol's address and A the addend: PC-relative ones are resolved here (S + A − P), absolute
//! ones become `R_*_RELATIVE` with S + A, and a load from a GOT that would hold S becomes the computation of S.
//! Refuses relocations it does not know and distances that do not fit.

use object::{Architecture, elf};

use super::internal;
use crate::artifact::Error;

/// How the bytes at a place follow from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fixup {
    /// 64 bits: S + A, known when the library is loaded.
    Absolute64,
    /// 32 bits: S + A − P.
    Distance32,
    /// The same, after `mov register, [rip + …]` has become `lea`.
    GotLoad32,
}

/// What the loader of this machine calls a base-relative relocation, and the size of the pages it may have.
pub(super) struct Machine {
    pub(super) relative: u32,
    pub(super) page: usize,
}

/// The facts of a machine.
pub(super) fn machine(architecture: Architecture) -> Result<Machine, Error> {
    match architecture {
        Architecture::X86_64 => Ok(Machine { relative: elf::R_X86_64_RELATIVE, page: 4096 }),
        other => Err(Error::Invalid(format!("a shared library for {other:?} cannot be linked; write a .o"))),
    }
}

/// The meaning of a relocation type.
pub(super) fn fixup(architecture: Architecture, r_type: u32) -> Result<Fixup, Error> {
    match (architecture, r_type) {
        (Architecture::X86_64, elf::R_X86_64_64) => Ok(Fixup::Absolute64),
        (Architecture::X86_64, elf::R_X86_64_PC32 | elf::R_X86_64_PLT32) => Ok(Fixup::Distance32),
        (
            Architecture::X86_64,
            elf::R_X86_64_GOTPCREL | elf::R_X86_64_GOTPCRELX | elf::R_X86_64_REX_GOTPCRELX,
        ) => Ok(Fixup::GotLoad32),
        _ => Err(internal(format!("relocation type {r_type} of {architecture:?} is unknown"))),
    }
}

/// Writes `target` (S + A) into `bytes` at `offset`, which has the address `place` (P).
pub(super) fn apply(
    fixup: Fixup,
    bytes: &mut [u8],
    offset: usize,
    place: u64,
    target: u64,
) -> Result<(), Error> {
    let outside = || internal(format!("a relocation at {offset:#x} lies outside its section"));
    if fixup == Fixup::GotLoad32 {
        // REX.W 8B /r with mod 00, rm 101: mov r64, [rip + …].
        let start = offset.checked_sub(3).ok_or_else(outside)?;
        match bytes.get_mut(start..offset) {
            Some([rex, opcode @ 0x8b, modrm]) if *rex & 0xf8 == 0x48 && *modrm & 0xc7 == 0x05 => {
                *opcode = 0x8d
            }
            _ => return Err(internal(format!("the instruction at {start:#x} needs a GOT"))),
        }
    }
    match fixup {
        Fixup::Absolute64 => {
            let field =
                bytes.get_mut(offset..).and_then(|rest| rest.first_chunk_mut()).ok_or_else(outside)?;
            *field = target.to_le_bytes();
        }
        Fixup::Distance32 | Fixup::GotLoad32 => {
            let field =
                bytes.get_mut(offset..).and_then(|rest| rest.first_chunk_mut()).ok_or_else(outside)?;
            let distance = i32::try_from(target.wrapping_sub(place) as i64)
                .map_err(|_| internal(format!("{target:#x} is too far from {place:#x}")))?;
            *field = distance.to_le_bytes();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_signed_and_checked() {
        let mut bytes = [0; 8];
        apply(Fixup::Distance32, &mut bytes, 4, 0x1004, 0x1000).unwrap();
        assert_eq!(bytes, [0, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff]);
        assert!(apply(Fixup::Distance32, &mut bytes, 4, 0, 0x8000_0000).is_err());
        assert!(apply(Fixup::Distance32, &mut bytes, 5, 0, 0).is_err());
        apply(Fixup::Absolute64, &mut bytes, 0, 0, 0x1_2345_6789).unwrap();
        assert_eq!(u64::from_le_bytes(bytes), 0x1_2345_6789);
    }

    #[test]
    fn a_got_load_becomes_an_address() {
        let mut load = [0x4c, 0x8b, 0x1d, 0, 0, 0, 0]; // mov r11, [rip + …]
        apply(Fixup::GotLoad32, &mut load, 3, 0x103, 0x200 - 4).unwrap();
        assert_eq!(load, [0x4c, 0x8d, 0x1d, 0xf9, 0, 0, 0]); // lea r11, [rip + 0xf9]: 0x107 + 0xf9
        let mut call = [0xff, 0x15, 0, 0, 0, 0]; // call [rip + …]
        assert!(apply(Fixup::GotLoad32, &mut call, 2, 0x102, 0x200).is_err());
    }
}
