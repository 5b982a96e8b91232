//! The artifact as files: a relocatable object, an archive of it, a shared library linked from it, and a C header.
//!
//! INVARIANT: of an object only `NAME_model` is visible outside. Weights are borrowed: they are streamed into a file,
//! never copied (an archive takes one copy). The same input gives the same bytes.
//! Refuses targets that are not 64-bit little-endian ELF.

use std::io::{Seek, Write};

use ar_archive_writer::{ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_module::{Linkage, Module};
use cranelift_object::{ObjectBuilder, ObjectModule};
use object::write::{Object, StreamingBuffer, SymbolId, SymbolSection};
use object::{SectionFlags, SectionKind, SymbolScope};
use target_lexicon::{BinaryFormat, Endianness, PointerWidth};

use super::jit::weights_mismatch;
use super::{Error, Interface, Kind, Variant, WEIGHTS, define_model, elf, header};

/// A compiled model that can be written as any [`Kind`] of file.
pub struct Artifact<'w> {
    interface: Interface,
    /// The object without weights, as bytes: what the linker reads.
    bare: Vec<u8>,
    /// The same object with them.
    full: Object<'w>,
    weights: &'w [u8],
}

impl<'w> Artifact<'w> {
    /// A module to emit `run` into. The ISA must be position independent (`is_pic=true`).
    ///
    /// # Errors
    /// [`Error::Invalid`] for a target that is not 64-bit little-endian ELF, or an ISA without `is_pic`.
    pub fn module(isa: OwnedTargetIsa) -> Result<ObjectModule, Error> {
        let triple = isa.triple();
        if triple.binary_format != BinaryFormat::Elf
            || triple.endianness() != Ok(Endianness::Little)
            || triple.pointer_width() != Ok(PointerWidth::U64)
        {
            return Err(Error::Invalid(format!("{triple}: only 64-bit little-endian ELF can be written")));
        }
        if !isa.flags().is_pic() {
            return Err(Error::Invalid("code for a file must be compiled with is_pic=true".into()));
        }
        let libcall_names = cranelift_module::default_libcall_names();
        Ok(ObjectModule::new(ObjectBuilder::new(isa, "cnnc", libcall_names)?))
    }

    /// Defines the model structs around the variants, the best first, and closes the module. `weights` are the embedded
    /// ones, empty if they are external.
    ///
    /// # Errors
    /// Those of [`define_model`]; [`Error::Invalid`] when `weights` are not of the size that `interface` says.
    pub fn finish(
        mut module: ObjectModule,
        interface: Interface,
        variants: &[Variant],
        weights: &'w [u8],
    ) -> Result<Artifact<'w>, Error> {
        let embedded = if interface.weights_external { 0 } else { interface.weights_bytes };
        if weights.len() as u64 != embedded {
            return Err(weights_mismatch(weights.len(), embedded));
        }
        define_model(&mut module, &interface, variants)?;
        let symbol = if embedded > 0 {
            Some(module.declare_data(WEIGHTS, Linkage::Import, false, false)?)
        } else {
            None
        };
        let product = module.finish();
        let bare = product.object.write().map_err(internal)?;
        let symbol = symbol.map(|id| product.data_symbol(id));
        let mut full = product.object;
        if let Some(symbol) = symbol {
            define_weights(&mut full, symbol, weights, interface.weights_align);
        }
        Ok(Artifact { interface, bare, full, weights })
    }

    /// What callers see.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Writes the bytes of a file of this kind. `stem` is the name that a shared library and an archive's member bear.
    ///
    /// # Errors
    /// [`Error::Internal`] when the object breaks a rule; the inner error is that of `out`.
    pub fn write_to<W: Write + Seek>(
        &self,
        kind: Kind,
        stem: &str,
        mut out: W,
    ) -> Result<std::io::Result<()>, Error> {
        match kind {
            Kind::Shared => {
                let entry = format!("{}_model", self.interface.name);
                let link = elf::Link {
                    object: &self.bare,
                    soname: &format!("{stem}.so"),
                    exports: &[(cnnc_runtime::abi::CNNC_ENTRY, &entry), (&entry, &entry)],
                    weights: self.weights,
                    weights_symbol: WEIGHTS,
                    weights_align: self.interface.weights_align,
                };
                let mut stream = StreamingBuffer::new(out);
                elf::link(&link, &mut stream)?;
                Ok(stream.flush())
            }
            Kind::Object => {
                let mut stream = StreamingBuffer::new(out);
                self.full.emit(&mut stream).map_err(internal)?;
                Ok(stream.flush())
            }
            Kind::Archive => {
                let object = self.full.write().map_err(internal)?;
                let member = NewArchiveMember::new(object, &DEFAULT_OBJECT_READER, format!("{stem}.o"));
                let written = write_archive_to_stream(&mut out, &[member], ArchiveKind::Gnu, false, None);
                Ok(written.and_then(|()| out.flush()))
            }
            Kind::Header => Ok(out.write_all(header(&self.interface).as_bytes()).and_then(|()| out.flush())),
        }
    }
}

/// Gives the object its weights: a section of their own, reached through the model struct alone.
fn define_weights<'w>(object: &mut Object<'w>, symbol: SymbolId, weights: &'w [u8], align: u64) {
    let (name, flags) = elf::weights_section(object.architecture());
    let section = object.add_section(Vec::new(), name.into(), SectionKind::ReadOnlyData);
    *object.section_flags_mut(section) = SectionFlags::Elf { sh_flags: flags.into() };
    object.set_section_data(section, weights, align);
    let symbol = object.symbol_mut(symbol);
    symbol.section = SymbolSection::Section(section);
    symbol.scope = SymbolScope::Compilation;
    symbol.size = weights.len() as u64;
}

fn internal(error: object::write::Error) -> Error {
    Error::Internal(error.to_string())
}
