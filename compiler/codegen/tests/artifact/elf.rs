//! The audit of what is written: what a loader, a linker and a careful user look at.

use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Object, ObjectSection, ObjectSymbol, elf};

type File<'d> = object::read::elf::ElfFile64<'d, object::Endianness>;

fn names<'d>(symbols: impl Iterator<Item = impl ObjectSymbol<'d>>) -> Vec<&'d str> {
    let mut names: Vec<_> =
        symbols.map(|symbol| symbol.name().unwrap()).filter(|name| !name.is_empty()).collect();
    names.sort();
    names
}

/// A shared library must need nothing, expose only `exports`, and be unwritable once relocated.
pub(crate) fn audit(bytes: &[u8], exports: &[&str]) {
    let file = File::parse(bytes).unwrap();
    let endian = file.endian();
    assert_eq!(file.elf_header().e_type(endian), elf::ET_DYN);
    let (page, relative) = match file.elf_header().e_machine(endian) {
        elf::EM_X86_64 => (4 << 10, elf::R_X86_64_RELATIVE),
        elf::EM_AARCH64 => (64 << 10, elf::R_AARCH64_RELATIVE),
        machine => panic!("machine {machine}"),
    };
    assert_eq!(names(file.dynamic_symbols()), exports);
    assert!(file.dynamic_symbols().all(|symbol| symbol.is_definition()));
    assert!(file.symbols().filter(|symbol| symbol.kind() == object::SymbolKind::Text).count() >= 4);

    let headers = file.elf_program_headers();
    let of_type = |p_type| headers.iter().filter(move |header| header.p_type(endian) == p_type);
    let only = |p_type| {
        let mut found = of_type(p_type);
        let header = found.next().unwrap();
        assert!(found.next().is_none());
        header
    };
    let mut end = 0;
    let mut writable = Vec::new();
    for load in of_type(elf::PT_LOAD) {
        let flags = load.p_flags(endian);
        assert_ne!(flags & (elf::PF_W | elf::PF_X), elf::PF_W | elf::PF_X);
        assert_eq!(load.p_filesz(endian), load.p_memsz(endian));
        assert_eq!(load.p_offset(endian), load.p_vaddr(endian));
        assert!(load.p_vaddr(endian).is_multiple_of(page) && load.p_vaddr(endian) >= end);
        end = load.p_vaddr(endian) + load.p_memsz(endian);
        if flags & elf::PF_W != 0 {
            writable.push((load.p_vaddr(endian), load.p_memsz(endian)));
        }
    }
    let relro = only(elf::PT_GNU_RELRO);
    assert_eq!(writable, [(relro.p_vaddr(endian), relro.p_memsz(endian))]);
    assert!(writable[0].1.is_multiple_of(page));
    assert_eq!(only(elf::PT_GNU_STACK).p_flags(endian), elf::PF_R | elf::PF_W);

    let dynamic = only(elf::PT_DYNAMIC).dynamic(endian, bytes).unwrap().unwrap();
    let mut tags: Vec<i64> = dynamic.iter().map(|entry| entry.d_tag(endian)).collect();
    tags.sort();
    let mut allowed = [
        elf::DT_NULL,
        elf::DT_HASH,
        elf::DT_STRTAB,
        elf::DT_SYMTAB,
        elf::DT_RELA,
        elf::DT_RELASZ,
        elf::DT_RELAENT,
        elf::DT_STRSZ,
        elf::DT_SYMENT,
        elf::DT_SONAME,
        elf::DT_FLAGS,
        elf::DT_GNU_HASH,
        elf::DT_RELACOUNT,
        elf::DT_FLAGS_1,
    ];
    allowed.sort();
    assert_eq!(tags, allowed);
    let flags = dynamic.iter().find(|entry| entry.d_tag(endian) == elf::DT_FLAGS).unwrap();
    assert_eq!(flags.d_val(endian), u64::from(elf::DF_BIND_NOW));

    let mut relocations = 0;
    for (place, relocation) in file.dynamic_relocations().unwrap() {
        assert_eq!(relocation.flags(), object::RelocationFlags::Elf { r_type: relative });
        assert!(place >= writable[0].0 && place + 8 <= writable[0].0 + writable[0].1);
        relocations += 1;
    }
    assert!(relocations >= 12, "{relocations}");
}

/// An object must define `export` and nothing else that a linker sees, and say that it needs no executable stack.
pub(crate) fn audit_object(bytes: &[u8], export: &str) {
    let file = File::parse(bytes).unwrap();
    assert_eq!(names(file.symbols().filter(|symbol| symbol.is_global() || symbol.is_undefined())), [export]);
    assert_eq!(file.section_by_name(".note.GNU-stack").unwrap().size(), 0);
    let (name, flags) = match file.architecture() {
        object::Architecture::X86_64 => (".lrodata", 0x1000_0002),
        _ => (".rodata.weights", 0x2),
    };
    let weights = file.section_by_name(name).unwrap();
    assert_eq!(weights.align(), 4096);
    let object::SectionFlags::Elf { sh_flags } = weights.flags() else { panic!("an ELF section") };
    assert_eq!(sh_flags, flags);
    for section in file.sections() {
        let object::SectionFlags::Elf { sh_flags } = section.flags() else { panic!("an ELF section") };
        let is_written = sh_flags & u64::from(elf::SHF_WRITE) != 0 && section.size() > 0;
        assert!(!is_written || section.name() == Ok(".data.rel.ro"), "{:?}", section.name());
    }
}
