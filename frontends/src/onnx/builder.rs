//! The module under construction: nodes are named, checked against limits, and folded where they are
//! arithmetic on shapes.
//!
//! A node whose operands are all constants is evaluated as soon as it is added if its value is of integers,
//! or of few reals (the scales of a `Resize`): what reads a shape or a list finds a constant then. Large
//! constants of reals stay nodes, which a pass folds; a splat stays a splat when it is reshaped, however
//! large it is.
//!
//! Refused, with `E_LIMIT`: a value, or all inputs and constants together, over `max_memory`; constants that the file
//! does not hold (splats, ranges, what is folded and what is read for it) over `max_generated`, or [`SHARE`] of it for
//! one that is folded; folding of more than [`ALL_WORK`] operations. A file of a hundred bytes asks for any of these.

use super::ImportOptions;
use super::diagnostic::{Fault, ensure, fault};
use super::external::Folder;
use cnnc_ir::ops::{Init, Op};
use cnnc_ir::{DType, Data, Expr, Graph, Module, Name, NodeId, Tensor, Type, Weights};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The way out where a rule of the IR may be narrower than that of ONNX.
const RULES: &str =
    "the file breaks a rule of ONNX, or cnnc supports less than ONNX: docs/operators.md has its rule";
/// A value that is folded takes at most such a part of `max_generated`.
const SHARE: usize = 10;
/// Operations that all folding may take: less than a second.
const ALL_WORK: u64 = 100 << 20;
/// Real constants of more elements are left to the passes.
const SMALL: usize = 4096;

/// A module that grows.
pub(super) struct Builder {
    pub(super) module: Module,
    /// Where weights outside of the model lie.
    pub(super) folder: Option<Folder>,
    /// How often each wish for a name came.
    wishes: HashMap<Name, usize>,
    /// Bytes of constants that the file does not hold, and of those that folding read, so far.
    generated: usize,
    /// Operations of folding so far.
    worked: u64,
    /// Bytes that a value, and inputs and constants together, may have.
    max_memory: usize,
    /// What `generated` may come to.
    max_generated: usize,
    /// Bytes of inputs and constants so far.
    declared: usize,
}

impl Builder {
    /// An empty module.
    pub(super) fn new(name: &str, folder: Option<Folder>, options: &ImportOptions) -> Builder {
        let name = if name.is_empty() { "graph" } else { name };
        let module = Module {
            graph: Graph::new(Name::sanitized(name).as_str()),
            weights: Weights::default(),
            input_names: Vec::new(),
            output_names: Vec::new(),
            generated: 0,
        };
        let ImportOptions { max_memory, max_generated, .. } = *options;
        let wishes = HashMap::new();
        Builder { module, folder, wishes, generated: 0, worked: 0, max_memory, max_generated, declared: 0 }
    }

    /// Adds an input of the graph.
    pub(super) fn input(&mut self, name: &str, ty: Type) -> Result<NodeId, Fault> {
        self.declare(&ty)?;
        let node = self.fresh(name);
        let id = self.module.graph.input(node.as_str(), ty)?;
        self.module.input_names.push(name.to_string());
        Ok(id)
    }

    /// Adds a constant.
    pub(super) fn constant(&mut self, name: &str, tensor: Tensor) -> Result<NodeId, Fault> {
        self.declare(&tensor.ty())?;
        let name = self.fresh(name);
        Ok(self.module.constant(name.as_str(), Arc::new(tensor))?)
    }

    /// Adds a constant of equal elements, which take no memory.
    pub(super) fn splat(&mut self, name: &str, ty: Type, value: f64) -> Result<NodeId, Fault> {
        self.declare(&ty)?;
        self.generate(ty.bytes())?;
        let name = self.fresh(name);
        Ok(self.module.graph.constant(name.as_str(), ty, Init::Splat(value))?)
    }

