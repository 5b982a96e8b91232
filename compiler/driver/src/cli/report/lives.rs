//! The memory of a plan on a terminal: who is in the arena when, what it holds at once, and what makes it so large.
//!
//! ```text
//!                                 ▼
//!                                ▃█▅▁          bytes alive, and the step where they are most
//! 196.0 KiB  @0         0 to 1   ██··  conv1
//! ```
//!
//! A buffer is a line, in the order in which they are first written; a column is one step, or as many as it takes.

use super::Report;
use super::memory::{Life, Memory};
use super::text::{bars, summary};
use crate::cli::output::{self, bytes};

/// Columns of a life, at most.
const COLUMNS: usize = 64;
/// Values of a buffer that are named besides the one that it was made for.
const OTHERS: usize = 2;

/// Prints the memory of a network.
pub(super) fn print(report: &Report) {
    output::line(format_args!("{}: input {}", report.name, report.inputs.join(", ")));
    let Some(memory) = &report.memory else { return };
    output::line(summary(memory));
    if let Some((step, there)) = &memory.fullest {
        let (name, op) = &memory.steps[*step];
        output::line("");
        let full = bytes(memory.live[*step]);
        output::line(format_args!("fullest at step {step}, %{name} ({op}), where {full} are alive:"));
        for life in there.iter().map(|&k| &memory.lives[k]) {
            output::line(format_args!("{:>12}  {}", bytes(life.bytes), values(life)));
        }
        output::line("");
        chart(memory, *step);
    }
    output::line("");
}

/// All lives, below what is alive at each step.
fn chart(memory: &Memory, fullest: usize) {
    let steps = memory.live.len();
    let columns = steps.min(COLUMNS);
    // The steps of a column.
    let range = |column: usize| column * steps / columns..(column + 1) * steps / columns;
    let row = |life: &Life| {
        let is_there = |column: usize| range(column).start <= life.last && life.first < range(column).end;
        let bar: String = (0..columns).map(|c| if is_there(c) { '█' } else { '·' }).collect();
        let steps = format!("{} to {}", life.first, life.last);
        vec![bytes(life.bytes), format!("@{}", life.offset), steps, bar, values(life)]
    };
    let line = |text: String| vec![String::new(), String::new(), String::new(), text, String::new()];
    let mark = (0..columns).map(|c| if range(c).contains(&fullest) { '▼' } else { ' ' }).collect();
    let mut rows: Vec<Vec<String>> = vec![line(mark), line(bars(&memory.live, COLUMNS))];
    rows.extend(memory.lives.iter().map(row));
    let width = |c: usize| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0);
    let [size, offset, life] = [0, 1, 2].map(width);
    for row in &rows {
        let [bytes, at, steps, bar, values] = &row[..] else { continue };
        let text = format!("{bytes:>size$}  {at:<offset$}  {steps:>life$}  {bar}  {values}");
        output::line(text.trim_end());
    }
}

/// The values that a buffer holds.
fn values(life: &Life) -> String {
    let named: String = life.others.iter().take(OTHERS).map(|other| format!(", {other}")).collect();
    let more = match life.others.len().saturating_sub(OTHERS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{named}{more}", life.name)
}
