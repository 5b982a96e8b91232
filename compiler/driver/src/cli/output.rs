//! What commands print, as text or JSON.
//!
//! A reader that went away (`cnnc dump net.onnx | head`) ends the output, not the command: a write that fails is
//! as good as one that nobody reads.

use std::fmt::Display;
use std::io::Write;

use serde_json::Value;

/// Prints a line.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints text as it is.
pub(crate) fn text(text: impl Display) {
    let _ = write!(std::io::stdout().lock(), "{text}");
}

/// Prints a JSON value.
pub(crate) fn json(value: &Value) {
    line(format_args!("{value:#}"));
}

/// Prints rows in columns: the first `left` to the left, numbers to the right. The first row is the header.
pub(crate) fn table(rows: &[Vec<String>], left: usize) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(c, (cell, &width))| match c < left {
            true => format!("{cell:width$}"),
            false => format!("{cell:>width$}"),
        });
        line(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Prints rows as a Markdown table, with as many columns to the left.
pub(crate) fn markdown(rows: &[Vec<String>], left: usize) {
    let row = |cells: &[String]| {
        let escaped = cells.iter().map(|cell| cell.replace('|', "\\|"));
        line(format_args!("| {} |", escaped.collect::<Vec<_>>().join(" | ")));
    };
    for (at, cells) in rows.iter().enumerate() {
        row(cells);
        if at == 0 {
            let rule = |c: usize| if c < left { "---" } else { "---:" }.to_string();
            row(&(0..cells.len()).map(rule).collect::<Vec<_>>());
        }
    }
    line("");
}

/// A count with its digits in groups of three.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group));
    groups.collect::<Vec<_>>().join(",")
}

/// A count of bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{:.1} KiB", count as f64 / 1024.0),
        _ => format!("{:.2} MiB", count as f64 / 1_048_576.0),
    }
}

/// A shape as text: `f32[1,3,224,224]`.
pub(crate) fn typed(dtype: impl Display, shape: &[i64]) -> String {
    let dims: Vec<String> = shape.iter().map(i64::to_string).collect();
    format!("{dtype}[{}]", dims.join(","))
}
