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

use std::path::Path;
use std::sync::Arc;

use cnnc_frontends::arch::{self, Arch, ArchOptions};
use cnnc_frontends::onnx::{self, Diagnostic, ImportOptions};
use cnnc_frontends::{file, weights};
use cnnc_ir::{Module, text, verify};
use sha2::{Digest, Sha256};

use crate::{E_IO, E_MODEL, E_OPTION, E_PARSE, Error, Options};

/// Bytes that the text of a network may have.
const LARGEST_TEXT: u64 = 256 << 20;

/// What a path stands for.
#[derive(Clone, Copy)]
enum Kind {
    BuiltIn(&'static Arch),
    Text,
    Onnx,
}

impl Kind {
    fn of(path: &Path) -> Result<Kind, Error> {
        if let Some(arch) = path.to_str().and_then(arch::find) {
            return Ok(Kind::BuiltIn(arch));
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("cnn") => Ok(Kind::Text),
            Some("onnx") => Ok(Kind::Onnx),
            _ if path.exists() => Ok(Kind::Onnx),
            _ => Err(unknown(path)),
        }
    }

    /// The options that say something of such a network.
    fn options(self) -> &'static [&'static str] {
        match self {
            Kind::BuiltIn(_) => &[
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
            Kind::Onnx => &["batch", "shape", "weights"],
            Kind::Text => &["weights"],
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
    Source::read(path, options)?.module(path, options)
}

/// As [`load`]; and the SHA-256 of the same bytes: of the network's file, or the text of one that is built in, then of
/// the file of weights.
///
/// # Errors
/// Those of [`load`].
pub fn load_digested(path: &Path, options: &Options) -> Result<(Module, Vec<u8>), Error> {
    let source = Source::read(path, options)?;
    let twin = source.clone();
    let (module, digest) = rayon::join(|| source.module(path, options), || twin.digest(options));
    Ok((module?, digest?))
}

/// What a network is made from, read once.
#[derive(Clone)]
struct Source {
    kind: Kind,
    /// Of the network's file; none of one that is built in.
    bytes: Arc<Vec<u8>>,
    weights: Option<Arc<Vec<u8>>>,
}

impl Source {
    fn read(path: &Path, options: &Options) -> Result<Source, Error> {
        let kind = Kind::of(path)?;
        let options_of_source = options.of_source();
        let mut others = options_of_source.iter().map(|(option, _)| option.as_str());
        if let Some(option) = others.find(|&option| option != "input" && !kind.options().contains(&option)) {
            return Err(Error::new(E_OPTION, format!("--{option} changes nothing of {}", path.display()))
                .with_help(
                    "--batch and --shape are for ONNX, --size, --classes, --width and so on for built-in names",
                ));
        }
        let bytes = match kind {
            Kind::BuiltIn(_) => Vec::new(),
            Kind::Text => file::read(path, LARGEST_TEXT)?,
            Kind::Onnx => file::read(path, onnx::LARGEST_FILE)?,
        };
        if [&b"\x7fELF"[..], b"!<arch>\n"].iter().any(|magic| bytes.starts_with(magic)) {
            return Err(Error::new(E_PARSE, format!("{}: compiled already", path.display())).with_help(
                "give the network that it was made from; `cnnc run`, `bench` and `inspect` take a .so",
            ));
        }
        let weights =
            options.weights.as_deref().map(|path| file::read(path, options.memory())).transpose()?;
        Ok(Source { kind, bytes: Arc::new(bytes), weights: weights.map(Arc::new) })
    }

    /// The network. Its bytes are dropped when they are understood.
    fn module(self, path: &Path, options: &Options) -> Result<Module, Error> {
        let mut module = match self.kind {
            Kind::BuiltIn(arch) => built(arch, options)?,
            Kind::Text => parsed(path, &self.bytes)?,
            Kind::Onnx => {
                let bind = ImportOptions {
                    batch: options.batch,
                    shapes: options.shapes.clone(),
                    max_memory: usize::try_from(options.memory()).unwrap_or(usize::MAX),
                    max_generated: usize::try_from(options.max_generated).unwrap_or(usize::MAX),
                    ..ImportOptions::default()
                };
                onnx::import_beside(Bytes(self.bytes), path, &bind).map_err(|mut problems| {
                    if options.batch.is_some() || !options.shapes.is_empty() {
                        problems.iter_mut().for_each(blame_shapes);
                    }
                    Error::from(problems)
                })?
            }
        };
        if let Some(bytes) = &self.weights {
            weights::from_bytes(&mut module, bytes, options.ignore_extra).map_err(|mut problems| {
                let file = options.weights.as_deref().unwrap_or(path).display();
                for problem in problems.iter_mut().filter(|problem| problem.code != weights::E_WEIGHTS) {
                    problem.message = format!("{file}: {}", problem.message);
                    problem.help = Some("save the tensors again, as safetensors".into());
                }
                Error::from(problems)
            })?;
        }
        if let Kind::Text = self.kind {
            // A text may leave values to a file of weights, and forget what it returns.
            verify::verify(&module).map_err(|rule| {
                Error::new(E_PARSE, format!("{}: {rule}", path.display())).with_help(
                    "write constants as `const rand(1)` or `const splat(0)`, and `return` what is wanted",
                )
            })?;
        }
        for (input, picture) in &options.pictures {
            picture.enter(&mut module, input)?;
        }
        Ok(module)
    }

    fn digest(self, options: &Options) -> Result<Vec<u8>, Error> {
        let mut digest = Sha256::new();
        match self.kind {
            Kind::BuiltIn(arch) => digest.update(text::print(&built(arch, options)?)),
            Kind::Text | Kind::Onnx => digest.update(&*self.bytes),
        }
        if let Some(weights) = self.weights {
            digest.update(&*weights);
        }
        Ok(digest.finalize().to_vec())
    }
}

/// A rule of ONNX may be broken by the shapes that were given, and not by the file.
fn blame_shapes(problem: &mut Diagnostic) {
    if problem.code == E_MODEL {
        let help = "give other shapes or another batch, or correct the file where it is made";
        problem.help.get_or_insert_with(|| help.into());
    }
}

/// Bytes that are shared with whoever digests them.
struct Bytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn built(arch: &Arch, options: &Options) -> Result<Module, Error> {
    let batch = options.batch.unwrap_or(options.arch.batch);
    let built = arch.build(&ArchOptions { batch, ..options.arch.clone() });
    built.map_err(|error| {
        Error::new(E_OPTION, error)
            .with_help("leave out the options that change it, and it is as in its paper")
    })
}

fn parsed(path: &Path, bytes: &[u8]) -> Result<Module, Error> {
    let wrong = |what: &dyn std::fmt::Display| Error::new(E_PARSE, format!("{}:{what}", path.display()));
    let source = str::from_utf8(bytes)
        .map_err(|error| wrong(&format_args!(" is no text: {error}")).with_help("save it as UTF-8"))?;
    text::parse(source).map_err(|error| {
        wrong(&error).with_help("correct that line; docs/operators.md lists operators and attributes")
    })
}
