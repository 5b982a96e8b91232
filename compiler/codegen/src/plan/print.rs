//! Printing a program: its memory, then its steps. Print-only.
//!
//! ```text
//! program @block arena=802816 bound=802816 scratch=57344 weights=147712 {
//!   %x.blocked: f32[1,64,56,56; nchw8c] @0 = reorder @in0          // plain to blocked, 56 units
//!   %y: f32[1,64,28,28; nchw8c] @802816 = conv > max_pool @0       // 7 blocks of 4 rows, 7 units
//!     %c: f32[1,64,9,56; nchw8c] @s0 = conv @0                     // direct 6x2
//!     %y: f32[1,64,28,28; nchw8c] @802816 = max_pool @s0           // row by row
//! }
//! ```
//!
//! `@n` is an offset in the arena, `@sn` one in the scratch of a thread, `@in0` and `@out0` are the caller's buffers;
//! weights are not shown. The members of a group, and siblings, stand under their step; a ring has the extents of the
//! rows that it holds.

use super::program::{Access, Arg, Buffer, BufferId, Call, Member, Place, Program, Space, Step};
use std::fmt::Write;

/// The text of a program.
pub fn print(program: &Program) -> String {
    let mut out = String::new();
    let Program { name, arena_bytes, arena_bound, scratch_bytes, weights, .. } = program;
    let _ = write!(out, "program @{name} arena={arena_bytes} bound={arena_bound} ");
    if *scratch_bytes > 0 {
        let _ = write!(out, "scratch={scratch_bytes} ");
    }
    let _ = writeln!(out, "weights={} {{", weights.len());
    for (step, result) in program.steps.iter().zip(&program.results) {
        let Step { name, op, algorithm, .. } = step;
        let hidden = [Space::Weights, Space::Scratch];
        let results: Vec<BufferId> = step.members().iter().map(|m| m.result).chain([*result]).collect();
        let computed = computed(program, name, &results, op, step.calls(), &hidden);
        let _ = writeln!(out, "  {computed:60} // {algorithm}, {} units", step.units());
        for Member { name, op, algorithm, calls, result, .. } in step.members() {
            let computed = self::computed(program, name, &[*result], op, calls.iter(), &[Space::Weights]);
            let _ = writeln!(out, "    {computed:58} // {algorithm}");
        }
    }
    out + "}\n"
}

/// What is computed from what, where, the last of all results; operands in hidden spaces are left out.
fn computed<'a>(
    program: &Program,
    name: &str,
    results: &[BufferId],
    op: &str,
    calls: impl Iterator<Item = &'a Call>,
    hidden: &[Space],
) -> String {
    let operands = operands(program, results, calls, hidden).join(", ");
    let result = program.buffer(results[results.len() - 1]);
    format!("%{name}: {} {} = {op} {operands}", ty(result), at(result))
}

/// The buffers that calls read, or write besides their results, in the order of their arguments.
fn operands<'a>(
    program: &Program,
    results: &[BufferId],
    calls: impl Iterator<Item = &'a Call>,
    hidden: &[Space],
) -> Vec<String> {
    let mut list = Vec::new();
    for arg in calls.flat_map(|call| &call.args) {
        let Arg::Address { place, access, .. } = arg else { continue };
        let buffer = program.buffer(place.buffer);
        let is_operand = match access {
            Access::Read => true,
            Access::Write | Access::Update => !results.contains(&place.buffer),
            Access::Prefetch => false,
        };
        let text = at(buffer);
        if is_operand && !hidden.contains(&buffer.space) && !list.contains(&text) {
            list.push(text);
        }
    }
    list
}

fn ty(buffer: &Buffer) -> String {
    let dims: Vec<String> = buffer.shape.iter().map(usize::to_string).collect();
    format!("{}[{}; {}]", buffer.dtype, dims.join(","), buffer.layout.name())
}

fn at(buffer: &Buffer) -> String {
    match buffer.space {
        Space::Arena => format!("@{}", buffer.offset),
        Space::Scratch => format!("@s{}", buffer.offset),
        Space::Weights => format!("@w{}", buffer.offset),
        Space::Input(i) => format!("@in{i}"),
        Space::Output(i) => format!("@out{i}"),
    }
}

/// A place as text, for messages.
pub(super) fn place(program: &Program, place: Place) -> String {
    format!("{}[{}]", program.buffer(place.buffer).name, place.offset)
}
