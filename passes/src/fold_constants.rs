//! fold-constants: evaluate what depends on constants alone.
//!
//!     %s = mul %gamma, %rstd   =>   %w.s: f32[64,3,3,3] = const
//!     %w.s = mul %w, %s
//!
//! The only pass that does arithmetic. A tree of constants is evaluated in f64 and rounded once, where it ends; an
//! element-wise operator on splats, and a splat in another shape, stay one number.
//!
//! Declines what would make the constants of the module grow beyond [`BUDGET`], and constants without elements.

use crate::{Edits, Pass, Patch, Rule};
use cnnc_ir::eval::{Precision, compute, widened};
use cnnc_ir::ops::{Const, Init};
use cnnc_ir::{DType, Data, Expr, Graph, Mismatch, Module, NodeId, Op, Shape, Tensor, Type};
use std::collections::{HashMap, HashSet};

pub(crate) const PASS: Pass = Pass {
    name: "fold-constants",
    why: "evaluates the arithmetic on constants that the passes before it leave",
    rule: Rule::Graph(rule),
};

/// Bytes that evaluated values may take, beside [`GROWTH`] times those of the constants that are there.
const BUDGET: usize = 1 << 30;

/// How often the constants of the module may be evaluated anew.
const GROWTH: usize = 4;

fn rule(module: &Module) -> Edits {
    let graph = &module.graph;
    let foldable = foldable(graph);
    let mut edits = Edits::default();
    let mut folder = Folder::new(module);
    let mut readers_left: HashMap<NodeId, usize> = HashMap::new();
    for &id in &foldable {
        for operand in graph.operands(id) {
            *readers_left.entry(operand).or_default() += 1;
        }
    }
    for id in graph.order().iter().copied().filter(|id| foldable.contains(id)) {
        let operands = graph.operands(id);
        if let Err(Mismatch(why)) = folder.fold(id, &operands) {
            edits.declines.push((id, why));
        } else if graph.is_output(id) || graph.readers(id).any(|reader| !foldable.contains(&reader)) {
            edits.patches.extend(folder.constant(id).map(|patch| (id, patch)));
        }
        for operand in operands {
            if let Some(left) = readers_left.get_mut(&operand) {
                *left -= 1;
                if *left == 0 {
                    folder.tensors.remove(&operand);
                }
            }
        }
    }
    edits
}

/// The nodes that depend on constants and are none.
fn foldable(graph: &Graph) -> HashSet<NodeId> {
    let mut foldable = HashSet::new();
    for &id in graph.order() {
        let is_known = |operand: &NodeId| graph[*operand].is_const() || foldable.contains(operand);
        let evaluates = !graph[id].is_const() && !matches!(graph[id].op(), Op::Input(_));
        if evaluates && graph.operands(id).iter().all(is_known) {
            foldable.insert(id);
        }
    }
    foldable
}

/// The values of constants and of what has been evaluated, reals in f64.
struct Folder<'m> {
    module: &'m Module,
    /// Values that are one number.
    splats: HashMap<NodeId, f64>,
    /// Others, and splats that one of them met.
    tensors: HashMap<NodeId, Tensor>,
    bytes_left: usize,
}

