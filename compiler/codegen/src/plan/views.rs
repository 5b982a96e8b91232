//! Views: values that are computed where a concatenation wants them.
//!
//! The blocked form of an image of a concatenation along channels is that of its operands one behind the other, if all
//! but the last fill their blocks. An operand that is computed in blocks, or brought into them, is put into its piece
//! of each image, its own images as far apart as those of the concatenation, which has nothing left to do:
//!
//! ```text
//! %y = concat %a, %b      %y: | a of image 0 | b of image 0 | a of image 1 | b of image 1 |
//! ```
//!
//! This is decided before lowering, from the last concatenation to the first: one that is an operand of a later one
//! lies inside it, with its own operands, and one whose operands already stand one behind the other (where every layer
//! reads all layers before it) is that piece. A view is a wish: a value that turns out to live elsewhere is copied when
//! the concatenation is lowered.
//!
//! INVARIANT: a byte of a root belongs to one value, and to the concatenations of it. The price: a root is
//! alive from the first of its pieces on.

use super::check;
use cnnc_ir::ops::Concat;
use cnnc_ir::{DType, Graph, NodeId, Op};
use std::collections::HashMap;

/// Where a value is to be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// The concatenation whose home it lies in.
    pub root: NodeId,
    /// Bytes from the start of its first image, as of any.
    pub offset: u64,
}

/// The views of a graph, by value; a root is a view of itself.
pub(super) fn views(graph: &Graph, lanes: usize) -> HashMap<NodeId, View> {
    let mut views: HashMap<NodeId, View> = HashMap::new();
    for &id in graph.order().iter().rev() {
        let Op::Concat(concat) = graph[id].op() else { continue };
        let operands = graph.operands(id);
        if hindrance(graph, id, concat, lanes).is_some() {
            continue;
        }
        let offsets: Vec<u64> = operands
            .iter()
            .scan(0, |end, &o| {
                let start = *end;
                *end += bytes(graph, o, lanes);
                Some(start)
            })
            .collect();
        let own = views.get(&id).copied().or_else(|| standing(&views, &operands, &offsets));
        let own = own.unwrap_or(View { root: id, offset: 0 });
        for (&operand, offset) in operands.iter().zip(offsets) {
            if !graph[operand].is_const() {
                views.entry(operand).or_insert(View { offset: own.offset + offset, ..own });
            }
        }
        views.insert(id, own);
    }
    views
}

/// Why the operands of a concatenation cannot be pieces of it, if they cannot. The checker does not tell apart the
/// pieces of very many images.
pub(super) fn hindrance(graph: &Graph, id: NodeId, concat: &Concat, lanes: usize) -> Option<&'static str> {
    match () {
        () if graph[id].stages().len() > 0 => Some("functions run on it"),
        () if graph.ty(id).dtype != DType::F32 => Some("its elements are not f32"),
        () if !fills_blocks(graph, &graph.operands(id), concat.axis, lanes) => {
            Some("its operands are not one behind the other in blocks of channels")
        }
        () if graph.ty(id).dims()[0] > check::MOST_IMAGES => Some("it has very many images"),
        () => None,
    }
}

/// Where the operands stand one behind the other already.
fn standing(views: &HashMap<NodeId, View>, operands: &[NodeId], offsets: &[u64]) -> Option<View> {
    let first = *views.get(operands.first()?)?;
    let stands =
        |(o, offset): (&NodeId, &u64)| views.get(o) == Some(&View { offset: first.offset + offset, ..first });
    operands.iter().zip(offsets).all(stands).then_some(first)
}

/// Whether the blocked forms of the operands, one behind the other, are that of their concatenation.
pub(super) fn fills_blocks(graph: &Graph, operands: &[NodeId], axis: i64, lanes: usize) -> bool {
    axis == 1
        && operands.iter().all(|&o| graph.ty(o).rank() == 4)
        && operands.iter().rev().skip(1).all(|&o| graph.ty(o).dims()[1].is_multiple_of(lanes))
}

/// Bytes of a single image in blocks.
fn bytes(graph: &Graph, id: NodeId, lanes: usize) -> u64 {
    let dims = graph.ty(id).dims();
    4 * (dims[1].next_multiple_of(lanes) * dims[2] * dims[3]) as u64
}
