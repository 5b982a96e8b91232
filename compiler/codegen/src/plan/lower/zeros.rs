//! Zeros: a product of a vector and a matrix leaves out the terms that a zero of the vector makes nothing of.
//!
//! ```text
//! %y = gemm %x, %w   =>   %terms = the places of what is not zero in %x     %y = gemm %x, %w at %terms
//! ```
//!
//! Weights of such a product are read once and take all its time; those of a term that is left out are not read. Of
//! what ReLU lets through half is zero and more, of a drawing most. Which terms count is seen in each run, and if most
//! do all are taken, see [`terms`](crate::kernels::terms). A sum is the same with and without terms of zero, in every
//! bit but the sign of a sum that is zero.
//!
//! Declines where the vector has few zeros by all that is known, where weights are few, and where one is infinite or no
//! number: zero times that is no number.

use super::pipe::{read, write};
use crate::kernels::terms::Terms;
use crate::plan::{Call, Layout, Place, Planner, Space, Topic, at};
use cnnc_ir::{DType, Graph, NodeId, Op, Type};

/// Bytes of weights from which on it pays to look at the vector first, in a step of its own: they lie behind the second
/// cache level then, or fill it.
const LEAST_BYTES: usize = 512 << 10;

/// Terms, at least, of which some are left out.
const LEAST_TERMS: usize = 64;

/// Terms at most: a list holds their places in bytes as i32.
const MOST_TERMS: usize = i32::MAX as usize / 4;

/// The terms that count.
#[derive(Clone, Copy)]
pub(super) struct Listed {
    pub place: Place,
    pub bytes: i64,
}

/// Lists the terms that count in the product of a vector, which lies at `place`, and a packed matrix.
pub(super) fn list(
    p: &mut Planner,
    id: NodeId,
    [vector, matrix]: [NodeId; 2],
    place: Place,
    terms: usize,
) -> Result<Option<Listed>, String> {
    let graph = &p.module.graph;
    let bytes = p.ty(matrix).elements() * DType::F32.bytes();
    if bytes < LEAST_BYTES || !(LEAST_TERMS..=MOST_TERMS).contains(&terms) || !p.target.does(Topic::Zeros) {
        return Ok(None);
    }
    let hindrance = if !may_have_zeros(graph, vector) {
        Some("nothing says that there are zeros in the vector")
    } else if !p.is_finite(matrix).ok_or("the matrix must be a constant")?? {
        Some("some weights are not finite")
    } else {
        None
    };
    if let Some(why) = hindrance {
        p.decisions.left(Topic::Zeros, p.name(id), why);
        return Ok(None);
    }
    let kernel = Terms { terms, block: p.target.lanes };
    let name = format!("{}.terms", p.name(id));
    let ty = Type::new(DType::I32, [kernel.bytes() / DType::I32.bytes()]).map_err(|m| m.0)?;
    let listed = at(p.buffer(&name, &ty, Layout::Plain, Space::Arena));
    let bytes = kernel.bytes() as i64;
    let args = vec![
        write(listed, Vec::new(), 0..bytes),
        read(place, Vec::new(), 0..(terms * DType::F32.bytes()) as i64),
    ];
    let call = Call { kernel: kernel.into(), extents: vec![1], window: None, args };
    p.step(&name, "terms", format!("of {terms}"), vec![call], 0);
    p.decisions.did(Topic::Zeros, p.name(id), "weights are read for what is not zero");
    Ok(Some(Listed { place: listed, bytes }))
}

/// Whether zeros are likely: behind ReLU, also where maxima of it are taken, and in what the caller gives.
fn may_have_zeros(graph: &Graph, mut value: NodeId) -> bool {
    loop {
        let node = &graph[value];
        match node.stages().last().unwrap_or(node.op()) {
            Op::Relu(_) | Op::Input(_) => return true,
            Op::Clip(clip) => return clip.min == 0.0,
            Op::MaxPool(_) | Op::Reshape(_) | Op::Identity(_) | Op::Dropout(_) | Op::Transpose(_) => {
                value = graph.operands(value)[0];
            }
            _ => return false,
        }
    }
}
