//! `conv`: direct convolution, or by [transformed tiles](winograd) where that is quicker; groups of a few channels go
//! their [own way](grouped), other element types than f32 element by element.

use super::direct::{self, Along, Direct, Phase};
use super::filter::Filter;
use super::grouped;
use super::winograd;
use crate::plan::Planner;
use cnnc_ir::NodeId;
use cnnc_ir::ops::Conv;

/// Lowers a convolution and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, conv: &Conv) -> Result<(), String> {
    let operands = p.module.graph.operands(id);
    let [_, inputs, kh, kw] = dims4(p, operands[1]);
    let [n, channels, oh, ow] = dims4(p, id);
    let groups = conv.groups;
    let outputs = channels / groups;
    if is_grouped(p, id, conv) {
        return grouped::lower(p, id, conv);
    }
    if let Some(&transform) = p.transforms.get(&id) {
        return winograd::lower(p, id, conv, transform);
    }
    let along = |taps, stride, dilation, pad, count| Along {
        taps,
        stride,
        dilation,
        pad,
        skip: 0,
        first: 0,
        count,
        step: 1,
        series: 1,
    };
    let filter = Filter {
        weights: operands[1],
        transform: None,
        outer: vec![(groups, (outputs * inputs * kh * kw) as i64)],
        outputs,
        inputs,
        taps: (kh, kw),
        block: 1,
        first: 0,
        strides: [(inputs * kh * kw) as i64, (kh * kw) as i64, kw as i64, 1],
    };
    let phase = Phase {
        rows: along(kh, conv.stride.0, conv.dilation.0, conv.pad.top, oh),
        columns: along(kw, conv.stride.1, conv.dilation.1, conv.pad.left, ow),
        filter,
    };
    let macs = (n * channels * oh * ow * inputs * kh * kw) as u64;
    direct::lower(p, id, Direct { op: "conv", groups, inputs, outputs, phases: vec![phase], macs })
}

/// Whether a convolution is lowered by [`grouped`].
pub(super) fn is_grouped(p: &Planner, id: NodeId, conv: &Conv) -> bool {
    let w = p.module.graph.operands(id)[1];
    let (inputs, outputs) = (p.ty(w).dims()[1], p.ty(id).dims()[1] / conv.groups);
    grouped::fits(conv.groups, inputs, outputs) && is_packed(p, id)
}

/// Whether the weights are known, and packed before anything runs.
pub(super) fn is_packed(p: &Planner, id: NodeId) -> bool {
    p.module.graph[p.module.graph.operands(id)[1]].is_const()
}

/// Whether groups are computed apart, because they are not whole channel blocks nor [fit](grouped::fits) one.
pub(super) fn is_apart(p: &Planner, id: NodeId, conv: &Conv) -> bool {
    let (inputs, outputs) =
        (p.ty(p.module.graph.operands(id)[1]).dims()[1], p.ty(id).dims()[1] / conv.groups);
    direct::is_apart(p, conv.groups, inputs, outputs) && !is_grouped(p, id, conv)
}

/// The extents of a value of rank 4.
pub(in crate::plan) fn dims4(p: &Planner, id: NodeId) -> [usize; 4] {
    let d = p.ty(id).dims();
    [d[0], d[1], d[2], d[3]]
}
