//! The types of a model's inputs: every dimension bound to a number.
//!
//!     --shape     binds an input, and with it the symbols that the file gives to its dimensions
//!     --batch N   binds symbolic first dimensions; without it they are 1 in inputs of rank 2 or more
//!
//! A tensor in place of an input ([`ImportOptions::freeze`]) binds it as its shape would. One symbol means one number
//! wherever it stands. An extent of -1, which some exporters write, is a dimension without a name; any other below 0 is
//! refused.
//!
//! Refused: names that C cannot write, dimensions that stay unbound, bindings that contradict the file or
//! each other, and those that bind nothing.

use super::ImportOptions;
use super::diagnostic::{Fault, ensure, fail, fault, quoted};
use super::tensor;
use cnnc_ir::{DType, Shape, Type};
use onnx_protobuf::tensor_shape_proto::dimension::Value as DimensionValue;
use onnx_protobuf::type_proto::Value as TypeValue;
use onnx_protobuf::{TensorShapeProto, ValueInfoProto};
use std::collections::HashMap;

/// A dimension as the file declares it.
#[derive(Clone, Debug, PartialEq)]
enum Dimension {
    Fixed(usize),
    Symbol(String),
    Unknown,
}

/// The type of an input or output as the file declares it.
pub(super) struct Declared {
    /// The name in the file.
    pub(super) name: String,
    dtype: DType,
    /// None where even the rank is open.
    dims: Option<Vec<Dimension>>,
}

impl Declared {
    /// Reads a declaration.
    pub(super) fn new(info: &ValueInfoProto) -> Result<Declared, Fault> {
        let tensor = match info.type_.as_ref().and_then(|t| t.value.as_ref()) {
            Some(TypeValue::TensorType(tensor)) => tensor,
            Some(TypeValue::SequenceType(_)) => fail!(E_UNSUPPORTED, "sequences are not supported"),
            Some(TypeValue::MapType(_)) => fail!(E_UNSUPPORTED, "maps are not supported"),
            Some(TypeValue::OptionalType(_)) => fail!(E_UNSUPPORTED, "optional values are not supported"),
            Some(TypeValue::SparseTensorType(_)) => fail!(E_UNSUPPORTED, "sparse tensors are not supported"),
            _ => fail!(E_MODEL, "it has no type"),
        };
        let dtype = tensor::dtype(tensor.elem_type.into())?;
        // Callers know inputs and outputs by their names, and those of C know no NUL.
        ensure!(!info.name.contains('\0'), E_UNSUPPORTED, "its name holds a NUL: give it another");
        let dims = tensor.shape.as_ref().map(dimensions).transpose()?;
        Ok(Declared { name: info.name.clone(), dtype, dims })
    }

    /// Checks the declaration of a result, which is called so, against its type; `shapes` says whether extents count.
    pub(super) fn check(&self, what: &str, ty: &Type, shapes: bool) -> Result<(), Fault> {
        let contradicts = match &self.dims {
            // ONNX: a shape without dimensions is a scalar's, but often stands for one that is not known.
            Some(dims) if shapes && !dims.is_empty() => {
                dims.len() != ty.rank() || dims.iter().zip(ty.dims()).any(|(d, &n)| !d.admits(n))
            }
            _ => false,
        };
        ensure!(
            ty.dtype == self.dtype && !contradicts,
            E_MODEL,
            "{what} {} is declared {}, its value is {ty}",
            quoted(&self.name),
            self.written()
        );
        Ok(())
    }

    /// The declaration as in the text form.
    fn written(&self) -> String {
        let Some(dims) = &self.dims else { return format!("{}[...]", self.dtype) };
        let dims: Vec<String> = dims.iter().map(Dimension::written).collect();
        format!("{}[{}]", self.dtype, dims.join(","))
    }

    /// How to give the shape on the command line.
    fn hint(&self) -> String {
        let dims = self.dims.iter().flatten().map(|d| match d {
            Dimension::Fixed(n) => n.to_string(),
            _ => "N".to_string(),
        });
        let dims = dims.collect::<Vec<_>>().join("x");
        let name = self.name.escape_debug();
        match dims.is_empty() {
            true => format!("give its shape with --shape {name}=1x3x224x224"),
            false => format!("give its shape with --shape {name}={dims}, each N a number"),
        }
    }
}

impl Dimension {
    fn admits(&self, extent: usize) -> bool {
        !matches!(self, Dimension::Fixed(n) if *n != extent)
    }

    fn written(&self) -> String {
        match self {
            Dimension::Fixed(n) => n.to_string(),
            Dimension::Symbol(name) => quoted(name),
            Dimension::Unknown => "?".to_string(),
        }
    }
}

fn dimensions(shape: &TensorShapeProto) -> Result<Vec<Dimension>, Fault> {
    let dimension = |value: &Option<DimensionValue>| match value {
        Some(DimensionValue::DimValue(-1)) => Ok(Dimension::Unknown),
        Some(DimensionValue::DimValue(n)) => match usize::try_from(*n) {
            Ok(n) => Ok(Dimension::Fixed(n)),
            Err(_) => Err(fault!(E_MODEL, "it has an extent of {n}; -1 stands for one that is not known")),
        },
        Some(DimensionValue::DimParam(name)) if !name.is_empty() => Ok(Dimension::Symbol(name.clone())),
        _ => Ok(Dimension::Unknown),
    };
    shape.dim.iter().map(|d| dimension(&d.value)).collect()
}

