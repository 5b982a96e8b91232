//! fold-constants: evaluate what depends on constants alone.
//!
//!     %s = mul %gamma, %rstd   =>   %v = const
//!     %v = mul %w, %s
//!
//! The only pass that does arithmetic. A tree of constants is evaluated in f64 and rounded once, where it ends; an
//! element-wise operator on splats, and a splat in another shape, stay one number.
//!
//!     %m = mul %a, %b          in f32: 30 * 0.7 = 21, in f64 it is 20.9999993
//!     %f = floor %m
//!
//! What jumps, such as a rounding, would tell the two apart. So it and all that it is computed from are evaluated as
//! the network would, in its own types; its result then begins another tree. So is what reaches the edge of where an
//! operator has results, as 0 is that of a root.
//!
//! Declines what would take more memory or arithmetic than is reasonable for the constants that are there, and
//! constants without elements. So it does where one number would be an i64 that f64, in which splats are held, rounds.

use crate::{Edits, Patch, Rule, facts};
use cnnc_ir::eval::apply;
use cnnc_ir::ops::{Const, Identity, Init};
use cnnc_ir::{DType, Data, Expr, Graph, Mismatch, Module, NodeId, Op, Shape, Tensor, Type};
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub(crate) const RULE: Rule = Rule::Graph(rule);

/// Bytes that evaluated values may take, beside [`GROWTH`] times those of the constants that a file holds.
const BUDGET: usize = 256 << 20;

/// Operations that evaluating may take, beside [`GROWTH`] for each byte of those constants.
const WORK: u64 = 100 << 20;

/// How often the constants of the module may be evaluated anew.
const GROWTH: usize = 4;

fn rule(module: &Module) -> Edits {
    let graph = &module.graph;
    let levels = levels(graph);
    let foldable: HashSet<NodeId> = levels.iter().flatten().copied().collect();
    // How many foldable nodes are still to read a value.
    let mut waiting: HashMap<NodeId, usize> = HashMap::new();
    for operand in foldable.iter().flat_map(|&id| graph.operands(id)) {
        *waiting.entry(operand).or_default() += 1;
    }
    let mut edits = Edits::default();
    let mut folder = Folder::new(module, in_own_types(graph, &foldable));
    for level in &levels {
        let granted: Vec<Result<(), Mismatch>> = level.iter().map(|&id| folder.grant(id, &waiting)).collect();
        let fold = |(&id, granted): (&NodeId, Result<(), Mismatch>)| {
            let value = granted.and_then(|()| folder.fold(id))?;
            let ends = graph.is_output(id) || graph.readers(id).any(|reader| !foldable.contains(&reader));
            let patch = ends.then(|| value.patch(graph.ty(id)));
            Ok((waiting.contains_key(&id).then_some(value), patch))
        };
        let folded: Vec<Result<_, Mismatch>> = level.par_iter().zip(granted).map(fold).collect();
        for (&id, folded) in level.iter().zip(folded) {
            match folded {
                Ok((value, patch)) => {
                    folder.values.extend(value.map(|value| (id, value)));
                    edits.patches.extend(patch.map(|patch| (id, patch)));
                }
                Err(Mismatch(why)) => edits.declines.push((id, why)),
            }
        }
        for operand in level.iter().flat_map(|&id| graph.operands(id)) {
            if let Some(readers) = waiting.get_mut(&operand) {
                *readers -= 1;
                if *readers == 0 {
                    folder.values.remove(&operand);
                }
            }
        }
    }
    edits
}

/// The nodes that depend on constants and are none; those of a level on constants and on levels before it alone.
fn levels(graph: &Graph) -> Vec<Vec<NodeId>> {
    let mut depths: HashMap<NodeId, usize> = HashMap::new();
    let mut levels: Vec<Vec<NodeId>> = Vec::new();
    for &id in graph.order() {
        let depth = match graph[id].op() {
            Op::Const(_) => Some(0),
            Op::Input(_) => None,
            _ => graph
                .operands(id)
                .iter()
                .try_fold(1, |depth, operand| Some(depth.max(depths.get(operand)? + 1))),
        };
        let Some(depth) = depth else { continue };
        depths.insert(id, depth);
        if let Some(level) = depth.checked_sub(1) {
            levels.resize(levels.len().max(depth), Vec::new());
            levels[level].push(id);
        }
    }
    levels
}

