//! Printing a program: its memory, then its steps. Print-only.
//!
//! ```text
//! program @block arena=802816 bound=802816 weights=147712 {
//!   %x.blocked: f32[1,64,56,56; nchw8c] @0 = reorder @in0          // plain to blocked, 56 units
//!   %y: f32[1,64,56,56; nchw8c] @802816 = conv @0                  // direct 6x2, 224 units
//! }
//! ```
//!
//! `@n` is an offset in the arena, `@in0` and `@out0` are the caller's buffers; weights are not shown.

use super::program::{Access, Arg, Buffer, Place, Program, Space, Step};
use std::fmt::Write;

/// The text of a program.
pub fn print(program: &Program) -> String {
    let mut out = String::new();
    let Program { name, arena_bytes, arena_bound, weights, .. } = program;
    let _ =
        writeln!(out, "program @{name} arena={arena_bytes} bound={arena_bound} weights={} {{", weights.len());
    for (step, result) in program.steps.iter().zip(&program.results) {
        let result = program.buffer(*result);
        let reads = reads(program, step).join(", ");
        let Step { name, op, algorithm, .. } = step;
        let computed = format!("%{name}: {} {} = {op} {reads}", ty(result), at(result));
        let _ = writeln!(out, "  {computed:60} // {algorithm}, {} units", step.units());
    }
    out + "}\n"
}

/// The buffers that a step reads, in the order of its arguments.
fn reads(program: &Program, step: &Step) -> Vec<String> {
    let mut list = Vec::new();
    for arg in step.calls.iter().flat_map(|call| &call.args) {
        if let Arg::Address { place, access: Access::Read, .. } = arg
            && program.buffer(place.buffer).space != Space::Weights
        {
            let text = at(program.buffer(place.buffer));
            if !list.contains(&text) {
                list.push(text);
            }
        }
    }
    list
}

fn ty(buffer: &Buffer) -> String {
    let dims: Vec<String> = buffer.shape.iter().map(usize::to_string).collect();
    format!("f32[{}; {}]", dims.join(","), buffer.layout.name())
}

fn at(buffer: &Buffer) -> String {
    match buffer.space {
        Space::Arena => format!("@{}", buffer.offset),
        Space::Weights => format!("@w{}", buffer.offset),
        Space::Input(i) => format!("@in{i}"),
        Space::Output(i) => format!("@out{i}"),
    }
}

/// A place as text, for messages.
pub(super) fn place(program: &Program, place: Place) -> String {
    format!("{}[{}]", program.buffer(place.buffer).name, place.offset)
}
