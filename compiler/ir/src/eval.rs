//! The evaluator: the meaning of a graph, by plain loops, in f32 or f64. It is the oracle of everything.

use crate::{DType, Expr, Mismatch, Module, NodeId, Op, Tensor, Type, error::require};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::convert::Infallible;

/// The arithmetic of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Each f32 value is computed in f32.
    F32,
    /// Each f32 value is held and computed in f64.
    F64,
}

impl Precision {
    /// The element type in which values of that one are held.
    pub fn dtype(self, dtype: DType) -> DType {
        match (self, dtype) {
            (Precision::F64, DType::F32) => DType::F64,
            _ => dtype,
        }
    }
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
    let held = |tensor: &Tensor| tensor.cast(precision.dtype(tensor.data().dtype()));
    let mut values: HashMap<NodeId, Tensor> = HashMap::new();
    for (&id, tensor) in graph.inputs().iter().zip(inputs) {
        require!(
            tensor.ty() == *graph.ty(id),
            "input %{} is {}, given {}",
            graph[id].name(),
            graph.ty(id),
            tensor.ty()
        );
        values.insert(id, held(tensor));
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
                Some(tensor) => held(&*tensor?),
                None => {
                    let Ok(expr) = graph.expr(id).map(|operand| Ok::<_, Infallible>(&values[operand]));
                    let ty = graph.ty(id);
                    apply(&expr, &ty.with_dtype(precision.dtype(ty.dtype)))
                }
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

/// The value of an expression over tensors. `ty` is its type; both have the element types of one [`Precision`].
pub fn apply<V: Borrow<Tensor>>(expr: &Expr<V>, ty: &Type) -> Tensor {
    let operands: Vec<&Tensor> = expr.operands.iter().map(V::borrow).collect();
    expr.stages.iter().fold(expr.op.eval(&operands, ty), |value, stage| {
        let operands: Vec<&Tensor> =
            std::iter::once(&value).chain(stage.operands.iter().map(V::borrow)).collect();
        stage.op.eval(&operands, ty)
    })
}
