//! Moving elements between two strided views: what transpose, slice, pad, concat and their like come down to.

use super::pipe::{read, write};
use crate::kernels::Spec;
use crate::kernels::map::Map;
use crate::kernels::pointwise::Source;
use crate::kernels::scalar::Scalar;
use crate::kernels::strided::Strided;
use crate::plan::{Arg, Call, Layout, Place, Planner, Term};
use crate::scalar::Builder;
use cnnc_ir::{DType, NodeId, Type};

/// Elements of a unit of a long run.
const RUN: usize = 4096;

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

/// The row-major strides of extents, in elements.
pub(super) fn strides(extents: &[usize]) -> Vec<i64> {
    (1..=extents.len()).map(|d| extents[d..].iter().product::<usize>() as i64).collect()
}

/// The calls that copy every element of a space from one view to another.
///
/// Neighbouring extents that both sides walk as one are merged; the innermost run is one kernel, by vectors where
/// neighbours are neighbours on both sides. Strides of 0 on the side that is read fill with one element.
pub(super) fn calls(p: &Planner, dtype: DType, from: Place, to: Place, dims: &[Dim]) -> Vec<Call> {
    let bytes = dtype.bytes() as i64;
    let mut loops: Vec<Dim> = Vec::new();
    for dim in dims.iter().filter(|d| d.extent != 1) {
        match loops.last_mut() {
            Some(outer)
                if outer.from == dim.from * dim.extent as i64 && outer.to == dim.to * dim.extent as i64 =>
            {
                *outer = Dim { extent: outer.extent * dim.extent, ..*dim };
            }
            _ => loops.push(*dim),
        }
    }
    let inner = loops.pop().unwrap_or(Dim { extent: 1, from: 1, to: 1 });
    let lanes = p.target.lanes;
    let pieces = inner.extent / RUN;
    let mut calls = Vec::new();
    for (offset, count, length) in [(0, pieces, RUN), (pieces * RUN, 1, inner.extent - pieces * RUN)] {
        if length == 0 || count == 0 {
            continue;
        }
        let kernel: Spec = if bytes != 4 {
            scalar(dtype, &inner).into()
        } else if matches!(inner.from, 0 | 1) && inner.to == 1 {
            let source = if inner.from == 0 { Source::Scalar(1) } else { Source::Same(1) };
            let (vectors, rest) = (length / lanes, length % lanes);
            Map { vectors, rest, lanes, from: source, pipe: Vec::new() }.into()
        } else {
            Strided { count: length, from: 4 * inner.from, to: 4 * inner.to }.into()
        };
        let side = |place: Place, stride: fn(&Dim) -> i64| {
            let by = bytes * offset as i64 * stride(&inner);
            let place = Place { offset: place.offset.wrapping_add_signed(by), ..place };
            let index = |(dim, d)| Term::Index { dim, stride: bytes * stride(d) };
            let mut terms: Vec<Term> = loops.iter().enumerate().map(index).collect();
            terms.push(Term::Index { dim: loops.len(), stride: bytes * RUN as i64 * stride(&inner) });
            let reach = bytes * (length as i64 - 1) * stride(&inner);
            (place, terms, reach.min(0)..reach.max(0) + bytes)
        };
        let (to, to_terms, to_span) = side(to, |d| d.to);
        let (from, from_terms, from_span) = side(from, |d| d.from);
        let extents = loops.iter().map(|d| d.extent as u64).chain([count as u64]).collect();
        let mut args = vec![write(to, to_terms, to_span), read(from, from_terms, from_span)];
        if bytes != 4 {
            let number = |from| Arg::Number { from, dim: 0, step: 0 };
            args.splice(1..1, [number(0), number(length as i64)]);
        }
        calls.push(Call { kernel, extents, window: None, args });
    }
    calls
}

/// The kernel that moves a run of elements that are not 4 bytes.
fn scalar(dtype: DType, run: &Dim) -> Scalar {
    let k = Builder::new();
    let element = k.load(0, dtype, k.index() * run.from);
    let body = k.finish(element).expect("a place is an i64");
    Scalar { body, stride: dtype.bytes() as i64 * run.to }
}

/// Appends a step that copies a plain value.
pub(in crate::plan) fn copy(p: &mut Planner, name: &str, from: Place, to: Place, ty: &Type) {
    let calls = calls(p, ty.dtype, from, to, &[Dim { extent: ty.elements(), from: 1, to: 1 }]);
    p.step(name, "copy", "copy".into(), calls, 0);
}
