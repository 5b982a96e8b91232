//! Lowering: from a node to steps. A file that is named as an operator of the IR, or a family of them, lowers it; the
//! others are what those share.

mod arg_max;
mod cast;
mod concat;
mod conv;
mod conv_integer;
mod conv_transpose;
mod correlation;
mod cum_sum;
mod depth_to_space;
mod direct;
mod elementwise;
mod expand;
mod filter;
mod gather;
mod gemm;
mod grid_sample;
mod grouped;
mod image;
mod index;
mod lrn;
mod map;
mod matmul_integer;
mod padding;
mod panel;
mod pieces;
mod pipe;
mod pool;
mod pool_each;
mod product;
mod quantum;
mod reduce;
mod reorder;
mod reshape;
mod resize;
mod runs;
mod scalar;
mod scatter;
mod slice;
mod softmax;
mod strided;
mod sums;
mod taps;
mod top_k;
mod transpose;
mod unrolled;
mod winograd;
mod zeros;

pub(super) use cast::{is_picture, seen_through};
pub(super) use conv::dims4;
pub(super) use reorder::{REORDER, reorder};
pub(super) use strided::copy;
pub(super) use sums::Sums;
pub(super) use unrolled::is_too_long;
pub(super) use winograd::{ByRows, by_rows, bytes as winograd_bytes};

use super::{Home, Layout, Planner};
use crate::kernels::fold::Fold;
use cnnc_ir::{DType, NodeId, Op, Stage};

/// Appends the steps that compute a node, and gives its value a home.
pub(super) fn node(p: &mut Planner, id: NodeId) -> Result<(), String> {
    // Of a value without elements nothing is to be computed.
    if p.ty(id).elements() == 0 {
        p.result(id, Layout::Plain);
        return Ok(());
    }
    if p.seen_through.contains(&id) {
        return Ok(());
    }
    let (is_f32, has_kernel) = (is_f32(p, id), has_kernel(p, id));
    match p.module.graph[id].op() {
        // What is written for every element type.
        Op::ArgMax(op) => arg_max::lower(p, id, op),
        Op::ArgMaxPool(op) => pool_each::lower_arg_max(p, id, op),
        Op::Cast(_) => cast::lower(p, id),
        Op::Concat(concat) => concat::lower(p, id, concat),
        Op::ConvInteger(op) => conv_integer::lower(p, id, op),
        Op::CumSum(op) => cum_sum::lower(p, id, op),
        Op::Dequantize(_) => quantum::dequantize(p, id),
        Op::DepthToSpace(op) => depth_to_space::lower(p, id, op),
        Op::Expand(_) => expand::lower(p, id),
        Op::Gather(gather) => gather::lower(p, id, gather),
        Op::GatherElements(op) => index::gather_elements(p, id, op),
        Op::GatherNd(op) => index::gather_nd(p, id, op),
        Op::GridSample(sample) => grid_sample::lower(p, id, sample),
        Op::MatmulInteger(_) => matmul_integer::lower(p, id),
        Op::Padding(pad) => padding::lower(p, id, pad),
        Op::Quantize(_) => quantum::quantize(p, id),
        Op::ReduceMax(r) => reduce::lower(p, id, Fold::Max, &r.axes, false),
        Op::ReduceMean(r) => reduce::lower(p, id, Fold::Sum, &r.axes, true),
        Op::ReduceMin(r) => reduce::lower(p, id, Fold::Min, &r.axes, false),
        Op::ReduceProd(r) => reduce::lower(p, id, Fold::Product, &r.axes, false),
        Op::ReduceSum(r) => reduce::lower(p, id, Fold::Sum, &r.axes, false),
        Op::ReduceSumSquare(r) => reduce::lower(p, id, Fold::Squares, &r.axes, false),
        Op::Requantize(_) => quantum::requantize(p, id),
        Op::Reshape(_) | Op::Identity(_) | Op::Dropout(_) => reshape::lower(p, id),
        Op::Resize(resize) => resize::lower(p, id, resize),
        Op::ScatterElements(op) => scatter::elements(p, id, op),
        Op::ScatterNd(op) => scatter::blocks(p, id, op),
        Op::Slice(slice) => slice::lower(p, id, slice),
        Op::TopK(op) => top_k::lower(p, id, op),
        Op::Transpose(transpose) => transpose::lower(p, id, transpose),
        op if op.is_elementwise() => map::lower(p, id),
        // What is written for f32 alone, and what there is for the others.
        Op::Conv(conv) if !has_kernel => correlation::lower(p, id, conv),
        Op::AvgPool(pool) if !has_kernel => pool_each::lower_avg(p, id, pool),
        Op::MaxPool(pool) if !has_kernel => pool_each::lower_max(p, id, pool),
        Op::ConvTranspose(conv) if !is_f32 => conv_transpose::lower_each(p, id, conv),
        Op::Gemm(gemm) if !is_f32 => gemm::lower_each(p, id, gemm),
        Op::Lrn(op) if !is_f32 => lrn::lower_each(p, id, op),
        Op::Matmul(_) if !is_f32 => gemm::lower_matmul_each(p, id),
        Op::Softmax(softmax) if !is_f32 => softmax::lower_each(p, id, softmax),
        op if !is_f32 => Err(format!("{} of {} is not compiled yet", op.name(), p.ty(id).dtype)),
        Op::Conv(conv) => conv::lower(p, id, conv),
        Op::ConvTranspose(conv) => conv_transpose::lower(p, id, conv),
        Op::Gemm(gemm) => gemm::lower(p, id, gemm),
        Op::AvgPool(pool) => pool::lower_avg(p, id, pool),
        Op::Lrn(op) => lrn::lower(p, id, op),
        Op::MaxPool(pool) => pool::lower_max(p, id, pool),
        Op::Matmul(_) => gemm::lower_matmul(p, id),
        Op::Softmax(softmax) => softmax::lower(p, id, softmax),
        op => Err(format!("{} is not compiled yet", op.name())),
    }
}

