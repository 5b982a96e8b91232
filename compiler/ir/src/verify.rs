//! The verifier: what must hold of every module between any two passes.
//!
//! (V1) Operands stand before their readers. (V2) Every type is what inference gives. (V3) Every constant has
//! elements, of its type. (V4) Results exist. (V5) Inputs and outputs have a source name each.

use crate::ops::{Init, Op};
use crate::{Mismatch, Module, error::require};
use std::collections::HashSet;

/// Checks a module. An error here is a bug of the pass that made it.
pub fn verify(module: &Module) -> Result<(), Mismatch> {
    let graph = &module.graph;
    let mut seen = HashSet::new();
    for &id in graph.order() {
        let node = &graph[id];
        let expr = graph.expr(id);
        for operand in expr.all_operands() {
            require!(
                seen.contains(operand),
                "(V1): %{} reads %{}, which stands behind it",
                node.name(),
                graph[*operand].name()
            );
        }
        let ty = graph.infer(&expr).map_err(|m| Mismatch(format!("(V2): %{}: {m}", node.name())))?;
        require!(ty == *node.ty(), "(V2): %{} is {}, inference gives {ty}", node.name(), node.ty());
        if let Op::Const(c) = node.op()
            && c.init == Init::Weights
        {
            match module.weights.get(node.name()) {
                Some(t) => {
                    require!(t.ty() == c.ty, "(V3): %{} is {}, its weights are {}", node.name(), c.ty, t.ty())
                }
                None => return Err(Mismatch(format!("(V3): %{} has no weights", node.name()))),
            }
        }
        seen.insert(id);
    }
    require!(!graph.outputs().is_empty(), "(V4): the graph has no results");
    for id in graph.outputs() {
        require!(seen.contains(id), "(V4): a result is not in the graph");
    }
    require!(
        module.input_names.len() == graph.inputs().len()
            && module.output_names.len() == graph.outputs().len(),
        "(V5): {} inputs and {} outputs have {} and {} names",
        graph.inputs().len(),
        graph.outputs().len(),
        module.input_names.len(),
        module.output_names.len()
    );
    Ok(())
}
