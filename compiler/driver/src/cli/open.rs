//! A model that runs, from whatever file the user has: a compiled library, or a network compiled now.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use cnnc::{E_INTERNAL, E_OPTION, E_RUN, Error, Model, Options, Picture};
use cnnc_codegen::Machine;
use cnnc_codegen::artifact::manifest::Manifest;
use cnnc_frontends::file;
use cnnc_ir::{DType, Type};
use cnnc_runtime::TensorInfo;
use prost::Message;

use super::args::picture;
use super::progress::Progress;

/// Opens a library, by whatever name; compiles anything else into this process.
pub(crate) fn model(path: &Path, options: &Options) -> Result<Model, Error> {
    if path.extension().is_some_and(|extension| extension == "so") || is_library(path) {
        if let Some((option, _)) = options.settings().iter().chain(&options.limits()).next() {
            let message = format!("{} is compiled already, --{option} would change nothing", path.display());
            let help = "leave it out, or compile the network again with it";
            return Err(Error::new(E_OPTION, message).with_help(help));
        }
        return library(path);
    }
    let progress = Progress::new();
    progress.say(format!("compiling {}", path.display()));
    cnnc::jit(&cnnc::load(path, options)?, options)
}

/// Whether a file is a shared library: an ELF of that type.
fn is_library(path: &Path) -> bool {
    // What comes through a pipe can be read once.
    if !path.is_file() {
        return false;
    }
    file::open(path).is_ok_and(|(file, _)| elf(file).is_some_and(|[kind, _]| kind == 3))
}

/// The type and the machine that the header of an ELF names.
fn elf(mut file: impl Read) -> Option<[u16; 2]> {
    let mut header = [0; 20];
    file.read_exact(&mut header).ok()?;
    let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    header.starts_with(b"\x7fELF").then(|| [word(16), word(18)])
}

/// Opens a compiled library.
pub(crate) fn library(path: &Path) -> Result<Model, Error> {
    // The dynamic linker waits for what never comes from a pipe.
    let (file, _) = file::open(path)?;
    // Its words for a library of another machine are that there is no such file.
    if let (Some([_, machine]), Some(host)) = (elf(file), Machine::host())
        && host.elf() != machine
    {
        let message = format!("{}: a library for another machine", path.display());
        return Err(Error::new(E_RUN, message).with_help("open it where it runs"));
    }
    Ok(Model::open(path)?)
}

/// What a model says about itself.
pub(crate) fn manifest(model: &Model) -> Result<Manifest, Error> {
    Manifest::decode(model.manifest())
        .map_err(|error| Error::new(E_INTERNAL, format!("the manifest cannot be read: {error}")))
}

/// The inputs of a model that take pictures as they are, by name.
pub(crate) fn pictures(model: &Model) -> Result<BTreeMap<String, Picture>, Error> {
    let options = manifest(model)?.options;
    let inputs = options.iter().filter(|option| option.name == "input");
    Ok(inputs.filter_map(|option| picture(&option.value).ok()).collect())
}

/// The type of an input or output as the IR has it.
pub(crate) fn ty(info: &TensorInfo) -> Result<Type, Error> {
    let dims = info.shape.iter().map(|&extent| usize::try_from(extent)).collect::<Result<Vec<_>, _>>();
    match (DType::from_name(info.dtype.name()), dims) {
        (Some(dtype), Ok(dims)) => Ok(Type::new(dtype, dims)?),
        _ => Err(Error::new(
            cnnc::E_UNSUPPORTED,
            format!("{:?} has elements of type {}, which files cannot be read as yet", info.name, info.dtype),
        )),
    }
}
