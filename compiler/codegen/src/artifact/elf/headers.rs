//! The tables that describe the file: ELF header, segments, dynamic table, sections.

use object::Endianness;
use object::elf;
use object::write::StringId;
use object::write::elf::{FileHeader, ProgramHeader, SectionHeader, Writer};

use super::input::{Input, Place};
use super::layout::{DYNAMIC_ENTRIES, Headers, Layout, NOTE_BYTES};
use super::relocate::Machine;
use super::{Link, internal};
use crate::artifact::Error;

/// The ELF header and the segments.
pub(super) fn write_headers(
    writer: &mut Writer,
    layout: &Layout,
    machine: &Machine,
    e_machine: u16,
    link: &Link,
) -> Result<(), Error> {
    writer
        .write_file_header(&FileHeader {
            os_abi: elf::ELFOSABI_NONE,
            abi_version: 0,
            e_type: elf::ET_DYN,
            e_machine,
            e_entry: 0,
            e_flags: 0,
        })
        .map_err(internal)?;
    writer.write_align_program_headers();
    let mut header = |p_type, p_flags, (start, end): (usize, usize), p_align: usize| {
        let (start, bytes) = (start as u64, (end - start) as u64);
        writer.write_program_header(&ProgramHeader {
            p_type,
            p_flags,
            p_offset: start,
            p_vaddr: start,
            p_paddr: start,
            p_filesz: bytes,
            p_memsz: bytes,
            p_align: p_align as u64,
        });
    };
    let dynamic = (layout.dynamic, layout.dynamic + DYNAMIC_ENTRIES * size_of::<elf::Dyn64<Endianness>>());
    header(elf::PT_LOAD, elf::PF_R, (0, layout.head_end), machine.page);
    header(elf::PT_LOAD, elf::PF_R | elf::PF_X, layout.text, machine.page);
    header(elf::PT_LOAD, elf::PF_R | elf::PF_W, layout.relro, machine.page);
    if !link.weights.is_empty() {
        let end = layout.weights + link.weights.len();
        header(elf::PT_LOAD, elf::PF_R, (layout.weights, end), machine.page.max(link.weights_align as usize));
    }
    header(elf::PT_DYNAMIC, elf::PF_R | elf::PF_W, dynamic, 8);
    header(elf::PT_NOTE, elf::PF_R, (layout.note, layout.note + NOTE_BYTES), 4);
    header(elf::PT_GNU_RELRO, elf::PF_R, layout.relro, 1);
    header(elf::PT_GNU_STACK, elf::PF_R | elf::PF_W, (0, 0), 16);
    Ok(())
}

/// What the loader reads.
pub(super) fn write_dynamic(
    writer: &mut Writer,
    layout: &Layout,
    soname: StringId,
    relative: usize,
) -> object::write::Result<()> {
    let rela_bytes = size_of::<elf::Rela64<Endianness>>() as u64;
    let strings = writer.dynstr_len() as u64;
    writer.write_align_dynamic();
    writer.write_dynamic_string(elf::DT_SONAME, soname)?;
    for (tag, value) in [
        (elf::DT_HASH, layout.hash as u64),
        (elf::DT_GNU_HASH, layout.gnu_hash as u64),
        (elf::DT_STRTAB, layout.dynstr as u64),
        (elf::DT_STRSZ, strings),
        (elf::DT_SYMTAB, layout.dynsym as u64),
        (elf::DT_SYMENT, size_of::<elf::Sym64<Endianness>>() as u64),
        (elf::DT_RELA, layout.rela as u64),
        (elf::DT_RELASZ, relative as u64 * rela_bytes),
        (elf::DT_RELAENT, rela_bytes),
        (elf::DT_RELACOUNT, relative as u64),
        (elf::DT_FLAGS, u64::from(elf::DF_BIND_NOW)),
        (elf::DT_FLAGS_1, u64::from(elf::DF_1_NOW)),
        (elf::DT_NULL, 0),
    ] {
        writer.write_dynamic(tag, value)?;
    }
    Ok(())
}

/// The sections, in the order of [`reserve_headers`](super::layout::reserve_headers).
pub(super) fn write_section_headers(
    writer: &mut Writer,
    layout: &Layout,
    headers: &Headers,
    input: &Input,
    link: &Link,
    relative: usize,
) {
    let section = |name, sh_type, flags: u32, address: usize, bytes: usize, align: u64| SectionHeader {
        name: Some(name),
        sh_type,
        sh_flags: flags.into(),
        sh_addr: address as u64,
        sh_offset: address as u64,
        sh_size: bytes as u64,
        sh_link: 0,
        sh_info: 0,
        sh_addralign: align,
        sh_entsize: 0,
    };
    let dynsym = writer.dynsym_index();
    writer.write_null_section_header();
    writer.write_section_header(&section(
        headers.note,
        elf::SHT_NOTE,
        elf::SHF_ALLOC,
        layout.note,
        NOTE_BYTES,
        4,
    ));
    writer.write_hash_section_header(layout.hash as u64);
    writer.write_gnu_hash_section_header(layout.gnu_hash as u64);
    writer.write_dynsym_section_header(layout.dynsym as u64, 1);
    writer.write_dynstr_section_header(layout.dynstr as u64);
    let entry = size_of::<elf::Rela64<Endianness>>();
    writer.write_section_header(&SectionHeader {
        sh_link: dynsym.0,
        sh_entsize: entry as u64,
        ..section(headers.rela, elf::SHT_RELA, elf::SHF_ALLOC, layout.rela, relative * entry, 8)
    });
    for ((read, &address), &(_, name)) in input.sections.iter().zip(&layout.sections).zip(&headers.sections) {
        let flags = match read.place {
            Place::Rodata => elf::SHF_ALLOC,
            Place::Text => elf::SHF_ALLOC | elf::SHF_EXECINSTR,
            Place::Relro => elf::SHF_ALLOC | elf::SHF_WRITE,
        };
        writer.write_section_header(&section(
            name,
            elf::SHT_PROGBITS,
            flags,
            address,
            read.data.len(),
            read.align,
        ));
    }
    writer.write_dynamic_section_header(layout.dynamic as u64);
    writer.write_symtab_section_header(1 + input.symbols.len() as u32);
    writer.write_strtab_section_header();
    writer.write_shstrtab_section_header();
    if let Some((_, name)) = headers.weights {
        let (_, flags) = super::weights_section(input.architecture);
        let bytes = link.weights.len();
        writer.write_section_header(&section(
            name,
            elf::SHT_PROGBITS,
            flags,
            layout.weights,
            bytes,
            link.weights_align,
        ));
    }
}
