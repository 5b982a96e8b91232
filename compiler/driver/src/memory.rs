//! The limit of memory: what a network declares, and what its program needs.
//!
//! ```text
//! any value <= limit    inputs + constants <= limit    weights + arena + inputs + outputs <= limit
//! ```
//!
//! The importer has judged ONNX files before, node by node; this is for networks from elsewhere, and for what passes
//! and plan add. Refused with `E_LIMIT`, before anything of that size is allocated.

use cnnc_codegen::plan::{Program, Space};
use cnnc_frontends::onnx::{Diagnostic, E_LIMIT};
use cnnc_ir::{Module, Op};

use crate::Error;

/// Judges the values of a network.
pub(crate) fn declared(module: &Module, limit: u64) -> Result<(), Error> {
    let graph = &module.graph;
    let mut all = 0u64;
    for &id in graph.order() {
        let node = &graph[id];
        let bytes = node.ty().bytes() as u64;
        if matches!(node.op(), Op::Input(_) | Op::Const(_)) {
            all = all.saturating_add(bytes);
        }
        let message = match (bytes > limit, all > limit) {
            (true, _) => format!("its value, {}, takes {bytes} bytes, the limit is {limit}", node.ty()),
            (_, true) => format!("inputs and constants take {all} bytes with it, the limit is {limit}"),
            _ => continue,
        };
        let (node, op) = (Some(format!("%{}", node.name())), Some(node.op().name().to_string()));
        return Err(Diagnostic { code: E_LIMIT, node, op, message, help: None }.into());
    }
    Ok(())
}

/// Judges the memory of a run.
pub(crate) fn needed(program: &Program, limit: u64) -> Result<(), Error> {
    let given = program.buffers.iter().filter(|b| matches!(b.space, Space::Input(_) | Space::Output(_)));
    let tensors = given.fold(0u64, |sum, buffer| sum.saturating_add(buffer.bytes));
    let (weights, arena) = (program.weights.len() as u64, program.arena_bytes);
    let needed = tensors.saturating_add(weights).saturating_add(arena);
    if needed <= limit {
        return Ok(());
    }
    let message = format!(
        "a run takes {needed} bytes, {weights} of weights, {arena} of workspace, {tensors} of inputs and outputs; \
         the limit is {limit}"
    );
    Err(Diagnostic { code: E_LIMIT, node: None, op: None, message, help: None }.into())
}
