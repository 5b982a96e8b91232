//! The evaluator: the meaning of a graph, by plain loops, in f32 or f64. It is the oracle of everything.

use crate::{DType, Data, Mismatch, Module, NodeId, Op, Tensor, error::require};
use std::collections::HashMap;

/// The arithmetic of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Each f32 value is computed in f32.
    F32,
    /// Each f32 value is held and computed in f64.
    F64,
}

/// The results of a module for these inputs.
pub fn evaluate(module: &Module, inputs: &[Tensor], precision: Precision) -> Result<Vec<Tensor>, Mismatch> {
    evaluate_with(module, inputs, precision, |_, _| {})
}

/// Like [`evaluate`], and shows each node's value as it is computed.
pub fn evaluate_with(
    module: &Module,
    inputs: &[Tensor],
    precision: Precision,
    mut observe: impl FnMut(NodeId, &Tensor),
) -> Result<Vec<Tensor>, Mismatch> {
    let graph = &module.graph;
    require!(
        inputs.len() == graph.inputs().len(),
        "{} inputs are given, the graph takes {}",
        inputs.len(),
        graph.inputs().len()
    );
    let mut values: HashMap<NodeId, Tensor> = HashMap::new();
    for (&id, tensor) in graph.inputs().iter().zip(inputs) {
        require!(
            tensor.ty() == *graph.ty(id),
            "input %{} is {}, given {}",
            graph[id].name(),
            graph.ty(id),
            tensor.ty()
        );
        values.insert(id, widened(tensor, precision));
    }
    let mut last_reader: HashMap<NodeId, NodeId> = HashMap::new();
    for &id in graph.order() {
        for operand in graph.operands(id) {
            last_reader.insert(operand, id);
        }
    }
    for &id in graph.order() {
        if !matches!(graph[id].op(), Op::Input(_)) {
            let value = match module.value(id) {
                Some(tensor) => widened(&*tensor?, precision),
                None => compute(module, id, &values, precision),
            };
            values.insert(id, value);
        }
        observe(id, &values[&id]);
        for operand in graph.operands(id) {
            if last_reader.get(&operand) == Some(&id) && !graph.is_output(operand) {
                values.remove(&operand);
            }
        }
    }
    Ok(graph.outputs().iter().map(|id| values[id].clone()).collect())
}

/// The tensor as an evaluation of this precision holds it.
pub fn widened(tensor: &Tensor, precision: Precision) -> Tensor {
    match (precision, tensor.data()) {
        (Precision::F64, Data::F32(_)) => tensor.cast(DType::F64),
        _ => tensor.clone(),
    }
}

/// The value of a node that has operands, from theirs.
///
/// # Panics
/// When `values` lacks an operand: whoever walks the graph in its order holds all of them.
pub fn compute(
    module: &Module,
    id: NodeId,
    values: &HashMap<NodeId, Tensor>,
    precision: Precision,
) -> Tensor {
    let expr = module.graph.expr(id);
    let ty = match (precision, module.graph.ty(id)) {
        (Precision::F64, ty) if ty.dtype == DType::F32 => &ty.with_dtype(DType::F64),
        (_, ty) => ty,
    };
    let operands: Vec<&Tensor> = expr.operands.iter().map(|o| &values[o]).collect();
    expr.stages.iter().fold(expr.op.eval(&operands, ty), |value, stage| {
        let operands: Vec<&Tensor> =
            std::iter::once(&value).chain(stage.operands.iter().map(|o| &values[o])).collect();
        stage.op.eval(&operands, ty)
    })
}
