//! `Pad`, opset 1, 2, 11, 13, 18 to 25, and `CenterCropPad`, opset 18: a border of one value, or of elements.
//!
//!     Pad(data, pads=, value=0, mode=constant)                before opset 11; paddings in opset 1
//!     Pad(data, pads, constant_value?, axes?, mode=constant)  from then on
//!
//!     mode      abc padded by 2    becomes
//!     constant  0 0 a b c 0 0      pad
//!     edge      a a a b c c c      gather, along each dimension that grows
//!     reflect   c b a b c b a
//!     wrap      b c a b c a b
//!
//! A negative entry cuts elements off: a `slice` in front. A value that is computed, or that is no f32, is chosen
//! by a mask.
//!
//!     CenterCropPad(input, shape, axes=all)    the middle, half of what is cut or added in front, rounded down
//!
//! Refused: cuts that reach into the padding, and borders of elements where there are none.

use super::slice::whole;
use crate::onnx::attributes::required;
use crate::onnx::builder::extent;
use crate::onnx::diagnostic::{Fault, ensure, fail, fault};
use crate::onnx::node::{Node, Outcome, axes};
use cnnc_ir::ops::{Gather, Identity, Padding, Select};
use cnnc_ir::{DType, Data, NodeId, Shape, Tensor, Type};

/// Which element of `n` a border shows at a place before 0 or behind `n - 1`; none for a border of one value.
type Source = Option<fn(place: i64, n: i64) -> i64>;

pub(super) fn pad(node: &mut Node) -> Outcome {
    let ([x], [pads, value, along]) = node.inputs(["data"], ["pads", "constant_value", "axes"])?;
    let modes: &[(&str, Source)] =
        &[("constant", None), ("edge", Some(edge)), ("reflect", Some(reflect)), ("wrap", Some(wrap))];
    let source = node.attributes.word("mode", modes)?;
    let ty = node.ty(x);
    let name = if node.opset < 2 { "paddings" } else { "pads" };
    let pads = required(name, node.list_since(11, name, pads)?)?;
    let value = match value {
        _ if node.opset < 11 => Value::Known(node.attributes.float("value")?.unwrap_or(0.0)),
        Some(value) => Value::of(node, value)?,
        None => Value::Known(0.0),
    };
    let along = match along {
        Some(along) => {
            let along = node.ints("axes", along)?;
            axes("axes", &along, ty.rank())?
        }
        None => (0..ty.rank()).collect(),
    };
    let n = along.len();
    ensure!(pads.len() == 2 * n, E_MODEL, "pads={pads:?} are no pairs for {n} dimensions of {ty}");
    let mut op = Padding { before: vec![0; ty.rank()], after: vec![0; ty.rank()], value: 0.0 };
    let mut cut = whole(ty.dims());
    for (k, &d) in along.iter().enumerate() {
        let (before, after) = (pads[k], pads[n + k]);
        (op.before[d], op.after[d]) = (before.max(0), after.max(0));
        cut.starts[d] = before.min(0).saturating_neg();
        cut.ends[d] = cut.ends[d].saturating_add(after.min(0));
        ensure!(
            cut.starts[d] <= cut.ends[d],
            E_MODEL,
            "pads={pads:?} cut off more than dimension {d} of {ty} has"
        );
    }
    let x = if cut == whole(ty.dims()) { x } else { node.step("cut", cut, &[x])? };
    match (source, value) {
        (Some(source), _) => {
            let bordered = border(node, x, &op, source)?;
            node.result(Identity, &[bordered])
        }
        (None, Value::Known(value)) => node.result(Padding { value, ..op }, &[x]),
        (None, Value::Computed(value)) => {
            let inside = Type { dtype: DType::Bool, ..node.ty(x) };
            let name = format!("{}.inside", node.name());
            let inside = node.builder.splat(&name, inside, 1.0)?;
            let mask = node.step("mask", op.clone(), &[inside])?;
            let padded = node.step("padded", op, &[x])?;
            let value = node.reshaped("value", value, &[])?;
            node.result(Select, &[mask, padded, value])
        }
    }
}

/// What a border is of.
enum Value {
    Known(f32),
    Computed(NodeId),
}

impl Value {
    fn of(node: &mut Node, id: NodeId) -> Result<Value, Fault> {
        let Some(known) = node.builder.value(id)? else { return Ok(Value::Computed(id)) };
        let dtype = known.data().dtype();
        let [number] = known.data().to_f64()[..] else {
            fail!(E_MODEL, "constant_value is {}, it must be one number", known.ty());
        };
        let is_f32 = Data::splat(dtype, 1, (number as f32).into()) == *known.data();
        Ok(if is_f32 || number.is_nan() { Value::Known(number as f32) } else { Value::Computed(id) })
    }
}

pub(super) fn center_crop_pad(node: &mut Node) -> Outcome {
    let ([x, shape], []) = node.inputs(["input", "shape"], [])?;
    let ty = node.ty(x);
    let shape = node.ints("shape", shape)?;
    let along = match node.attributes.ints("axes")? {
        Some(given) => axes("axes", &given, ty.rank())?,
        None => (0..ty.rank()).collect(),
    };
    ensure!(shape.len() == along.len(), E_MODEL, "shape={shape:?} for {} dimensions", along.len());
    let mut cut = whole(ty.dims());
    let mut pad = Padding { before: vec![0; ty.rank()], after: vec![0; ty.rank()], value: 0.0 };
    for (&d, &wanted) in along.iter().zip(&shape) {
        let (wanted, n) = (extent("shape", wanted)? as i64, ty.dims()[d] as i64);
        let (less, more) = ((n - wanted).max(0), (wanted - n).max(0));
        (cut.starts[d], cut.ends[d]) = (less / 2, less / 2 + n - less);
        (pad.before[d], pad.after[d]) = (more / 2, more - more / 2);
    }
    let x = node.step("cut", cut, &[x])?;
    node.result(pad, &[x])
}

/// Adds a border of elements, one dimension after the other.
fn border(
    node: &mut Node,
    mut x: NodeId,
    pads: &Padding,
    source: fn(i64, i64) -> i64,
) -> Result<NodeId, Fault> {
    let dims = node.ty(x).dims().to_vec();
    for (d, &n) in dims.iter().enumerate() {
        let (before, after, n) = (pads.before[d], pads.after[d], n as i64);
        if before == 0 && after == 0 {
            continue;
        }
        ensure!(n > 0, E_MODEL, "dimension {d} of {} has no elements to repeat", node.ty(x));
        let end = n.checked_add(after).filter(|end| end.checked_add(before).is_some());
        let end = end.ok_or_else(|| fault!(E_LIMIT, "the padding overflows"))?;
        let count = usize::try_from(before + end).unwrap_or(0);
        node.builder.spend(count.saturating_mul(size_of::<i64>()))?;
        let places: Vec<i64> = (-before..end).map(|place| source(place, n)).collect();
        let places = node.known("places", Tensor::of(&Shape::new([places.len()])?, places))?;
        x = node.step("border", Gather { axis: d as i64 }, &[x, places])?;
    }
    Ok(x)
}

fn edge(place: i64, n: i64) -> i64 {
    place.clamp(0, n - 1)
}

fn reflect(place: i64, n: i64) -> i64 {
    // There and back again, without repeating the ends: 0 1 2 1, 0 1 2 1, ...
    let period = (2 * (n - 1)).max(1);
    let at = place.rem_euclid(period);
    at.min(period - at).min(n - 1)
}

fn wrap(place: i64, n: i64) -> i64 {
    place.rem_euclid(n)
}
