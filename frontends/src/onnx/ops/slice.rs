//! `Slice`, opset 1, 10, 11, 13, and `Split`, opset 1, 2, 11, 13, 18: parts of a tensor.
//!
//!     Slice(data, starts=, ends=, axes=the first ones)              before opset 10
//!     Slice(data, starts, ends, axes?, steps?)                      from then on
//!     Split(input, split?, axis=0, split=equal parts)               opset 1, where the input is of reals
//!     Split(input, axis=0, split=equal parts)                       before opset 13
//!     Split(input, split?, axis=0, num_outputs=that of the node)    from then on
//!
//! Bounds count from the end where negative, and are clamped: exporters write the largest integer for "up to
//! the end". A `Split` becomes one slice for each output.

use crate::onnx::attributes::required;
use crate::onnx::builder::extent;
use crate::onnx::diagnostic::{Fault, ensure, fail};
use crate::onnx::node::{Node, Outcome, axes, axis};
use cnnc_ir::ops::Slice;

pub(super) fn slice(node: &mut Node) -> Outcome {
    let ([x], [starts, ends, along, steps]) = node.inputs(["data"], ["starts", "ends", "axes", "steps"])?;
    let starts = required("starts", node.list_since(10, "starts", starts)?)?;
    let ends = required("ends", node.list_since(10, "ends", ends)?)?;
    let dims = node.ty(x).dims().to_vec();
    let along = match node.list_since(10, "axes", along)? {
        Some(along) => axes("axes", &along, dims.len())?,
        None => (0..starts.len()).collect(),
    };
    let steps = match steps {
        Some(steps) => node.ints("steps", steps)?,
        None => vec![1; starts.len()],
    };
    let fits =
        [ends.len(), along.len(), steps.len()] == [starts.len(); 3] && along.iter().all(|&d| d < dims.len());
    ensure!(fits, E_MODEL, "starts={starts:?}, ends={ends:?}, axes={along:?}, steps={steps:?} do not match");
    let mut op = whole(&dims);
    op.steps = vec![1; dims.len()];
    for (k, &d) in along.iter().enumerate() {
        (op.starts[d], op.ends[d], op.steps[d]) = range(starts[k], ends[k], steps[k], dims[d])?;
    }
    if op.steps.iter().all(|&step| step == 1) {
        op.steps.clear();
    }
    node.result(op, &[x])
}

pub(super) fn split(node: &mut Node) -> Outcome {
    let ([x], [input]) = node.inputs(["input"], ["split"])?;
    let dims = node.ty(x).dims().to_vec();
    let d = axis("axis", node.attributes.int("axis")?.unwrap_or(0), dims.len())?;
    let outputs = node.outputs;
    let count = outputs.len();
    let stated = node.attributes.int("num_outputs")?;
    let agrees = stated.is_none_or(|n| usize::try_from(n) == Ok(count));
    ensure!(agrees, E_MODEL, "num_outputs={}, the node has {count}", stated.unwrap_or(0));
    let given = match input {
        Some(input) if node.opset < 2 => {
            let reals = node.constant("split", input)?.data().to_f64();
            Some(reals.into_iter().map(|x| x as i64).collect())
        }
        _ => node.list_since(13, "split", input)?,
    };
    let lengths = match given {
        Some(split) => split.iter().map(|&n| extent("split", n)).collect::<Result<Vec<_>, _>>()?,
        None => parts(dims[d], count, node.opset)?,
    };
    let sum = lengths.iter().try_fold(0usize, |sum, &n| sum.checked_add(n));
    ensure!(
        lengths.len() == count && sum == Some(dims[d]),
        E_MODEL,
        "split={lengths:?} does not make {count} parts of the {} elements along axis {d}",
        dims[d]
    );
    let mut values = Vec::with_capacity(lengths.len());
    let mut start = 0;
    for (name, length) in outputs.iter().zip(lengths) {
        let mut op = whole(&dims);
        (op.starts[d], op.ends[d]) = (start as i64, (start + length) as i64);
        start += length;
        let name = if name.is_empty() { "unused" } else { name };
        values.push(node.builder.add(name, op.into(), &[x])?);
    }
    Ok(values)
}

/// The slice that keeps everything.
pub(super) fn whole(dims: &[usize]) -> Slice {
    let ends = dims.iter().map(|&n| n as i64).collect();
    Slice { starts: vec![0; dims.len()], ends, steps: Vec::new() }
}

/// A range as ONNX writes it, as (start, end, step) within `extent` elements.
fn range(start: i64, end: i64, step: i64, extent: usize) -> Result<(i64, i64, i64), Fault> {
    // An extent is at most isize::MAX, and only negative bounds are moved: neither sum overflows.
    let n = extent as i64;
    let from_start = |bound: i64| if bound < 0 { bound + n } else { bound };
    let (start, end) = (from_start(start), from_start(end));
    // A longer step than the extent takes one element, as one of the extent does.
    let step = step.clamp(-n.max(1), n.max(1));
    match step {
        0 => fail!(E_MODEL, "a step is 0"),
        1.. => {
            let start = start.clamp(0, n);
            Ok((start, end.clamp(start, n), step))
        }
        // Without elements the only place left is in front of them.
        _ => {
            let start = start.max(0).min(n - 1);
            Ok((start, end.clamp(-1, start), step))
        }
    }
}

/// Equal parts, the last one smaller where that is allowed.
fn parts(extent: usize, count: usize, opset: i64) -> Result<Vec<usize>, Fault> {
    let equal = extent.div_ceil(count.max(1));
    let exact = equal * count == extent;
    ensure!(exact || opset >= 18, E_MODEL, "{extent} elements do not split into {count} equal parts");
    let part = |k: usize| equal.min(extent.saturating_sub(k.saturating_mul(equal)));
    Ok((0..count).map(part).collect())
}
