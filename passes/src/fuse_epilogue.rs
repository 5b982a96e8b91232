//! fuse-epilogue: attach an element-wise node to the node that feeds it.
//!
//!     %a = conv %x, %w   =>   %y = conv %x, %w |> add %skip |> relu
//!     %b = add %a, %skip
//!     %y = relu %b
//!
//! What takes a stage is an operator with arithmetic of its own: conv, gemm, matmul, pools, reductions, casts and other
//! element-wise operators. Where both operands of a node could take it, the last layer of a branch does when the other
//! operand is computed from what the branch starts from:
//!
//!     %a = conv %x, %v |> relu   =>   %a = conv %x, %v |> relu
//!     %b = conv %a, %w                %p = conv %x, %u
//!     %p = conv %x, %u                %y = conv %a, %w |> add %p
//!     %y = add %b, %p
//!
//! The projection `%p` waits for nothing then, and may run beside `%a`. Else the one that computes more does, and of
//! equals the second, which usually stands later. The result keeps the consumer's name and place.
//!
//! Declines when the producer has another reader or is a result, when the consumer changes the type, and when the pipe
//! would grow past [`LONGEST`] stages: a kernel reads an operand for each. The piped
//! value is the first operand, so it may be the second of `add` and `mul` alone: `max` and `min` answer their second
//! operand of two zeros.

use crate::{Decline, Patch, Rule, facts};
use cnnc_ir::{Expr, Graph, Module, NodeId, Op, Stage};

pub(crate) const RULE: Rule = Rule::Node(rule);

/// The most stages of a pipe.
const LONGEST: usize = 16;

/// The most layers of a branch that are looked at.
const LAYERS: usize = 16;

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    if !graph[node].op().is_elementwise() {
        return Err(Decline::NoMatch);
    }
    let consumer = graph.expr(node);
    let mut places: Vec<usize> = (0..consumer.operands.len())
        .filter(|&place| place == 0 || matches!(consumer.op, Op::Add(_) | Op::Mul(_)))
        .filter(|&place| weight(graph, consumer.operands[place]) > 0)
        .collect();
    let rank = |place: usize| {
        let producer = consumer.operands[place];
        let is_last = consumer.operands.iter().any(|&other| ends_branch(graph, producer, other));
        (is_last, weight(graph, producer), place)
    };
    places.sort_by_cached_key(|&place| std::cmp::Reverse(rank(place)));
    let mut decline = Decline::NoMatch;
    for place in places {
        match absorb(graph, node, &consumer, place) {
            Ok(patch) => return Ok(patch),
            // The reason of the best producer is the one worth reading.
            Err(why) if decline == Decline::NoMatch => decline = why,
            Err(_) => {}
        }
    }
    Err(decline)
}

/// Whether a node is the last layer of a branch of several that starts from what another node of its type reads.
fn ends_branch(graph: &Graph, node: NodeId, other: NodeId) -> bool {
    // What takes no stage may have any number of operands.
    let first = |id: NodeId| if weight(graph, id) > 0 { graph.operands(id).first().copied() } else { None };
    let Some(start) = first(other).filter(|_| graph.ty(node) == graph.ty(other)) else { return false };
    std::iter::successors(first(node), |&id| first(id)).skip(1).take(LAYERS).any(|id| id == start)
}

/// How much a node computes: one that takes no stage weighs nothing.
pub(crate) fn weight(graph: &Graph, id: NodeId) -> u32 {
    match graph[id].op() {
        Op::Conv(_) | Op::Gemm(_) | Op::Matmul(_) => 3,
        Op::MaxPool(_) | Op::AvgPool(_) | Op::ReduceMean(_) | Op::ReduceMax(_) | Op::ReduceSum(_) => 2,
        Op::Cast(_) => 1,
        op if op.is_elementwise() => 1,
        _ => 0,
    }
}

/// The consumer and its stages as stages of the operand at `place`.
fn absorb(graph: &Graph, node: NodeId, consumer: &Expr, place: usize) -> Result<Patch, Decline> {
    let producer = consumer.operands[place];
    facts::read_once(graph, producer)?;
    if graph.ty(producer) != graph.ty(node) {
        let (from, to) = (graph.ty(producer), graph.ty(node));
        return Err(Decline::Because(format!("it changes %{} from {from} to {to}", graph[producer].name())));
    }
    if graph[producer].stages().len() + 1 + consumer.stages.len() > LONGEST {
        return Err(Decline::Because(format!("the pipe would have more than {LONGEST} stages")));
    }
    let mut operands = consumer.operands.clone();
    operands.remove(place);
    let mut fused = graph.expr(producer);
    fused.stages.push(Stage { op: consumer.op.clone(), operands });
    fused.stages.extend(consumer.stages.iter().cloned());
    Ok(Patch::becomes(fused))
}
