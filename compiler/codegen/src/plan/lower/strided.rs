//! Moving elements between two strided views: what transpose, slice, pad, concat and their like come down to.

use super::runs::{Run, Walk, runs};
use super::scalar;
use crate::kernels::Spec;
use crate::kernels::map::Map;
use crate::kernels::pointwise::Source;
use crate::kernels::scalar::Scalar;
use crate::kernels::strided::Strided;
use crate::plan::{Call, Home, Layout, Place, Planner};
use crate::scalar::Builder;
use cnnc_ir::{DType, NodeId, Type};

/// One extent of the space that is walked, and the strides of both sides along it, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dim {
    pub extent: usize,
    pub from: i64,
    pub to: i64,
}

/// The extents of a value's memory in a layout: those of its type, or images, blocks, rows, columns and lanes.
pub(super) fn extents(p: &Planner, id: NodeId, layout: Layout) -> Vec<usize> {
    let mut extents = p.ty(id).dims().to_vec();
    if layout == Layout::Blocked {
        extents[1] = extents[1].div_ceil(p.target.lanes);
        extents.push(p.target.lanes);
    }
    extents
}

/// The strides of a value's memory at a home along those extents, in elements.
pub(super) fn strides(p: &Planner, id: NodeId, home: Home) -> Vec<i64> {
    let extents = extents(p, id, home.layout);
    let mut strides: Vec<i64> =
        (1..=extents.len()).map(|d| extents[d..].iter().product::<usize>() as i64).collect();
    if let Some(images) = strides.first_mut() {
        *images = home.image / p.ty(id).dtype.bytes() as i64;
    }
    strides
}

/// The calls that copy every element of a space from one view to another: a run is one kernel, by vectors where
/// neighbours are neighbours on both sides. Strides of 0 on the side that is read fill with one element.
pub(super) fn calls(p: &Planner, dtype: DType, from: Place, to: Place, dims: &[Dim]) -> Vec<Call> {
    let (bytes, lanes) = (dtype.bytes(), p.target.lanes);
    let walk =
        |place, stride: fn(&Dim) -> i64| Walk { place, bytes, strides: dims.iter().map(stride).collect() };
    let extents: Vec<usize> = dims.iter().map(|d| d.extent).collect();
    let runs = runs(&extents, &[walk(to, |d| d.to), walk(from, |d| d.from)]);
    let call = |Run { length, strides, extents, mut args }: Run| {
        let (from, to) = (strides[1], strides[0]);
        let kernel: Spec = if bytes != 4 {
            args.splice(1..1, scalar::run(length));
            element(dtype, from, to).into()
        } else if matches!(from, 0 | 1) && to == 1 {
            let source = if from == 0 { Source::Scalar(1) } else { Source::Same(1) };
            let (vectors, rest) = (length / lanes, length % lanes);
            Map { vectors, rest, lanes, from: source, pipe: Vec::new() }.into()
        } else {
            Strided { count: length, from: 4 * from, to: 4 * to }.into()
        };
        Call { kernel, extents, window: None, args }
    };
    runs.into_iter().map(call).collect()
}

/// The kernel that moves a run of elements that are not 4 bytes.
fn element(dtype: DType, from: i64, to: i64) -> Scalar {
    let k = Builder::new();
    let element = k.load(0, dtype, k.index() * from);
    let body = k.finish(element).expect("a place is an i64");
    Scalar { body, stride: dtype.bytes() as i64 * to }
}

/// Appends a step that copies a plain value.
pub(in crate::plan) fn copy(p: &mut Planner, name: &str, from: Place, to: Place, ty: &Type) {
    let calls = calls(p, ty.dtype, from, to, &[Dim { extent: ty.elements(), from: 1, to: 1 }]);
    p.step(name, "copy", "copy".into(), calls, 0);
}