impl<'m> Folder<'m> {
    fn new(module: &'m Module) -> Folder<'m> {
        let graph = &module.graph;
        let constants = graph.order().iter().copied().filter(|&id| graph[id].is_const());
        let (splats, others): (Vec<NodeId>, Vec<NodeId>) =
            constants.partition(|&id| module.splat(id).is_some());
        let weights = others.iter().fold(0usize, |sum, &id| sum.saturating_add(graph.ty(id).bytes()));
        // What a splat is when read is the nearest number of its type.
        let exact =
            |&id: &NodeId| Some((id, Data::splat(graph.ty(id).dtype, 1, module.splat(id)?).to_f64()[0]));
        Folder {
            module,
            splats: splats.iter().filter_map(exact).collect(),
            tensors: HashMap::new(),
            bytes_left: weights.saturating_mul(GROWTH).saturating_add(BUDGET),
        }
    }

    /// Evaluates a node.
    fn fold(&mut self, id: NodeId, operands: &[NodeId]) -> Result<(), Mismatch> {
        if let Some(x) = self.splat(id, operands) {
            self.splats.insert(id, x);
            return Ok(());
        }
        for &operand in operands {
            self.load(operand)?;
        }
        self.spend(id)?;
        self.tensors.insert(id, compute(self.module, id, &self.tensors, Precision::F64));
        Ok(())
    }

    /// The one number that every element of a node is, if that can be told from those of its operands.
    fn splat(&self, id: NodeId, operands: &[NodeId]) -> Option<f64> {
        let graph = &self.module.graph;
        let scalar = |id: NodeId| {
            let x = *self.splats.get(&id)?;
            let tensor = Tensor::new(Shape::scalar(), Data::splat(wide(graph.ty(id).dtype), 1, x));
            tensor.ok()
        };
        if !operands.iter().all(|operand| self.splats.contains_key(operand)) {
            return None;
        }
        let expr = graph.expr(id);
        let ty = Type { dtype: wide(graph.ty(id).dtype), shape: Shape::scalar() };
        let first = match &expr.op {
            Op::Reshape(_) | Op::Transpose(_) => scalar(expr.operands[0])?,
            op if op.is_elementwise() => {
                let operands: Option<Vec<Tensor>> = expr.operands.iter().map(|&o| scalar(o)).collect();
                op.eval(&operands?.iter().collect::<Vec<_>>(), &ty)
            }
            _ => return None,
        };
        let value = expr.stages.iter().try_fold(first, |piped, stage| {
            let operands: Option<Vec<Tensor>> = stage.operands.iter().map(|&o| scalar(o)).collect();
            let operands = operands?;
            Some(stage.op.eval(&std::iter::once(&piped).chain(&operands).collect::<Vec<_>>(), &ty))
        })?;
        value.data().to_f64().first().copied()
    }

    /// Makes sure that the elements of an operand are there.
    fn load(&mut self, id: NodeId) -> Result<(), Mismatch> {
        if self.tensors.contains_key(&id) {
            return Ok(());
        }
        let graph = &self.module.graph;
        let tensor = match (self.splats.get(&id), self.module.value(id)) {
            (Some(&x), _) => {
                self.spend(id)?;
                let ty = graph.ty(id);
                Tensor::new(ty.shape.clone(), Data::splat(wide(ty.dtype), ty.elements(), x))?
            }
            (None, Some(value)) => widened(&*value?, Precision::F64),
            (None, None) => return Err(Mismatch(format!("%{} was not evaluated", graph[id].name()))),
        };
        self.tensors.insert(id, tensor);
        Ok(())
    }

    fn spend(&mut self, id: NodeId) -> Result<(), Mismatch> {
        let bytes = self.module.graph.ty(id).bytes();
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => {
                let left = self.bytes_left;
                return Err(Mismatch(format!(
                    "it takes {bytes} bytes, {left} are left for evaluated constants"
                )));
            }
        }
        Ok(())
    }

    /// The constant that an evaluated node becomes.
    fn constant(&self, id: NodeId) -> Option<Patch> {
        let ty = self.module.graph.ty(id);
        if let Some(&x) = self.splats.get(&id) {
            let x = Data::splat(ty.dtype, 1, x).to_f64()[0];
            let op = Const { ty: ty.clone(), init: Init::Splat(x) };
            return Some(Patch::becomes(Expr::new(op, vec![])));
        }
        self.tensors.get(&id).map(|tensor| Patch::constant(tensor.cast(ty.dtype)))
    }
}

/// The element type in which a value is evaluated.
fn wide(dtype: DType) -> DType {
    if dtype == DType::F32 { DType::F64 } else { dtype }
}