/// Whether a node computes f32 from nothing else.
fn is_f32(p: &Planner, id: NodeId) -> bool {
    let operands = p.module.graph.operands(id);
    std::iter::once(id).chain(operands).all(|v| p.ty(v).dtype == DType::F32)
}

/// Whether the rows of a convolution or a pool are computed by a kernel, and not element by element.
fn has_kernel(p: &Planner, id: NodeId) -> bool {
    is_f32(p, id) && !unrolled::is_too_long(p, id)
}

/// The rows of its input that a row of a node's result sees.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    /// Rows that a result row moves.
    pub stride: u64,
    /// Rows of the window.
    pub kernel: u64,
    /// Rows between them.
    pub dilation: u64,
}

impl Default for Reach {
    fn default() -> Reach {
        Reach { stride: 1, kernel: 1, dilation: 1 }
    }
}

/// The reach of a node that is lowered to one nest over images, channel blocks and rows; `None`: it is not.
pub(super) fn reach(p: &Planner, id: NodeId) -> Option<Reach> {
    let graph = &p.module.graph;
    let (kernel, stride, dilation) = match graph[id].op() {
        Op::Conv(_) | Op::MaxPool(_) | Op::AvgPool(_) if !has_kernel(p, id) => return None,
        Op::Conv(_) if p.transforms.contains_key(&id) => return None,
        Op::Conv(conv) if conv::is_packed(p, id) && !conv::is_apart(p, id, conv) => {
            let window = p.ty(graph.operands(id)[1]).dims();
            (window[2], conv.stride.0, conv.dilation.0)
        }
        Op::MaxPool(pool) => (pool.kernel.0, pool.stride.0, pool.dilation.0),
        Op::AvgPool(pool) => (pool.kernel.0, pool.stride.0, pool.dilation.0),
        Op::Cast(_) if cast::is_picture(p, id) => (1, 1, 1),
        op if op.is_elementwise() && map::fits_blocks(p, id) => (1, 1, 1),
        _ => return None,
    };
    let reach = Reach { stride: stride as u64, kernel: kernel as u64, dilation: dilation as u64 };
    takes_pipe(p, id).then_some(reach)
}

/// Whether the kernel of a node takes all stages behind it.
pub(super) fn takes_pipe(p: &Planner, id: NodeId) -> bool {
    let stages = p.module.graph.expr(id).stages;
    let mut operands = stages.iter().flat_map(|stage| &stage.operands);
    stages.iter().all(|stage| pipe::is_vector(p, &stage.op, &stage.operands))
        && operands.all(|&o| !matches!(pipe::role(p, o, id, pipe::CHANNELS), pipe::Role::Other))
}

/// Runs what a node computed through the stages that its kernel did not take.
fn finish(p: &mut Planner, id: NodeId, home: Home, stages: Vec<Stage>) -> Result<(), String> {
    if stages.is_empty() { Ok(()) } else { map::lower_rest(p, id, home, stages) }
}