    /// Adds a node, or the constant that it computes.
    pub(super) fn add(&mut self, name: &str, op: Op, operands: &[NodeId]) -> Result<NodeId, Fault> {
        let expr = Expr::new(op, operands.to_vec());
        let graph = &self.module.graph;
        let ty = graph.infer(&expr).map_err(|mismatch| {
            // Of f32 the IR takes what ONNX does.
            match operands.iter().all(|&o| graph.ty(o).dtype == DType::F32) {
                true => Fault::from(mismatch),
                false => Fault::from(mismatch).with_help(RULES),
            }
        })?;
        self.within_limit(&ty)?;
        if let Some(splat) = self.reshaped_splat(&expr) {
            return self.splat(name, ty, splat);
        }
        if let Some(tensor) = self.fold(&expr, &ty)? {
            return self.constant(name, tensor);
        }
        let name = self.fresh(name);
        Ok(self.module.graph.add(name.as_str(), expr)?)
    }

    /// Gives a node another name.
    pub(super) fn rename(&mut self, id: NodeId, name: &str) -> Result<(), Fault> {
        let name = self.fresh(name);
        Ok(self.module.rename(id, name)?)
    }

    /// The elements of a constant node; `None` for every other node.
    pub(super) fn value(&mut self, id: NodeId) -> Result<Option<Arc<Tensor>>, Fault> {
        if !self.module.graph[id].is_const() {
            return Ok(None);
        }
        if self.module.splat(id).is_some() {
            self.spend(self.module.graph.ty(id).bytes())?;
        }
        Ok(self.module.value(id).transpose()?)
    }

    /// The finished module, without the constants that only folding has read.
    pub(super) fn finish(mut self, outputs: Vec<NodeId>) -> Module {
        let results: HashSet<NodeId> = outputs.iter().copied().collect();
        self.module.graph.set_outputs(outputs);
        let graph = &self.module.graph;
        let read = |id: NodeId| results.contains(&id) || graph.readers(id).next().is_some();
        let unread: HashSet<NodeId> =
            graph.order().iter().copied().filter(|&id| graph[id].is_const() && !read(id)).collect();
        self.module.retain(|id| !unread.contains(&id));
        self.module
    }

    /// The number that every element of the result equals, when a constant of equal elements is reshaped.
    fn reshaped_splat(&self, expr: &Expr) -> Option<f64> {
        match expr.op {
            Op::Reshape(_) => self.module.splat(expr.operands[0]),
            _ => None,
        }
    }

    /// The value of an expression that is arithmetic on shapes.
    fn fold(&mut self, expr: &Expr, ty: &Type) -> Result<Option<Tensor>, Fault> {
        let graph = &self.module.graph;
        let constant = !expr.operands.is_empty() && expr.operands.iter().all(|&o| graph[o].is_const());
        let exact = !ty.dtype.is_float();
        if !constant || !(exact || ty.elements() <= SMALL && is_shape_arithmetic(&expr.op)) {
            return Ok(None);
        }
        if ty.shape.is_empty() {
            return Ok(Some(Tensor::new(ty.shape.clone(), Data::splat(ty.dtype, 0, 0.0))?));
        }
        let reads: usize = expr.operands.iter().map(|&o| graph.ty(o).bytes()).fold(0, usize::saturating_add);
        if !exact && reads > self.max_generated / SHARE {
            return Ok(None);
        }
        self.spend(reads)?;
        self.spend(ty.bytes())?;
        self.work(expr, ty)?;
        let mut operands = Vec::with_capacity(expr.operands.len());
        for &operand in &expr.operands {
            let Some(tensor) = self.module.value(operand).transpose()? else { return Ok(None) };
            operands.push(tensor);
        }
        let operands: Vec<&Tensor> = operands.iter().map(|t| &**t).collect();
        self.module.generated += ty.bytes();
        Ok(Some(expr.op.eval(&operands, ty)))
    }

