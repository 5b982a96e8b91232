//! Where a network comes from: a name, a file of text, an ONNX file.
//!
//! ```text
//! resnet50 -> arch::Arch::build  ┐
//! net.cnn  -> ir::text::parse    ├─> Module <─ weights.safetensors
//! net.onnx -> onnx::import       ┘
//! ```
//!
//! A built-in name wins over a file of that name, which `./resnet50` still means. Refuses options that would change
//! nothing of what is read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use cnnc_frontends::arch::{self, Arch, ArchOptions};
use cnnc_frontends::onnx::{self, ImportOptions};
use cnnc_frontends::weights;
use cnnc_ir::{Module, text};
use sha2::{Digest, Sha256};

use crate::{E_IO, E_OPTION, E_PARSE, Error, Options};

/// What a path stands for.
enum Source<'p> {
    BuiltIn(&'static Arch),
    Text(&'p Path),
    Onnx(&'p Path),
}

impl Source<'_> {
    fn of(path: &Path) -> Result<Source<'_>, Error> {
        if let Some(arch) = path.to_str().and_then(arch::find) {
            return Ok(Source::BuiltIn(arch));
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("cnn") => Ok(Source::Text(path)),
            Some("onnx") => Ok(Source::Onnx(path)),
            _ if path.exists() => Ok(Source::Onnx(path)),
            _ => Err(unknown(path)),
        }
    }
}

/// Neither a file nor a name.
fn unknown(path: &Path) -> Error {
    let name = path.display().to_string();
    let likeness = |arch: &Arch| strsim::jaro_winkler(arch.name, &name);
    // Of equals the first is meant: `resnet5` is nearer to `resnet50` than to `resnet56`.
    let nearest = arch::list().iter().rev().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let error = Error::new(E_IO, format!("{name:?} is neither a file nor a built-in network"));
    match nearest.filter(|arch| likeness(arch) > 0.8) {
        Some(arch) => error.with_help(format!("did you mean {}? `cnnc arch list` names all", arch.name)),
        None => error.with_help("`cnnc arch list` names the built-in networks"),
    }
}

/// Reads a network: the name of one that is built in, `.cnn` text, or an ONNX file; then its weights where the
/// options name a file of them; then lets its inputs take pictures where they say so.
///
/// # Errors
/// Everything that is wrong with the file, with the options for it, with the weights, and with what inputs are to take.
pub fn load(path: &Path, options: &Options) -> Result<Module, Error> {
    let source = Source::of(path)?;
    for (option, _) in options.of_source().into_iter().filter(|(option, _)| option != "input") {
        let serves: &[&str] = match source {
            Source::BuiltIn(_) => &[
                "batch",
                "size",
                "classes",
                "width",
                "cardinality",
                "growth",
                "aux",
                "weights-seed",
                "weights",
            ],
            Source::Onnx(_) => &["batch", "shape", "weights"],
            Source::Text(_) => &["weights"],
        };
        if !serves.contains(&option.as_str()) {
            return Err(Error::new(E_OPTION, format!("--{option} changes nothing of {}", path.display()))
                .with_help(
                    "--batch and --shape are for ONNX, --size, --classes, --width and so on for built-in names",
                ));
        }
    }
    let mut module = match source {
        Source::BuiltIn(arch) => {
            let batch = options.batch.unwrap_or(options.arch.batch);
            let built = arch.build(&ArchOptions { batch, ..options.arch.clone() });
            built.map_err(|error| Error::new(E_OPTION, error))?
        }
        Source::Text(path) => {
            let source = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
            let parsed = text::parse(&source);
            parsed.map_err(|error| Error::new(E_PARSE, format!("{}:{error}", path.display())))?
        }
        Source::Onnx(path) => {
            let bind = ImportOptions {
                batch: options.batch,
                shapes: options.shapes.clone(),
                max_memory: usize::try_from(options.memory()).unwrap_or(usize::MAX),
                ..ImportOptions::default()
            };
            onnx::import_file(path, &bind)?
        }
    };
    if let Some(path) = &options.weights {
        weights::load(&mut module, path, options.ignore_extra).map_err(|problems| {
            Error::from(problems)
                .with_help("`cnnc arch show` lists the tensors of a network, --ignore-extra skips others")
        })?;
    }
    for (input, picture) in &options.pictures {
        picture.enter(&mut module, input)?;
    }
    Ok(module)
}

/// SHA-256 of what a network is made from: its file, or the text of one that is built in, then the file of weights.
///
/// # Errors
/// Those of [`load`] that concern the files.
pub fn digest(path: &Path, options: &Options) -> Result<Vec<u8>, Error> {
    let mut digest = Sha256::new();
    let files = match Source::of(path)? {
        Source::Text(path) | Source::Onnx(path) => [Some(path), options.weights.as_deref()],
        Source::BuiltIn(_) => {
            let graph = load(path, &Options { weights: None, pictures: BTreeMap::new(), ..options.clone() })?;
            digest.update(text::print(&graph));
            [None, options.weights.as_deref()]
        }
    };
    for path in files.into_iter().flatten() {
        let read = File::open(path)
            .and_then(|file| std::io::copy(&mut BufReader::with_capacity(1 << 18, file), &mut digest));
        read.map_err(|error| unreadable(path, &error))?;
    }
    Ok(digest.finalize().to_vec())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(E_IO, format!("{}: {error}", path.display()))
}