/// Which of these nodes are evaluated in their own types: those that jump, what nodes that jump or have an edge are
/// computed from, and those that move elements of constants.
fn in_own_types(graph: &Graph, foldable: &HashSet<NodeId>) -> HashSet<NodeId> {
    let mut own = HashSet::new();
    for &id in graph.order().iter().rev() {
        let node = &graph[id];
        // A cast to a smaller type is a rounding too. What a stage with an edge reads is computed in the node.
        let jumps =
            facts::jumps(graph, id) || matches!(node.op(), Op::Cast(_)) || node.stages().any(facts::has_edge);
        if jumps && foldable.contains(&id) {
            own.insert(id);
        }
        if jumps || own.contains(&id) || facts::has_edge(node.op()) {
            own.extend(graph.operands(id).into_iter().filter(|operand| foldable.contains(operand)));
        }
    }
    // What moves elements of constants gives the same numbers, without a copy of them in f64.
    for &id in graph.order().iter().filter(|&id| foldable.contains(id)) {
        let as_stored = |operand: &NodeId| graph[*operand].is_const() || own.contains(operand);
        if moves(graph[id].op()) && facts::is_bare(graph, id) && graph.operands(id).iter().all(as_stored) {
            own.insert(id);
        }
    }
    own
}

/// Whether the results of an operator are elements that it reads.
fn moves(op: &Op) -> bool {
    use Op::{Concat, DepthToSpace, Expand, Gather, GatherElements, GatherNd, Reshape, Slice, Transpose};
    let in_order =
        matches!(op, Concat(_) | DepthToSpace(_) | Expand(_) | Reshape(_) | Slice(_) | Transpose(_));
    in_order || matches!(op, Gather(_) | GatherElements(_) | GatherNd(_))
}

/// A value, reals in f64 where the node is not evaluated in its own types.
enum Known {
    /// Every element is this number.
    Splat(f64),
    /// The elements.
    Tensor(Tensor),
}

impl Known {
    /// The constant of that type, rounded once.
    fn patch(&self, ty: &Type) -> Patch {
        match self {
            Known::Splat(x) => {
                let init = Init::Splat(rounded(*x, ty));
                Patch::becomes(Expr::new(Const { ty: ty.clone(), init }, vec![]))
            }
            Known::Tensor(tensor) => Patch::constant(tensor.cast(ty.dtype)),
        }
    }
}

/// The nearest number of an element type.
fn rounded(x: f64, ty: &Type) -> f64 {
    Data::splat(ty.dtype, 1, x).to_f64()[0]
}

/// What is known of the graph's values.
struct Folder<'m> {
    module: &'m Module,
    /// Values of splats, of evaluated nodes that are still to be read, and of drawn constants that several read.
    values: HashMap<NodeId, Known>,
    /// Which nodes are evaluated in their own types.
    own: HashSet<NodeId>,
    bytes_left: usize,
    work_left: u64,
}

impl<'m> Folder<'m> {
    fn new(module: &'m Module, own: HashSet<NodeId>) -> Folder<'m> {
        let graph = &module.graph;
        let mut folder = Folder { module, values: HashMap::new(), own, bytes_left: 0, work_left: 0 };
        let mut weights = 0usize;
        for &id in graph.order().iter().filter(|&&id| graph[id].is_const()) {
            match module.splat(id) {
                Some(x) => {
                    folder.values.insert(id, Known::Splat(rounded(x, graph.ty(id))));
                }
                None => weights = weights.saturating_add(graph.ty(id).bytes()),
            }
        }
        let growth = weights.saturating_sub(module.generated).saturating_mul(GROWTH);
        folder.bytes_left = growth.saturating_add(BUDGET);
        folder.work_left = (growth as u64).saturating_add(WORK);
        folder
    }

    /// Takes what a node needs from the budgets: operations, bytes for its elements and for those of constants that it
    /// reads and that have to be made. What others are waiting for too is made once.
    fn grant(&mut self, id: NodeId, waiting: &HashMap<NodeId, usize>) -> Result<(), Mismatch> {
        if self.stays_splat(id) {
            return Ok(());
        }
        let graph = &self.module.graph;
        let operands = graph.operands(id);
        let made = |id: &NodeId| self.splat(*id).is_some() || self.is_drawn(*id);
        let bytes = operands
            .iter()
            .filter(|id| made(id))
            .chain([&id])
            .fold(0usize, |sum, &id| sum.saturating_add(graph.ty(id).bytes()));
        let left = self.bytes_left.checked_sub(bytes).ok_or_else(|| {
            let left = self.bytes_left;
            Mismatch(format!("evaluating it takes {bytes} bytes, {left} are left for that"))
        })?;
        let cost = graph.cost(id);
        let work = cost.macs.saturating_add(cost.flops);
        let work_left = self.work_left.checked_sub(work).ok_or_else(|| {
            Mismatch(format!("evaluating it takes {work} operations, {} are left for that", self.work_left))
        })?;
        (self.bytes_left, self.work_left) = (left, work_left);
        for id in operands {
            if self.is_drawn(id)
                && waiting.get(&id) > Some(&1)
                && let Some(tensor) = self.module.value(id)
            {
                self.values.insert(id, Known::Tensor(Arc::unwrap_or_clone(tensor?)));
            }
        }
        Ok(())
    }

    /// Whether a value is a constant whose elements are still to be made: no number for all, and not stored.
    fn is_drawn(&self, id: NodeId) -> bool {
        let constant = self.module.graph[id].is_const();
        constant && !self.values.contains_key(&id) && self.stored(id).is_none()
    }

    /// The elements of a constant that is stored.
    fn stored(&self, id: NodeId) -> Option<&'m Tensor> {
        let node = &self.module.graph[id];
        match node.op() {
            Op::Const(Const { init: Init::Weights, .. }) => {
                self.module.weights.get(node.name()).map(Arc::as_ref)
            }
            _ => None,
        }
    }