    /// Adds a constant that the file does not hold, element by element.
    pub(super) fn generated(
        &mut self,
        name: &str,
        ty: Type,
        element: impl FnMut(usize) -> f64,
    ) -> Result<NodeId, Fault> {
        self.spend(ty.bytes())?;
        let data = Data::generated(ty.dtype, ty.elements(), element)?;
        self.module.generated += ty.bytes();
        self.constant(name, Tensor::new(ty.shape, data)?)
    }

    /// Counts bytes of constants that are computed, or read for that.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        let most = self.max_generated / SHARE;
        if bytes > most {
            let fault =
                fault!(E_LIMIT, "arithmetic on constants takes {bytes} bytes here, the limit is {most}");
            let needed = bytes.saturating_mul(SHARE);
            return Err(fault.with_help(format!("raise --max-generated to {needed}, ten times as much")));
        }
        self.generate(bytes)
    }

    /// Counts bytes of constants that the file does not hold.
    pub(super) fn generate(&mut self, bytes: usize) -> Result<(), Fault> {
        self.generated = self.generated.saturating_add(bytes);
        let (all, limit) = (self.generated, self.max_generated);
        if all > limit {
            let fault = fault!(
                E_LIMIT,
                "constants that the file does not hold take {all} bytes with {bytes} here, the limit is {limit}"
            );
            return Err(fault.with_help("raise --max-generated if the file is to be trusted"));
        }
        Ok(())
    }

    /// Counts the operations of an expression that is evaluated.
    fn work(&mut self, expr: &Expr, ty: &Type) -> Result<(), Fault> {
        let types: Vec<&Type> = expr.operands.iter().map(|&o| self.module.graph.ty(o)).collect();
        let cost = expr.op.cost(&types, ty);
        self.worked = self.worked.saturating_add(cost.macs).saturating_add(cost.flops);
        if self.worked > ALL_WORK {
            let worked = self.worked;
            let fault =
                fault!(E_LIMIT, "arithmetic on constants takes {worked} operations, the limit is {ALL_WORK}");
            return Err(fault.with_help("compute it where the file is made, and store what comes of it"));
        }
        Ok(())
    }

    /// Counts the bytes of an input or a constant.
    fn declare(&mut self, ty: &Type) -> Result<(), Fault> {
        self.within_limit(ty)?;
        self.declared = self.declared.saturating_add(ty.bytes());
        let (all, limit) = (self.declared, self.max_memory);
        ensure!(
            all <= limit,
            E_LIMIT,
            "inputs and constants take {all} bytes with {ty}, the limit is {limit}"
        );
        Ok(())
    }

    fn within_limit(&self, ty: &Type) -> Result<(), Fault> {
        let (bytes, limit) = (ty.bytes(), self.max_memory);
        ensure!(bytes <= limit, E_LIMIT, "a value of type {ty} takes {bytes} bytes, the limit is {limit}");
        Ok(())
    }

    /// A name that no node has yet: of the n-th wish for one, that with `.n`, whichever nodes were renamed since.
    fn fresh(&mut self, wish: &str) -> Name {
        let wish = Name::sanitized(wish);
        let count = self.wishes.entry(wish.clone()).or_insert(0);
        *count += 1;
        match *count {
            1 => self.module.graph.fresh_name(wish.as_str()),
            n => self.module.graph.fresh_name(&format!("{wish}.{n}")),
        }
    }
}

/// Operators of which exporters build the scales and shapes that other operators read.
fn is_shape_arithmetic(op: &Op) -> bool {
    let moves = matches!(
        op,
        Op::Concat(_)
            | Op::Slice(_)
            | Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Gather(_)
            | Op::Cast(_)
            | Op::Identity(_)
            | Op::Dropout(_)
    );
    moves || op.is_elementwise()
}

/// A count from a file as an extent.
pub(super) fn extent(rule: &str, n: i64) -> Result<usize, Fault> {
    usize::try_from(n).map_err(|_| fault!(E_MODEL, "{rule}={n}: it must not be negative"))
}
