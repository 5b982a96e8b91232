//! Lowering: from a node to steps. One file an operator, or a family of them, named as its meaning in the IR.

mod concat;
mod conv;
mod gemm;
mod grouped;
mod map;
mod panel;
mod pipe;
mod reorder;
mod reshape;
mod strided;
mod transpose;

pub(super) use reorder::reorder;
pub(super) use strided::copy;

use super::{Layout, Place, Planner};
use cnnc_ir::{NodeId, Op, Stage};

/// Appends the steps that compute a node, and gives its value a home.
pub(super) fn node(p: &mut Planner, id: NodeId) -> Result<(), String> {
    match p.module.graph[id].op() {
        Op::Concat(concat) => concat::lower(p, id, concat),
        Op::Conv(conv) => conv::lower(p, id, conv),
        Op::Gemm(gemm) => gemm::lower(p, id, gemm),
        Op::Matmul(_) => gemm::lower_matmul(p, id),
        Op::Reshape(_) | Op::Identity(_) | Op::Dropout(_) => reshape::lower(p, id),
        Op::Transpose(transpose) => transpose::lower(p, id, transpose),
        op if op.is_elementwise() => map::lower(p, id),
        op => Err(format!("{} is not compiled yet", op.name())),
    }
}

/// Runs what a node computed through the stages that its kernel did not take.
fn finish(
    p: &mut Planner,
    id: NodeId,
    home: Place,
    layout: Layout,
    stages: Vec<Stage>,
) -> Result<(), String> {
    if stages.is_empty() { Ok(()) } else { map::lower_rest(p, id, home, layout, stages) }
}
