//! The limits of memory: what a network declares, and what its program needs.
//!
//! ```text
//! any value <= limit    inputs + constants + tables <= limit    weights + workspace + inputs + outputs <= limit
//! workspace <= its own limit
//! ```
//!
//! The importer has judged ONNX files before, node by node; this is for networks from elsewhere, and for what passes
//! and plan add. Where a plan takes too much, [`pipeline`](crate::pipeline) tries smaller ones. Refused with
//! `E_LIMIT`, before anything of that size is allocated.

use cnnc_codegen::plan::{Program, Space, Step};
use cnnc_frontends::onnx::{Diagnostic, E_LIMIT};
use cnnc_ir::ops::Taps;
use cnnc_ir::{Module, Op};

use crate::{Error, Options};

/// Buffers that a message names.
const LARGEST: usize = 3;

/// Judges the values of a network.
pub(crate) fn declared(module: &Module, limit: u64) -> Result<(), Error> {
    let graph = &module.graph;
    let mut all = 0u64;
    for &id in graph.order() {
        let node = &graph[id];
        let bytes = node.ty().bytes() as u64;
        let constants = match node.op() {
            Op::Input(_) | Op::Const(_) => bytes,
            // The plan makes tables of what each result is made from.
            Op::Resize(resize) => {
                let extents = graph.ty(graph.operands(id)[0]).dims();
                (resize.entries(extents).saturating_mul(Taps::ENTRY)) as u64
            }
            _ => 0,
        };
        all = all.saturating_add(constants);
        let message = match (bytes > limit, all > limit) {
            (true, _) => format!("its value, {}, takes {bytes} bytes, the limit is {limit}", node.ty()),
            (_, true) => {
                format!("inputs, constants and tables take {all} bytes with it, the limit is {limit}")
            }
            _ => continue,
        };
        let (node, op) = (Some(format!("%{}", node.name())), Some(node.op().name().to_string()));
        return Err(Diagnostic { code: E_LIMIT, node, op, message, help: None }.into());
    }
    Ok(())
}

/// What a run on one thread takes, in bytes.
struct Needed {
    weights: u64,
    workspace: u64,
    /// Inputs and outputs.
    tensors: u64,
}

impl Needed {
    fn of(program: &Program) -> Needed {
        let given = program.buffers.iter().filter(|b| matches!(b.space, Space::Input(_) | Space::Output(_)));
        Needed {
            weights: program.weights.len() as u64,
            workspace: program.arena_bytes + program.scratch_bytes,
            tensors: given.fold(0u64, |sum, buffer| sum.saturating_add(buffer.bytes)),
        }
    }

    fn all(&self) -> u64 {
        self.weights.saturating_add(self.workspace).saturating_add(self.tensors)
    }
}

/// By how many bytes a run on one thread misses the limits; 0: it is within them.
pub(crate) fn excess(program: &Program, options: &Options) -> u64 {
    let needed = Needed::of(program);
    let of_workspace = options.max_workspace.map_or(0, |limit| needed.workspace.saturating_sub(limit));
    needed.all().saturating_sub(options.memory()).max(of_workspace)
}

/// The refusal of a program whose run is not within the limits.
pub(crate) fn refusal(program: &Program, options: &Options) -> Error {
    let needed = Needed::of(program);
    let Needed { weights, workspace, tensors } = needed;
    let (all, limit) = (needed.all(), options.memory());
    let (message, help) = match options.max_workspace {
        Some(limit) if all <= options.memory() => {
            let excess = workspace.saturating_sub(limit);
            (
                format!(
                    "a run takes {workspace} bytes of workspace, {excess} more than the limit of {limit}"
                ),
                Some("use smaller shapes, or raise --max-workspace".into()),
            )
        }
        _ => {
            let excess = all.saturating_sub(limit);
            let parts =
                format!("{weights} of weights, {workspace} of workspace, {tensors} of inputs and outputs");
            (format!("a run takes {all} bytes, {parts}: {excess} more than the limit of {limit}"), None)
        }
    };
    let message = format!("{message}{}", peak(program));
    Diagnostic { code: E_LIMIT, node: None, op: None, message, help }.into()
}

/// Where the workspace is fullest, as the end of a sentence.
fn peak(program: &Program) -> String {
    let Some((step, buffers)) = program.fullest() else { return String::new() };
    let largest = buffers.iter().take(LARGEST).map(|&id| program.buffer(id));
    let there: Vec<String> = largest.map(|b| format!("%{} with {}", b.name, b.bytes)).collect();
    let Step { name, op, .. } = &program.steps[step];
    let scratch = match program.scratch_bytes {
        0 => String::new(),
        bytes => format!("; {bytes} are scratch memory of steps"),
    };
    format!("; the workspace is fullest at %{name} ({op}), with {}{scratch}", there.join(", "))
}
