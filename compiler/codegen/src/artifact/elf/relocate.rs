//! Relocations: the one place of the linker that knows a machine.
//!
//! With P the place, S the symbol's address and A the addend: PC-relative ones are resolved here (S + A − P), absolute
//! ones become `R_*_RELATIVE` with S + A, and a load from a GOT that would hold S becomes the computation of S. Fields
//! of an Arm instruction take bits of such a distance; ADRP counts in pages of 4 KiB whatever the loader's are.
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
    /// BL, B: 26 bits of (S + A − P) / 4.
    Branch26,
    /// ADRP: 21 bits of page(S + A) − page(P), in two fields.
    Page21,
    /// ADD: the lowest 12 bits of S + A.
    Low12,
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
        Architecture::Aarch64 => Ok(Machine { relative: elf::R_AARCH64_RELATIVE, page: 65536 }),
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
        (Architecture::Aarch64, elf::R_AARCH64_ABS64) => Ok(Fixup::Absolute64),
        (Architecture::Aarch64, elf::R_AARCH64_CALL26 | elf::R_AARCH64_JUMP26) => Ok(Fixup::Branch26),
        (Architecture::Aarch64, elf::R_AARCH64_ADR_PREL_PG_HI21) => Ok(Fixup::Page21),
        (Architecture::Aarch64, elf::R_AARCH64_ADD_ABS_LO12_NC) => Ok(Fixup::Low12),
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
    let distance = target.wrapping_sub(place) as i64;
    let far = || internal(format!("{target:#x} is too far from {place:#x}"));
    let rest = bytes.get_mut(offset..).ok_or_else(outside)?;
    if fixup == Fixup::Absolute64 {
        *rest.first_chunk_mut().ok_or_else(outside)? = target.to_le_bytes();
        return Ok(());
    }
    let field = rest.first_chunk_mut().ok_or_else(outside)?;
    let word = u32::from_le_bytes(*field);
    let word = match fixup {
        Fixup::Absolute64 | Fixup::Distance32 | Fixup::GotLoad32 => {
            i32::try_from(distance).map_err(|_| far())? as u32
        }
        Fixup::Branch26 => word | signed(distance, 28).filter(|d| d % 4 == 0).ok_or_else(far)? >> 2,
        Fixup::Page21 => {
            let pages = (target >> 12).wrapping_sub(place >> 12) as i64;
            let pages = signed(pages, 21).ok_or_else(far)?;
            word | (pages & 3) << 29 | (pages >> 2) << 5
        }
        Fixup::Low12 => word | (target as u32 & 0xfff) << 10,
    };
    *field = word.to_le_bytes();
    Ok(())
}

/// The lowest `bits` of a number that fits into as many with its sign.
fn signed(number: i64, bits: u32) -> Option<u32> {
    let most = 1 << (bits - 1);
    (-most..most).contains(&number).then_some(number as u32 & ((1 << bits) - 1))
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

    /// Bits of instructions as an assembler gives them.
    #[test]
    fn arm_fields() {
        let fixed = |fixup, word: u32, place, target| {
            let mut bytes = word.to_le_bytes();
            apply(fixup, &mut bytes, 0, place, target).map(|()| u32::from_le_bytes(bytes))
        };
        const BL: u32 = 0x9400_0000;
        const ADRP: u32 = 0x9000_0000;
        const ADD: u32 = 0x9100_0000;
        assert_eq!(fixed(Fixup::Branch26, BL, 0x1000, 0x1000).unwrap(), 0x9400_0000);
        assert_eq!(fixed(Fixup::Branch26, BL, 0x1000, 0xffc).unwrap(), 0x97ff_ffff);
        assert_eq!(fixed(Fixup::Branch26, BL, 0, 0x7ff_fffc).unwrap(), 0x95ff_ffff);
        assert!(fixed(Fixup::Branch26, BL, 0, 0x800_0000).is_err());
        assert!(fixed(Fixup::Branch26, BL, 0, 2).is_err());
        // Pages of the addresses, not of their distance.
        assert_eq!(fixed(Fixup::Page21, ADRP, 0x1ffc, 0x2000).unwrap(), 0xb000_0000);
        assert_eq!(fixed(Fixup::Page21, ADRP, 0x2000, 0x1ffc).unwrap(), 0xf0ff_ffe0);
        assert_eq!(fixed(Fixup::Page21, ADRP, 0, 0x5000).unwrap(), 0xb000_0020);
        assert!(fixed(Fixup::Page21, ADRP, 0, 1 << 32).is_err());
        assert_eq!(fixed(Fixup::Low12, ADD, 0, 0x1_2fff).unwrap(), 0x913f_fc00);
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
