//! A linker for one object: a freestanding shared library without a C toolchain.
//!
//! ```text
//! R    ELF and program headers, build id, hashes, .dynsym, .dynstr, .rela.dyn, .rodata
//! RX   .text
//! RW   .data.rel.ro, .dynamic       PT_GNU_RELRO: read-only once relocated
//!      .symtab, .strtab, .shstrtab, section headers       not loaded
//! R    .lrodata: the weights
//! ```
//!
//! INVARIANT: a byte's address is its offset in the file, so pages map as they lie; only `R_*_RELATIVE` relocations
//! are left, all in the RELRO segment; the weights come last and are only streamed, so they may exceed 4 GB.
//! Refuses undefined symbols, writable data, and relocations it does not know.

mod headers;
mod image;
mod input;
mod layout;
mod relocate;

use object::write::WritableBuffer;
use object::{Architecture, elf};

use super::Error;

/// What to link.
pub(super) struct Link<'a> {
    /// The bytes of a relocatable object.
    pub(super) object: &'a [u8],
    /// `DT_SONAME`.
    pub(super) soname: &'a str,
    /// Exported name, and the symbol of the object that it stands for.
    pub(super) exports: &'a [(&'a str, &'a str)],
    /// The weights; may be empty.
    pub(super) weights: &'a [u8],
    /// The undefined symbol of the object that means the weights.
    pub(super) weights_symbol: &'a str,
    /// A power of two.
    pub(super) weights_align: u64,
}

/// Name and flags of the section of the weights. On x86-64 a large section lies behind all others, so that 5 GB of
/// weights push no code out of reach.
pub(super) fn weights_section(architecture: Architecture) -> (&'static str, u32) {
    const SHF_X86_64_LARGE: u32 = 0x1000_0000;
    match architecture {
        Architecture::X86_64 => (".lrodata", elf::SHF_ALLOC | SHF_X86_64_LARGE),
        _ => (".rodata.weights", elf::SHF_ALLOC),
    }
}

/// Links and writes a shared library.
///
/// # Errors
/// [`Error::Internal`] when the object breaks a rule, [`Error::Invalid`] for an unknown machine.
pub(super) fn link(link: &Link, out: &mut dyn WritableBuffer) -> Result<(), Error> {
    let input = input::Input::read(link)?;
    image::write(link, input, out)
}

fn internal(message: impl std::fmt::Display) -> Error {
    Error::Internal(message.to_string())
}