/// The types of the inputs, in order, or what is wrong with each; and whether anything had to be bound.
pub(super) fn bind(
    inputs: &[Declared],
    options: &ImportOptions,
) -> Result<(Vec<Result<Type, Fault>>, bool), Fault> {
    let given = |input: &Declared| {
        let frozen = options.freeze.get(&input.name).map(|t| t.shape().dims().to_vec());
        frozen.or_else(|| options.shapes.get(&input.name).cloned())
    };
    for name in options.shapes.keys().chain(options.freeze.keys()) {
        let known = inputs.iter().any(|i| i.name == *name);
        if !known {
            let names: Vec<String> = inputs.iter().map(|i| quoted(&i.name)).collect();
            let message =
                fault!(E_MODEL, "a shape is given for {}, which is no input of the model", quoted(name));
            return Err(message.with_help(format!("its inputs are {}", names.join(", "))));
        }
    }
    let mut symbols: HashMap<String, usize> = HashMap::new();
    for input in inputs {
        if let (Some(extents), Some(dims)) = (given(input), &input.dims) {
            fits(input, dims, &extents)?;
            for (dim, extent) in dims.iter().zip(extents) {
                learn(&mut symbols, dim, extent)?;
            }
        }
    }
    let mut batched = options.batch.is_none();
    for input in inputs {
        if let Some(extents) = given(input) {
            batched |= options.batch == extents.first().copied();
            continue;
        }
        let Some([first, rest @ ..]) = input.dims.as_deref() else { continue };
        let known = matches!(first, Dimension::Symbol(symbol) if symbols.contains_key(symbol));
        match first {
            Dimension::Fixed(n) => batched |= options.batch == Some(*n),
            _ if options.batch.is_none() && (known || rest.is_empty()) => {}
            _ => {
                batched = true;
                learn(&mut symbols, first, options.batch.unwrap_or(1))?;
            }
        }
    }
    if !batched && inputs.iter().any(|input| given(input).is_some()) {
        return Err(fault!(E_MODEL, "a batch is given, and another one as the shape of an input")
            .with_help("give either of them"));
    }
    if !batched {
        return Err(fault!(E_MODEL, "a batch is given, but no input has a symbolic first dimension")
            .with_help("a fixed one is part of the model: export it with a dynamic batch"));
    }
    let extents = |input: &Declared| match (given(input), &input.dims) {
        (Some(extents), _) => Ok(extents),
        (None, None) => {
            Err(fault!(E_MODEL, "input {} has no shape", quoted(&input.name)).with_help(input.hint()))
        }
        (None, Some(dims)) => {
            let batch = options.batch.or((dims.len() >= 2).then_some(1));
            dims.iter().enumerate().map(|(place, dim)| extent(input, place, dim, batch, &symbols)).collect()
        }
    };
    let typed = |input: &Declared| {
        let shape = Shape::new(extents(input)?).map_err(tensor::beyond)?;
        let ty = Type { dtype: input.dtype, shape };
        if let Some(frozen) = options.freeze.get(&input.name) {
            let (name, given) = (quoted(&input.name), frozen.ty());
            if given != ty {
                let declared = input.written();
                return Err(fault!(E_MODEL, "input {name} is declared {declared}, frozen to {given}")
                    .with_help("give a tensor of the declared type"));
            }
        }
        Ok(ty)
    };
    let bound = inputs.iter().any(|i| i.dims.iter().flatten().any(|d| !matches!(d, Dimension::Fixed(_))));
    Ok((inputs.iter().map(typed).collect(), bound))
}

/// The extent of a dimension, by its number, its symbol, or as a batch.
fn extent(
    input: &Declared,
    place: usize,
    dim: &Dimension,
    batch: Option<usize>,
    symbols: &HashMap<String, usize>,
) -> Result<usize, Fault> {
    let known = match dim {
        Dimension::Fixed(n) => Some(*n),
        Dimension::Symbol(symbol) => symbols.get(symbol).copied(),
        Dimension::Unknown => batch.filter(|_| place == 0),
    };
    known.ok_or_else(|| {
        let (name, dim) = (quoted(&input.name), dim.written());
        let help = match place {
            0 => format!("--batch N binds it, or {}", input.hint()),
            _ => input.hint(),
        };
        fault!(E_MODEL, "dimension {place} of input {name}, {dim}, is not known").with_help(help)
    })
}

fn fits(input: &Declared, dims: &[Dimension], extents: &[usize]) -> Result<(), Fault> {
    let fits = dims.len() == extents.len() && dims.iter().zip(extents).all(|(d, &n)| d.admits(n));
    let (name, declared) = (quoted(&input.name), input.written());
    if fits {
        return Ok(());
    }
    Err(fault!(E_MODEL, "input {name} is declared {declared}, the shape given is {extents:?}")
        .with_help("give extents for what is symbolic, and those that are declared for the others"))
}

fn learn(symbols: &mut HashMap<String, usize>, dim: &Dimension, extent: usize) -> Result<(), Fault> {
    if let Dimension::Symbol(symbol) = dim
        && let Some(other) = symbols.insert(symbol.clone(), extent).filter(|&other| other != extent)
    {
        let symbol = quoted(symbol);
        return Err(fault!(E_MODEL, "dimension {symbol} is given as {other} and as {extent}")
            .with_help("one name means one extent in all inputs: give the same one everywhere"));
    }
    Ok(())
}