    fn splat(&self, id: NodeId) -> Option<f64> {
        match self.values.get(&id) {
            Some(Known::Splat(x)) => Some(*x),
            _ => None,
        }
    }

    /// Whether a node makes one number of one number, for each of its elements.
    fn stays_splat(&self, id: NodeId) -> bool {
        let graph = &self.module.graph;
        let op = graph[id].op();
        let alike = op.is_elementwise() || matches!(op, Op::Reshape(_) | Op::Transpose(_));
        alike && graph.operands(id).iter().all(|&operand| self.splat(operand).is_some())
    }

    /// Evaluates a node.
    fn fold(&self, id: NodeId) -> Result<Known, Mismatch> {
        let graph = &self.module.graph;
        let in_f64 = |ty: &Type| ty.dtype.is_float() && !self.own.contains(&id);
        let held = |ty: &Type| if in_f64(ty) { ty.with_dtype(DType::F64) } else { ty.clone() };
        let ty = held(graph.ty(id));
        if !self.stays_splat(id) {
            let expr = graph.expr(id).map(|&operand| self.tensor(operand, &held(graph.ty(operand))))?;
            return Ok(Known::Tensor(apply(&expr, &ty)));
        }
        let scalar = |ty: &Type| Type { dtype: ty.dtype, shape: Shape::scalar() };
        let mut expr =
            graph.expr(id).map(|&operand| self.tensor(operand, &scalar(&held(graph.ty(operand)))))?;
        if !expr.op.is_elementwise() {
            expr.op = Identity.into();
        }
        let value = apply(&expr, &scalar(&ty));
        let x = value.data().to_f64()[0];
        match value.data() {
            Data::I64(whole) if whole[0] != x as i64 => {
                Err(Mismatch(format!("every element is {}, which no splat holds", whole[0])))
            }
            _ => Ok(Known::Splat(x)),
        }
    }

    /// The elements of an operand; a splat has those that are asked for.
    fn tensor(&self, id: NodeId, ty: &Type) -> Result<Cow<'_, Tensor>, Mismatch> {
        match self.values.get(&id) {
            Some(Known::Tensor(tensor)) if tensor.data().dtype() == ty.dtype => Ok(Cow::Borrowed(tensor)),
            Some(Known::Tensor(tensor)) => Ok(Cow::Owned(tensor.cast(ty.dtype))),
            Some(Known::Splat(x)) => {
                let elements = Data::generated(ty.dtype, ty.elements(), |_| *x)?;
                Tensor::new(ty.shape.clone(), elements).map(Cow::Owned)
            }
            None => match (self.stored(id), self.module.value(id)) {
                (Some(tensor), _) if tensor.data().dtype() == ty.dtype => Ok(Cow::Borrowed(tensor)),
                (_, Some(tensor)) => Ok(Cow::Owned(tensor?.cast(ty.dtype))),
                (_, None) => Err(Mismatch(format!("%{} was not evaluated", self.module.graph[id].name()))),
            },
        }
    }
}
