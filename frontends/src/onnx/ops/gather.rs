//! `Gather`, opset 1, 11, 13, and its kin: elements that index tensors name.
//!
//!     Gather(data, indices, axis=0)                                  opset 1, 11, 13
//!     GatherElements(data, indices, axis=0)                          opset 11, 13
//!     GatherND(data, indices, batch_dims=0)                          opset 11, 12, 13
//!     Compress(input, condition, axis=)                              opset 9, 11: by a known condition
//!     ReverseSequence(input, sequence_lens, batch_axis=1, time_axis=0)    opset 10: the first elements backwards
//!
//! Refused: constant indices out of range; those that come at run time are clamped. A condition that is computed
//! at run time: the shape of the result would depend on it.

use super::expand::stretched;
use super::refused;
use crate::onnx::diagnostic::{Fault, ensure, fail};
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::ops::{Cast, Gather, GatherElements, GatherNd, Less, Select, Sub};
use cnnc_ir::{DType, Data, NodeId, Shape, Tensor};

pub(super) fn gather(node: &mut Node) -> Outcome {
    let ([x, indices], []) = node.inputs(["data", "indices"], [])?;
    let ty = node.ty(x);
    let d = axis("axis", node.attributes.int("axis")?.unwrap_or(0), ty.rank())?;
    check(node, indices, &[ty.dims()[d]])?;
    let places = node.ty(indices);
    if ty.dims()[d] == 0 && places.elements() == 0 {
        // The IR's `gather` clamps indices, which needs an element, even where there are no indices.
        let dims = [&ty.dims()[..d], places.dims(), &ty.dims()[d + 1..]].concat();
        let name = node.name().to_string();
        return Ok(vec![node.builder.splat(&name, ty.with_dims(dims)?, 0.0)?]);
    }
    node.result(Gather { axis: d as i64 }, &[x, indices])
}

pub(super) fn gather_elements(node: &mut Node) -> Outcome {
    let ([x, indices], []) = node.inputs(["data", "indices"], [])?;
    let ty = node.ty(x);
    let d = axis("axis", node.attributes.int("axis")?.unwrap_or(0), ty.rank())?;
    check(node, indices, &[ty.dims()[d]])?;
    node.result(GatherElements { axis: d as i64 }, &[x, indices])
}

pub(super) fn gather_nd(node: &mut Node) -> Outcome {
    let ([x, indices], []) = node.inputs(["data", "indices"], [])?;
    let batch = node.attributes.int("batch_dims")?.unwrap_or(0);
    let ty = node.ty(x);
    let Some(dims) = usize::try_from(batch).ok().and_then(|b| ty.dims().get(b..)) else {
        fail!(E_MODEL, "batch_dims={batch} are more than the dimensions of {ty}");
    };
    check_tuples(node, indices, dims)?;
    node.result(GatherNd { batch: ty.rank() - dims.len() }, &[x, indices])
}

pub(super) fn compress(node: &mut Node) -> Outcome {
    let ([mut x, condition], []) = node.inputs(["input", "condition"], [])?;
    let Some(condition) = node.builder.value(condition)? else { return refused::data_dependent(node) };
    let d = match node.attributes.int("axis")? {
        Some(given) => axis("axis", given, node.ty(x).rank())?,
        None => {
            x = node.reshaped("flat", x, &[node.ty(x).elements()])?;
            0
        }
    };
    let chosen = condition.data().to_f64().into_iter().enumerate().filter(|(_, c)| *c != 0.0);
    let places: Vec<i64> = chosen.map(|(place, _)| place as i64).collect();
    let places = node.known("places", Tensor::of(&Shape::new([places.len()])?, places))?;
    check(node, places, &[node.ty(x).dims()[d]])?;
    node.result(Gather { axis: d as i64 }, &[x, places])
}

/// `place = i < length ? length - 1 - i : i` along the time, for each of the batch.
pub(super) fn reverse_sequence(node: &mut Node) -> Outcome {
    let ([x, lengths], []) = node.inputs(["input", "sequence_lens"], [])?;
    let ty = node.ty(x);
    let batch = axis("batch_axis", node.attributes.int("batch_axis")?.unwrap_or(1), ty.rank())?;
    let time = axis("time_axis", node.attributes.int("time_axis")?.unwrap_or(0), ty.rank())?;
    let (count, steps) = (ty.dims()[batch], ty.dims()[time]);
    ensure!(batch != time, E_MODEL, "batch_axis and time_axis are both {time}");
    ensure!(node.ty(lengths).dims() == [count], E_MODEL, "sequence_lens must be a list of {count}");
    let along = |d: usize, n: usize| {
        let mut dims = vec![1; ty.rank()];
        dims[d] = n;
        dims
    };
    let lengths = node.step("wide", Cast { to: DType::I64 }, &[lengths])?;
    let lengths = node.reshaped("lengths", lengths, &along(batch, count))?;
    let here = Tensor::of(&Shape::new(along(time, steps))?, (0..steps as i64).collect());
    let behind = Tensor::of(&Shape::new(along(time, steps))?, (1..=steps as i64).collect());
    let (here, behind) = (node.known("here", here)?, node.known("behind", behind)?);
    let inside = node.step("inside", Less, &[here, lengths])?;
    let mirrored = node.step("mirrored", Sub, &[lengths, behind])?;
    let places = node.step("places", Select, &[inside, mirrored, here])?;
    let places = node.step("each", stretched(ty.dims()), &[places])?;
    node.result(GatherElements { axis: time as i64 }, &[x, places])
}

/// Checks indices, if they are known, into a dimension of so many elements; or tuples of them into several, the
/// last dimension of the indices being the tuple.
pub(super) fn check(node: &mut Node, indices: NodeId, extents: &[usize]) -> Result<(), Fault> {
    let Some(known) = node.builder.value(indices)? else { return Ok(()) };
    let (Data::I64(_) | Data::I32(_)) = known.data() else { return Ok(()) };
    let wide = known.cast(DType::I64);
    let along = |place: usize| extents[place % extents.len()] as i64;
    let given = wide.slice::<i64>().iter().enumerate();
    let bad = given.into_iter().find(|&(place, i)| !(-along(place)..along(place)).contains(i));
    if let Some((place, index)) = bad {
        fail!(E_MODEL, "index {index} is out of range: there are {} elements along its axis", along(place));
    }
    Ok(())
}

/// [`check`]s tuples of indices into the first of these dimensions.
pub(super) fn check_tuples(node: &mut Node, indices: NodeId, dims: &[usize]) -> Result<(), Fault> {
    match node.ty(indices).dims().last().and_then(|&named| dims.get(..named)) {
        Some(extents) if !extents.is_empty() => check(node, indices, extents),
        // What does not fit is refused by the operator itself.
        _ => Ok(()),
    }
}
