//! What commands print, as text or JSON.
//!
//! A reader that went away (`cnnc dump net.onnx | head`) ends the output, not the command: what nobody wants to read
//! is not lost. Anything else that keeps text from being written is an error of the command.

use std::fmt::Display;
use std::io::{Error as IoError, ErrorKind, Write};
use std::sync::Mutex;

use cnnc::{E_IO, Error};
use cnnc_frontends::onnx::printable;
use serde_json::Value;

/// What first kept text from being written.
static LOST: Mutex<Option<IoError>> = Mutex::new(None);

/// Characters of a line, and of a cell, that are shown.
const LONGEST: (usize, usize) = (4000, 200);

fn print(write: impl FnOnce(&mut dyn Write) -> Result<(), IoError>) {
    let result = write(&mut std::io::stdout().lock());
    if let (Err(error), Ok(mut lost)) = (result, LOST.lock()) {
        lost.get_or_insert(error);
    }
}

/// Whether all text was written, to the last byte.
pub(crate) fn finish() -> Result<(), Error> {
    print(|stdout| stdout.flush());
    match LOST.lock().ok().and_then(|mut lost| lost.take()) {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            let error = Error::new(E_IO, format!("standard output: {error}"));
            Err(error.with_help("what was printed is not whole: make room for it"))
        }
        _ => Ok(()),
    }
}

/// Prints a line. Text from files may stand in it: what is not seen is escaped.
pub(crate) fn line(text: impl Display) {
    let text = text.to_string();
    print(|stdout| writeln!(stdout, "{}", printable(&text, LONGEST.0)));
}

/// Prints text as it is.
pub(crate) fn text(text: impl Display) {
    print(|stdout| write!(stdout, "{text}"));
}

/// Prints a JSON value.
pub(crate) fn json(value: &Value) {
    text(format_args!("{value:#}\n"));
}

/// A name from a file, as it is shown: escaped, and cut where it is long.
pub(crate) fn name(text: &str) -> String {
    printable(text, LONGEST.1).to_string()
}

/// Prints rows in columns: the first `left` to the left, numbers to the right. The first row is the header.
pub(crate) fn table(rows: &[Vec<String>], left: usize) {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| name(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in &rows {
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
