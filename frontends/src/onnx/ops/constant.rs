//! `Constant`, `ConstantOfShape`, `Shape` and `Size`: what is known at compile time.
//!
//!     Constant(value | value_float | value_floats | value_int | value_ints)
//!     ConstantOfShape(input, value=0.0)     stays one number, however large the shape
//!     Shape(data, start=0, end=rank)        an i64 list
//!     Size(data)                            an i64 scalar
//!     Range(start, limit, delta)            start, start + delta, .. before the limit, opset 11, 27
//!     EyeLike(input, dtype=that of input, k=0)    ones on a diagonal, opset 9
//!     NonZero(X)                            opset 9, 13: of a constant, the places of what is not 0
//!
//! Refused: strings and sparse values, and an integer over 2^53 as the value of `ConstantOfShape`.

use super::normalization::stash_type;
use super::refused;
use crate::onnx::diagnostic::{ensure, fail};
use crate::onnx::node::{Node, Outcome};
use crate::onnx::tensor;
use cnnc_ir::{DType, Data, NodeId, Shape, Tensor, Type};

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

pub(super) fn range(node: &mut Node) -> Outcome {
    let ([start, limit, delta], []) = node.inputs(["start", "limit", "delta"], [])?;
    let ty = node.ty(start);
    let one_type = [limit, delta].iter().all(|&id| node.ty(id).dtype == ty.dtype);
    ensure!(one_type, E_MODEL, "start, limit and delta are not of one type");
    if node.opset >= 27 {
        // In what f16 is computed on the way; here that is f64.
        stash_type(node)?;
    }
    if !ty.dtype.is_float() {
        return whole_range(node, ty.dtype, [start, limit, delta]);
    }
    let [first, limit, step] =
        [node.scalar("start", start)?, node.scalar("limit", limit)?, node.scalar("delta", delta)?];
    let count = ((limit - first) / step).ceil();
    ensure!(count.is_finite(), E_MODEL, "from {first} to {limit} by {step} are no elements");
    let count = count.max(0.0) as usize;
    let name = node.name().to_string();
    let ty = Type::new(ty.dtype, [count])?;
    Ok(vec![node.builder.generated(&name, ty, |i| first + i as f64 * step)?])
}

/// A range of integers, which f64 cannot tell apart beyond 2^53.
fn whole_range(node: &mut Node, dtype: DType, operands: [NodeId; 3]) -> Outcome {
    let mut numbers = [0; 3];
    for ((number, id), name) in numbers.iter_mut().zip(operands).zip(["start", "limit", "delta"]) {
        let known = node.constant(name, id)?.cast(DType::I64);
        let [one] = known.slice::<i64>() else { fail!(E_MODEL, "input {name} must be one number") };
        *number = i128::from(*one);
    }
    let [first, limit, step] = numbers;
    ensure!(step != 0, E_MODEL, "from {first} to {limit} by {step} are no elements");
    let (reach, stride) = ((limit - first) * step.signum(), step.abs());
    let count = (reach + stride - 1).div_euclid(stride).max(0);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    node.builder.spend(count.saturating_mul(size_of::<i64>()))?;
    let elements = (0..count).map(|i| (first + i as i128 * step) as i64).collect();
    let name = node.name().to_string();
    Ok(vec![node.builder.constant(&name, Tensor::of(&Shape::new([count])?, elements).cast(dtype))?])
}

pub(super) fn eye_like(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    let ty = node.ty(x);
    let [_, columns] = *ty.dims() else { fail!(E_MODEL, "the input {ty} is no matrix") };
    let dtype = node.attributes.int("dtype")?.map(tensor::dtype).transpose()?.unwrap_or(ty.dtype);
    let k = node.attributes.int("k")?.unwrap_or(0);
    let one = |i: usize, j: usize| f64::from(u8::from(i64::checked_sub(j as i64, i as i64) == Some(k)));
    let name = node.name().to_string();
    Ok(vec![node.builder.generated(&name, ty.with_dtype(dtype), |at| one(at / columns, at % columns))?])
}

pub(super) fn non_zero(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let Some(known) = node.builder.value(x)? else { return refused::data_dependent(node) };
    let (shape, strides) = (known.shape(), known.shape().strides());
    node.builder.spend(shape.elements().saturating_mul(shape.rank()).saturating_mul(size_of::<i64>()))?;
    let elements = known.data().to_f64();
    let places: Vec<usize> = (0..elements.len()).filter(|&at| elements[at] != 0.0).collect();
    let along = |d: usize| places.iter().map(move |at| (d, at));
    let each = (0..shape.rank()).flat_map(along);
    let coordinates = each.map(|(d, at)| (at / strides[d] % shape[d]) as i64).collect();
    let name = node.name().to_string();
    let found = Tensor::of(&Shape::new([shape.rank(), places.len()])?, coordinates);
    Ok(vec![node.builder.constant(&name, found)?])
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
