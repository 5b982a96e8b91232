//! Printing a program: memory, then steps. Print-only.

use super::program::{Access, Arg, BufferId, Place, Program, Space};
use std::fmt::Write;

/// The text of a program.
pub fn print(program: &Program) -> String {
    let mut out = String::new();
    let Program { name, arena_bytes, arena_bound, weights, .. } = program;
    let _ =
        writeln!(out, "program @{name} arena={arena_bytes} bound={arena_bound} weights={} {{", weights.len());
    for step in &program.steps {
        let mut written: Vec<String> = Vec::new();
        let mut read: Vec<String> = Vec::new();
        for call in &step.calls {
            for arg in &call.args {
                let Arg::Address { place, access, .. } = arg else { continue };
                let list = if *access == Access::Write { &mut written } else { &mut read };
                let text = buffer(program, place.buffer);
                if !list.contains(&text) {
                    list.push(text);
                }
            }
        }
        read.retain(|r| !r.starts_with('w'));
        let _ = writeln!(
            out,
            "  %{}: {} = {} {} units={}",
            step.name,
            written.join(", "),
            step.op,
            read.join(", "),
            step.units()
        );
        let _ = writeln!(out, "    // {}", step.algorithm);
    }
    out + "}\n"
}

/// A buffer as `space+offset..end`.
fn buffer(program: &Program, id: BufferId) -> String {
    let b = program.buffer(id);
    match b.space {
        Space::Arena => format!("@{}+{}", b.offset, b.bytes),
        Space::Weights => format!("w{}", b.offset),
        Space::Input(i) => format!("@in{i}"),
        Space::Output(i) => format!("@out{i}"),
    }
}

/// A place as text, for messages.
pub(super) fn place(program: &Program, place: Place) -> String {
    format!("{}[{}]", program.buffer(place.buffer).name, place.offset)
}
