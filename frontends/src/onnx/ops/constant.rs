//! `Constant`, `ConstantOfShape`, `Shape` and `Size`: what is known at compile time.
//!
//!     Constant(value | value_float | value_floats | value_int | value_ints)
//!     ConstantOfShape(input, value=0.0)     stays one number, however large the shape
//!     Shape(data, start=0, end=rank)        an i64 list
//!     Size(data)                            an i64 scalar
//!
//! Refused: strings and sparse values, and an integer over 2^53 as the value of `ConstantOfShape`.

use crate::onnx::diagnostic::{ensure, fail};
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::{Data, Shape, Tensor, Type};

pub(super) fn constant(node: &mut Node) -> Outcome {
    let ([], []) = node.inputs([], [])?;
    let mut forms = Vec::new();
    if let Some(proto) = node.attributes.tensor("value")? {
        forms.push(node.tensor(proto)?);
    }
    if let Some(x) = node.attributes.float("value_float")? {
        forms.push(Tensor::of(&Shape::scalar(), vec![x]));
    }
    if let Some(x) = node.attributes.floats("value_floats")? {
        forms.push(Tensor::of(&Shape::new([x.len()])?, x));
    }
    if let Some(x) = node.attributes.int("value_int")? {
        forms.push(Tensor::of(&Shape::scalar(), vec![x]));
    }
    if let Some(x) = node.attributes.ints("value_ints")? {
        forms.push(Tensor::of(&Shape::new([x.len()])?, x));
    }
    let name = node.name().to_string();
    match (forms.pop(), forms.pop()) {
        (Some(tensor), None) => Ok(vec![node.builder.constant(&name, tensor)?]),
        (None, _) => fail!(E_UNSUPPORTED, "the constant has no value, or one of strings or a sparse one"),
        (Some(_), Some(_)) => fail!(E_MODEL, "the constant has more than one value"),
    }
}

pub(super) fn constant_of_shape(node: &mut Node) -> Outcome {
    let ([shape], []) = node.inputs(["input"], [])?;
    let shape = Shape::from_signed(&node.ints("input", shape)?)?;
    let value = match node.attributes.tensor("value")? {
        Some(proto) => node.tensor(proto)?,
        None => Tensor::of(&Shape::scalar(), vec![0.0f32]),
    };
    let dtype = value.data().dtype();
    let [number] = value.data().to_f64()[..] else {
        fail!(E_MODEL, "value is {}, it must be one number", value.ty());
    };
    let exact = dtype.is_float() || Data::splat(dtype, 1, number) == *value.data();
    ensure!(
        exact && number.abs() <= 2f64.powi(53) || dtype.is_float(),
        E_UNSUPPORTED,
        "value={number} is over 2^53"
    );
    let name = node.name().to_string();
    Ok(vec![node.builder.splat(&name, Type { dtype, shape }, number)?])
}

pub(super) fn shape(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["data"], [])?;
    let ty = node.ty(x);
    let rank = ty.rank() as i64;
    let place = |bound: i64| (if bound < 0 { bound + rank } else { bound }).clamp(0, rank) as usize;
    let start = place(node.attributes.int("start")?.unwrap_or(0));
    let end = place(node.attributes.int("end")?.unwrap_or(rank)).max(start);
    let extents: Vec<i64> = ty.dims()[start..end].iter().map(|&n| n as i64).collect();
    let name = node.name().to_string();
    Ok(vec![node.builder.constant(&name, Tensor::of(&Shape::new([extents.len()])?, extents))?])
}

pub(super) fn size(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["data"], [])?;
    let count = node.ty(x).elements() as i64;
    let name = node.name().to_string();
    Ok(vec![node.builder.constant(&name, Tensor::of(&Shape::scalar(), vec![count]))?])
}
