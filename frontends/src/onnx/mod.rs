//! ONNX: from the bytes of a model to a [`Module`], and back by [`export`](export()).
//!
//!     bytes -> protobuf messages -> nodes in order -> one IR node a value, types known, shapes static
//!
//! The vocabulary of ONNX ends here: operators of several outputs become several nodes, defaults are spelled
//! out, axes counted from 0, the forms of all operator sets brought to one, and integer arithmetic on shapes
//! is evaluated at once, so that the operands that ONNX wants as tensors (`Reshape`, `Slice`, `Resize`)
//! become attributes. Symbolic dimensions are bound by [`ImportOptions`].
//!
//! Nothing is guessed and nothing ignored: an operator, attribute or field that is not understood is a
//! [`Diagnostic`], and all of those in a file are reported at once. No input, however bad, makes the importer
//! panic, recurse on the depth of a graph, or open a file outside the folder of the model.

mod attributes;
mod builder;
mod decode;
mod diagnostic;
mod export;
mod external;
mod importer;
mod node;
mod ops;
mod order;
mod signature;
mod tensor;
mod wire;

#[cfg(test)]
mod tests;

pub use decode::LARGEST_FILE;
pub(crate) use diagnostic::quoted;
pub use diagnostic::{Diagnostic, E_IO, E_LIMIT, E_MEMORY, E_MODEL, E_PARSE, E_UNSUPPORTED, printable};
pub use export::{export, export_file};
pub use tensor::{tensor_from_pb, tensor_to_pb};

use crate::file;
use cnnc_ir::{Module, Tensor};
use external::Folder;
use std::collections::BTreeMap;
use std::path::Path;

/// What the user decides about a model. Inputs are named as in the file.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// What a symbolic first dimension of an input stands for; 1, where the input has more than one
    /// dimension, unless this or `shapes` says otherwise.
    pub batch: Option<usize>,
    /// Shapes of inputs. Dimensions that the file fixes must agree.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Inputs that become constants.
    pub freeze: BTreeMap<String, Tensor>,
    /// Bytes that any value may have, and all inputs and constants together; 8 GiB.
    pub max_memory: usize,
    /// Bytes that constants may have which the file does not hold but says how to make: 640 MiB, as the largest
    /// light model of the onnx package wants 548.
    pub max_generated: usize,
}

impl Default for ImportOptions {
    fn default() -> ImportOptions {
        let (shapes, freeze) = (BTreeMap::new(), BTreeMap::new());
        ImportOptions { batch: None, shapes, freeze, max_memory: 8 << 30, max_generated: 640 << 20 }
    }
}

/// Imports a model from memory. Weights in other files are refused, as there is no folder to find them in.
///
/// # Errors
/// Everything that is wrong with the model or not supported, one diagnostic each, in the order of its nodes.
pub fn import(bytes: &[u8], options: &ImportOptions) -> Result<Module, Vec<Diagnostic>> {
    let model = decode::model(bytes).map_err(|fault| vec![fault.into()])?;
    importer::import(model, options, None)
}

/// Imports a model from a file, and weights from files in its folder or below.
///
/// # Errors
/// As [`import`], and what keeps a file from being read.
pub fn import_file(path: &Path, options: &ImportOptions) -> Result<Module, Vec<Diagnostic>> {
    import_beside(file::read(path, LARGEST_FILE).map_err(|problem| vec![problem])?, path, options)
}

/// As [`import_file`], of bytes that were read from this path. They are dropped as soon as they are decoded.
///
/// # Errors
/// As [`import_file`].
pub fn import_beside(
    bytes: impl AsRef<[u8]>,
    path: &Path,
    options: &ImportOptions,
) -> Result<Module, Vec<Diagnostic>> {
    let model = decode::model(bytes.as_ref()).map_err(|fault| vec![fault.into()])?;
    drop(bytes);
    importer::import(model, options, Some(Folder::of(path, options.max_memory)))
}
