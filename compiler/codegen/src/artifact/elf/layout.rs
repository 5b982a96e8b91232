//! Where everything lies: ranges are reserved in the order in which they are written.
//!
//! INVARIANT: an address is a file offset; segments start on a page, and the writable one ends on one.

use object::write::StringId;
use object::write::elf::{SectionIndex, Writer};

use super::Link;
use super::input::{Input, Place, Target};
use super::relocate::Machine;

/// Bytes of the build id: as many as SHA-1 gives, which is what tools expect.
pub(super) const BUILD_ID: usize = 20;
/// Header, name "GNU\0", build id.
pub(super) const NOTE_BYTES: usize = 12 + 4 + BUILD_ID;
/// Entries of the dynamic table.
pub(super) const DYNAMIC_ENTRIES: usize = 14;

/// Addresses, which are file offsets as well.
pub(super) struct Layout {
    pub(super) note: usize,
    pub(super) hash: usize,
    pub(super) gnu_hash: usize,
    pub(super) dynsym: usize,
    pub(super) dynstr: usize,
    pub(super) rela: usize,
    pub(super) head_end: usize,
    pub(super) text: (usize, usize),
    pub(super) relro: (usize, usize),
    pub(super) dynamic: usize,
    pub(super) weights: usize,
    /// Of each section of the input.
    pub(super) sections: Vec<usize>,
}

impl Layout {
    /// The address of a symbol.
    pub(super) fn address(&self, target: Target) -> u64 {
        match target {
            Target::Section(section, offset) => self.sections[section] as u64 + offset,
            Target::Weights => self.weights as u64,
        }
    }
}

/// Names and indices of the section headers that no table of [`Writer`] brings along.
pub(super) struct Headers {
    pub(super) note: StringId,
    pub(super) rela: StringId,
    pub(super) sections: Vec<(SectionIndex, StringId)>,
    pub(super) weights: Option<(SectionIndex, StringId)>,
}

/// Names the sections and numbers them in the order of their headers.
pub(super) fn reserve_headers<'a>(writer: &mut Writer<'a>, link: &Link<'a>, input: &Input<'a>) -> Headers {
    writer.reserve_null_section_index();
    writer.reserve_section_index();
    let note = writer.add_section_name(b".note.gnu.build-id");
    writer.reserve_hash_section_index();
    writer.reserve_gnu_hash_section_index();
    writer.reserve_dynsym_section_index();
    writer.reserve_dynstr_section_index();
    writer.reserve_section_index();
    let rela = writer.add_section_name(b".rela.dyn");
    let sections = input
        .sections
        .iter()
        .map(|section| (writer.reserve_section_index(), writer.add_section_name(section.name.as_bytes())))
        .collect();
    writer.reserve_dynamic_section_index();
    writer.reserve_symtab_section_index();
    writer.reserve_strtab_section_index();
    writer.reserve_shstrtab_section_index();
    let weights = (!link.weights.is_empty()).then(|| {
        (
            writer.reserve_section_index(),
            writer.add_section_name(super::weights_section(input.architecture).0.as_bytes()),
        )
    });
    Headers { note, rela, sections, weights }
}

/// How many program headers there are.
pub(super) fn segments(link: &Link) -> u32 {
    7 + u32::from(!link.weights.is_empty())
}

/// Gives everything its place.
pub(super) fn reserve(
    writer: &mut Writer,
    link: &Link,
    input: &Input,
    machine: &Machine,
    exports: usize,
    relative: usize,
) -> Layout {
    let mut sections = vec![0; input.sections.len()];
    let mut reserve_sections = |writer: &mut Writer, place| {
        for (section, address) in input.sections.iter().zip(&mut sections) {
            if section.place == place {
                *address = writer.reserve(section.data.len(), section.align as usize);
            }
        }
    };
    writer.reserve_file_header();
    writer.reserve_program_headers(segments(link));
    let note = writer.reserve(NOTE_BYTES, 4);
    writer.reserve_null_dynamic_symbol_index();
    for _ in 0..exports {
        writer.reserve_dynamic_symbol_index();
    }
    let hash = writer.reserve_hash(1, exports as u32 + 1);
    let gnu_hash = writer.reserve_gnu_hash(1, 1, exports as u32);
    let dynsym = writer.reserve_dynsym();
    let dynstr = writer.reserve_dynstr();
    let rela = writer.reserve_relocations(relative, true);
    reserve_sections(writer, Place::Rodata);
    let head_end = writer.reserved_len();

    let text_start = writer.reserve(0, machine.page);
    reserve_sections(writer, Place::Text);
    let text = (text_start, writer.reserved_len());

    let relro_start = writer.reserve(0, machine.page);
    reserve_sections(writer, Place::Relro);
    let dynamic = writer.reserve_dynamic(DYNAMIC_ENTRIES);
    // Whole pages, or the loader would leave the last one writable.
    let relro = (relro_start, writer.reserve(0, machine.page));

    writer.reserve_null_symbol_index();
    for _ in &input.symbols {
        writer.reserve_symbol_index(None);
    }
    writer.reserve_symtab();
    writer.reserve_strtab();
    writer.reserve_shstrtab();
    writer.reserve_section_headers();
    let weights = if link.weights.is_empty() {
        0
    } else {
        writer.reserve(link.weights.len(), machine.page.max(link.weights_align as usize))
    };
    Layout { note, hash, gnu_hash, dynsym, dynstr, rela, head_end, text, relro, dynamic, weights, sections }
}
