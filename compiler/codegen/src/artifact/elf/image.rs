//! The file: everything gets its place, relocations are resolved, and all is written in the order of the places.

use object::write::elf::{Rel, Sym, Writer};
use object::write::{StringId, WritableBuffer};
use object::{Architecture, Endianness, elf};
use sha2::{Digest, Sha256};

use super::headers::{write_dynamic, write_headers, write_section_headers};
use super::input::{Input, Place, Section, Symbol};
use super::layout::{BUILD_ID, Layout, NOTE_BYTES, reserve, reserve_headers};
use super::relocate::{self, Fixup, Machine};
use super::{Link, internal};
use crate::artifact::Error;

/// Links `input` and writes the library.
pub(super) fn write(link: &Link, mut input: Input, out: &mut dyn WritableBuffer) -> Result<(), Error> {
    // Read only, executable, relocated: the order of the segments.
    let machine = relocate::machine(input.architecture)?;
    let mut relative = 0;
    for section in &input.sections {
        for relocation in &section.relocations {
            let absolute = relocate::fixup(input.architecture, relocation.r_type)? == Fixup::Absolute64;
            if absolute && section.place != Place::Relro {
                return Err(internal(format!(
                    "section {} would need a relocation of its text",
                    section.name
                )));
            }
            relative += usize::from(absolute);
        }
    }
    let exports = link
        .exports
        .iter()
        .map(|&(name, symbol)| {
            let found = input.symbols.iter().find(|candidate| candidate.name == symbol);
            Ok((name, found.ok_or_else(|| internal(format!("{symbol} is not defined")))?))
        })
        .collect::<Result<Vec<_>, Error>>()?;

    let mut writer = Writer::new(Endianness::Little, true, out);
    let headers = reserve_headers(&mut writer, link, &input);
    let symbol_names: Vec<StringId> =
        input.symbols.iter().map(|symbol| writer.add_string(symbol.name.as_bytes())).collect();
    let export_names: Vec<StringId> =
        exports.iter().map(|&(name, ..)| writer.add_dynamic_string(name.as_bytes())).collect();
    let soname = writer.add_dynamic_string(link.soname.as_bytes());
    let layout = reserve(&mut writer, link, &input, &machine, exports.len(), relative);
    let relocations = resolve(&mut input.sections, input.architecture, &layout, &machine)?;

    write_headers(&mut writer, &layout, &machine, input.machine, link)?;
    writer.pad_until(layout.note);
    writer.write(&build_id(link));
    writer.write_hash(1, exports.len() as u32 + 1, |i| {
        let index = (i as usize).checked_sub(1)?;
        Some(elf::hash(exports[index].0.as_bytes()))
    });
    writer.write_gnu_hash(1, 6, 1, 1, exports.len() as u32, |i| {
        elf::gnu_hash(exports[i as usize].0.as_bytes())
    });
    let entry = |name, symbol: &Symbol, binding: u8| Sym {
        name: Some(name),
        section: Some(headers.sections[symbol.section].0),
        st_info: binding << 4 | if symbol.is_function { elf::STT_FUNC } else { elf::STT_OBJECT },
        st_other: elf::STV_DEFAULT,
        st_shndx: 0,
        st_value: layout.sections[symbol.section] as u64 + symbol.offset,
        st_size: symbol.size,
    };
    writer.write_null_dynamic_symbol();
    for (&(_, symbol), &name) in exports.iter().zip(&export_names) {
        writer.write_dynamic_symbol(&entry(name, symbol, elf::STB_GLOBAL));
    }
    writer.write_dynstr();
    writer.write_align_relocation();
    for relocation in &relocations {
        writer.write_relocation(true, relocation);
    }
    for place in [Place::Rodata, Place::Text, Place::Relro] {
        for (section, &address) in input.sections.iter().zip(&layout.sections) {
            if section.place == place {
                writer.pad_until(address);
                writer.write(&section.data);
            }
        }
    }
    write_dynamic(&mut writer, &layout, soname, relocations.len()).map_err(internal)?;
    writer.pad_until(layout.relro.1);

    writer.write_null_symbol();
    for (symbol, &name) in input.symbols.iter().zip(&symbol_names) {
        writer.write_symbol(&entry(name, symbol, elf::STB_LOCAL));
    }
    writer.write_strtab();
    writer.write_shstrtab();
    write_section_headers(&mut writer, &layout, &headers, &input, link, relocations.len());
    if !link.weights.is_empty() {
        writer.pad_until(layout.weights);
        writer.write(link.weights);
    }
    debug_assert_eq!(writer.reserved_len(), writer.len());
    Ok(())
}

/// Resolves what can be resolved; returns what the loader has to add its base to.
fn resolve(
    sections: &mut [Section],
    architecture: Architecture,
    layout: &Layout,
    machine: &Machine,
) -> Result<Vec<Rel>, Error> {
    let mut relative = Vec::new();
    for (section, &address) in sections.iter_mut().zip(&layout.sections) {
        for relocation in &section.relocations {
            let fixup = relocate::fixup(architecture, relocation.r_type)?;
            let place = address as u64 + relocation.offset;
            let target = layout.address(relocation.target).wrapping_add_signed(relocation.addend);
            // The loader ignores what stands at the place; tools that read the file can follow it.
            relocate::apply(fixup, &mut section.data, relocation.offset as usize, place, target)?;
            if fixup == Fixup::Absolute64 {
                relative.push(Rel {
                    r_offset: place,
                    r_sym: 0,
                    r_type: machine.relative,
                    r_addend: target as i64,
                });
            }
        }
    }
    Ok(relative)
}

/// A note that tells this library from others. The object holds the manifest, and with it the hash of the source
/// and the options, which determine the weights: so those need not be read again.
fn build_id(link: &Link) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(link.object);
    hash.update(link.soname);
    hash.update((link.weights.len() as u64).to_le_bytes());
    let mut note = Vec::with_capacity(NOTE_BYTES);
    for word in [4, BUILD_ID as u32, elf::NT_GNU_BUILD_ID] {
        note.extend(word.to_le_bytes());
    }
    note.extend(b"GNU\0");
    note.extend(&hash.finalize()[..BUILD_ID]);
    note
}
