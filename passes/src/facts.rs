//! Questions that several rules ask of a graph.

use crate::Decline;
use cnnc_ir::{Graph, NodeId, Op, Type};

/// The most nodes that a short look takes in: what passes leave of arithmetic on constants is shallow, and a rule
/// must not walk a deep graph once for each of its nodes.
const DEPTH: usize = 64;

/// Whether a value depends on constants alone, as far as a short look can tell.
pub(crate) fn is_constant(graph: &Graph, id: NodeId) -> bool {
    let mut pending = vec![id];
    for _ in 0..DEPTH {
        let Some(id) = pending.pop() else { return true };
        match graph[id].op() {
            Op::Input(_) => return false,
            _ => pending.extend(graph.operands(id)),
        }
    }
    pending.is_empty()
}

/// How many numbers a value holds if, broadcast to a tensor `[N, C, ..]`, it holds one for each channel, C, or one
/// for all, 1.
pub(crate) fn per_channel(value: &Type, tensor: &Type) -> Option<usize> {
    let missing = tensor.rank().checked_sub(value.rank())?;
    let others_are_1 = value.dims().iter().enumerate().all(|(d, &n)| d + missing == 1 || n == 1);
    let count = value.elements();
    (others_are_1 && (count == 1 || count == *tensor.dims().get(1)?)).then_some(count)
}

/// Declines unless a value is read once and is no result: else it would be computed twice.
pub(crate) fn read_once(graph: &Graph, id: NodeId) -> Result<(), Decline> {
    let name = graph[id].name();
    if graph.is_output(id) {
        return Err(Decline::Because(format!("%{name} is a result")));
    }
    match graph.only_reader(id) {
        Some(_) => Ok(()),
        None => Err(Decline::Because(format!("%{name} has another reader"))),
    }
}

/// Whether an operator or a stage of a node jumps: where what it reads moves a little, its result may move a step.
pub(crate) fn jumps(graph: &Graph, id: NodeId) -> bool {
    let node = &graph[id];
    let is_float = |id: NodeId| graph.ty(id).dtype.is_float();
    // Integers and bools made of reals.
    let counts = !is_float(id) && graph.operands(id).into_iter().any(is_float);
    let by_steps = |op: &Op| match op {
        Op::Floor(_) | Op::Ceil(_) | Op::Round(_) | Op::Sign(_) | Op::Modulo(_) => true,
        // The element that is nearest to a place.
        Op::GridSample(_) => true,
        _ => false,
    };
    counts || by_steps(node.op()) || node.stages().any(by_steps)
}

/// Whether an operator has numbers of one kind on one side of an edge and NaN, or infinity, on the other: the root of 0
/// and that of a little less, a negative base to the power of 2 and of a little more.
pub(crate) fn has_edge(op: &Op) -> bool {
    use Op::{Acos, Acosh, Asin, Atanh, Log, Pow, Rsqrt, Sqrt};
    matches!(op, Acos(_) | Acosh(_) | Asin(_) | Atanh(_) | Log(_) | Pow(_) | Rsqrt(_) | Sqrt(_))
}

/// Declines where a value is scaled and shifted and then read by what jumps. Products of whole steps, as quantised
/// networks have them, often lie right where that jumps, which one rounding more or less would decide.
pub(crate) fn not_rounded(graph: &Graph, id: NodeId) -> Result<(), Decline> {
    let mut pending = vec![id];
    for _ in 0..DEPTH {
        let Some(id) = pending.pop() else { return Ok(()) };
        for reader in graph.readers(id) {
            if jumps(graph, reader) {
                let (value, name) = (graph[id].name(), graph[reader].name());
                return Err(Decline::Because(format!("%{name} rounds %{value}, which may be a tie")));
            }
            match graph[reader].op() {
                Op::Add(_) | Op::Sub(_) | Op::Mul(_) | Op::Div(_) | Op::Neg(_) => pending.push(reader),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether a node computes its operator alone.
pub(crate) fn is_bare(graph: &Graph, id: NodeId) -> bool {
    graph[id].stages().len() == 0
}
