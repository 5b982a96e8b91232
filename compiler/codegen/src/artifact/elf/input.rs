//! The object as the linker sees it: sections to load, symbols, relocations.
//!
//! Refuses what a freestanding library must not hold: undefined symbols, writable or thread-local data.

use object::read::elf::ElfFile64;
use object::{
    Architecture, Endianness, Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget,
    SectionFlags, SymbolKind, elf,
};

use super::{Link, internal};
use crate::artifact::Error;

/// Where a section goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Read only.
    Rodata,
    /// Read and execute.
    Text,
    /// Written by the dynamic linker, then read only.
    Relro,
}

/// A section to load.
pub(super) struct Section<'d> {
    pub(super) name: &'d str,
    pub(super) place: Place,
    pub(super) data: Vec<u8>,
    pub(super) align: u64,
    pub(super) relocations: Vec<Relocation>,
}

/// `section[offset..]` becomes a function of the symbol's address plus the addend.
pub(super) struct Relocation {
    pub(super) offset: u64,
    pub(super) r_type: u32,
    pub(super) target: Target,
    pub(super) addend: i64,
}

/// What a symbol means.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// Index of a section, offset in it.
    Section(usize, u64),
    /// The first byte of the weights.
    Weights,
}

/// A named place, for the symbol table.
pub(super) struct Symbol<'d> {
    pub(super) name: &'d str,
    /// Index of a section.
    pub(super) section: usize,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) is_function: bool,
}

/// The object.
pub(super) struct Input<'d> {
    pub(super) architecture: Architecture,
    pub(super) machine: u16,
    pub(super) sections: Vec<Section<'d>>,
    pub(super) symbols: Vec<Symbol<'d>>,
}

impl<'d> Input<'d> {
    pub(super) fn read(link: &Link<'d>) -> Result<Input<'d>, Error> {
        let file = ElfFile64::<Endianness>::parse(link.object).map_err(internal)?;
        let mut input = Input {
            architecture: file.architecture(),
            machine: file.elf_header().e_machine.get(file.endian()),
            sections: Vec::new(),
            symbols: Vec::new(),
        };
        let mut indices = vec![None; file.sections().map(|section| section.index().0 + 1).max().unwrap_or(0)];
        let mut loaded = Vec::new();
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
            if sh_flags & u64::from(elf::SHF_ALLOC) == 0 || section.size() == 0 {
                continue;
            }
            let name = section.name().map_err(internal)?;
            let place = if sh_flags & u64::from(elf::SHF_EXECINSTR) != 0 {
                Place::Text
            } else if sh_flags & u64::from(elf::SHF_WRITE) == 0 {
                Place::Rodata
            } else if name.starts_with(".data.rel.ro") {
                Place::Relro
            } else {
                return Err(internal(format!("section {name} is writable")));
            };
            indices[section.index().0] = Some(input.sections.len());
            let data = section.data().map_err(internal)?.to_vec();
            input.sections.push(Section {
                name,
                place,
                data,
                align: section.align(),
                relocations: Vec::new(),
            });
            loaded.push(section);
        }

        let target_of = |symbol: &object::read::elf::ElfSymbol64<'d, '_>| -> Result<Target, Error> {
            let name = symbol.name().map_err(internal)?;
            if symbol.is_undefined() && name == link.weights_symbol {
                return Ok(Target::Weights);
            }
            let section = symbol.section_index().and_then(|index| indices[index.0]);
            let section =
                section.ok_or_else(|| internal(format!("symbol {name} is not defined in this module")))?;
            Ok(Target::Section(section, symbol.address()))
        };
        for symbol in file.symbols() {
            let is_function = symbol.kind() == SymbolKind::Text;
            if is_function || symbol.kind() == SymbolKind::Data {
                let name = symbol.name().map_err(internal)?;
                let Target::Section(section, offset) = target_of(&symbol)? else { continue };
                input.symbols.push(Symbol { name, section, offset, size: symbol.size(), is_function });
            }
        }
        for (section, read) in input.sections.iter_mut().zip(loaded) {
            for (offset, relocation) in read.relocations() {
                let (RelocationFlags::Elf { r_type }, RelocationTarget::Symbol(symbol)) =
                    (relocation.flags(), relocation.target())
                else {
                    return Err(internal(format!("a relocation of {} has no symbol", section.name)));
                };
                let target = target_of(&file.symbol_by_index(symbol).map_err(internal)?)?;
                section.relocations.push(Relocation { offset, r_type, target, addend: relocation.addend() });
            }
        }
        Ok(input)
    }
}
