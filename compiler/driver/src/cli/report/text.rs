//! The report on a terminal: tables, the complexity picture in letters, memory over time as a line of bars.

use super::Report;
use super::layers::Layer;
use super::memory::Memory;
use crate::cli::output::{self, bytes, count};

/// Columns and rows of the complexity picture.
const PICTURE: (usize, usize) = (72, 18);
/// Columns of the memory line.
const LINE: usize = 80;

/// How many columns the table of layers has.
pub(super) const COLUMNS: usize = 9;

/// Their titles.
pub(super) const HEADER: [&str; COLUMNS] =
    ["layer", "operators", "volume", "sees", "weights", "biases", "MACs", "other FLOPs", "bytes"];

/// Prints the layers of a network, and what it takes.
pub(super) fn network(report: &Report) {
    output::line(format_args!("{}: input {}", report.name, report.inputs.join(", ")));
    output::table(&layers(report), 2);
    output::line("");
    output::line(format_args!(
        "parameters {}, multiply-adds {}",
        count(report.parameters),
        count(report.cost.macs)
    ));
    if let Some(memory) = &report.memory {
        output::line(summary(memory));
        if !memory.live.is_empty() {
            output::line(format_args!("alive {}", bars(&memory.live, LINE)));
        }
    }
    if let Some(time) = &report.time {
        output::line(format_args!(
            "time {:.3} ms, median {:.3} ms, on {}, over {} runs; {:.1} GMAC/s",
            time.least_ms,
            time.median_ms,
            threads(time.threads),
            time.runs,
            report.cost.macs as f64 / time.least_ms / 1e6
        ));
    }
    output::line("");
}

/// So many threads.
pub(super) fn threads(count: u32) -> String {
    if count == 1 { "1 thread".into() } else { format!("{count} threads") }
}

/// The table of layers.
pub(super) fn layers(report: &Report) -> Vec<Vec<String>> {
    let header = HEADER.map(String::from).to_vec();
    std::iter::once(header).chain(report.layers.iter().map(row)).chain([total(report)]).collect()
}

/// A layer in the table.
pub(super) fn row(layer: &Layer) -> Vec<String> {
    let some = |n: u64| if n == 0 { String::new() } else { count(n) };
    vec![
        layer.nodes[0].clone(),
        layer.ops.join(" "),
        layer.volume(),
        layer.field.map_or_else(String::new, |field| field.size().map(|n| n.to_string()).join("x")),
        some(layer.weights),
        some(layer.biases),
        some(layer.macs),
        some(layer.flops),
        count(layer.output.bytes() as u64),
    ]
}

/// The sums of the table.
pub(super) fn total(report: &Report) -> Vec<String> {
    let sum = |of: fn(&Layer) -> u64| count(report.layers.iter().map(of).fold(0, u64::saturating_add));
    let mut total = vec!["total".to_string(), String::new(), String::new(), String::new()];
    total.extend([sum(|l| l.weights), sum(|l| l.biases), sum(|l| l.macs), sum(|l| l.flops), String::new()]);
    total
}

/// What a plan takes.
pub(super) fn summary(memory: &Memory) -> String {
    let Memory { arena, bound, scratch, weights, live, .. } = memory;
    format!(
        "arena {}, {:.1} % over the bound of {}; scratch {} a thread; packed weights {}; {} steps",
        bytes(*arena),
        memory.over(),
        bytes(*bound),
        bytes(*scratch),
        bytes(*weights),
        live.len()
    )
}

/// Heights as a line of bars, at most so many of them.
pub(super) fn bars(heights: &[u64], most: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let columns = heights.len().min(most);
    let most = heights.iter().copied().max().unwrap_or(0).max(1) as f64;
    let column = |c: usize| {
        let (from, to) = (c * heights.len() / columns, (c + 1) * heights.len() / columns);
        let height = heights[from..to].iter().copied().max().unwrap_or(0) as f64;
        BARS[((height / most * 7.0).round() as usize).min(7)]
    };
    (0..columns).map(column).collect()
}

/// Prints networks against each other.
pub(super) fn compare(reports: &[Report]) {
    let measured = reports.iter().all(|r| r.time.is_some());
    let height = |r: &Report| match (&r.time, measured) {
        (Some(time), true) => time.least_ms,
        _ => r.parameters as f64 / 1e6,
    };
    let points: Vec<(f64, f64)> = reports.iter().map(|r| (r.cost.macs as f64 / 1e9, height(r))).collect();
    output::line(if measured { "milliseconds of a run" } else { "millions of parameters" });
    output::text(picture(&points));
    output::line(format_args!("{:>width$}", "billions of multiply-adds", width = PICTURE.0 + 8));
    output::line("");
    let mut table = networks(reports);
    let marks = std::iter::once(String::new()).chain((0..).map(|k| letter(k).to_string()));
    table.iter_mut().zip(marks).for_each(|(row, mark)| row.insert(0, mark));
    output::table(&table, 2);
    output::line("");
    let width = reports.iter().map(|r| r.name.chars().count()).max().unwrap_or(0);
    for (report, memory) in reports.iter().filter_map(|r| Some((r, r.memory.as_ref()?))) {
        output::line(format_args!("{:width$}  alive {}", report.name, bars(&memory.live, LINE)));
    }
}

/// The table of networks.
pub(super) fn networks(reports: &[Report]) -> Vec<Vec<String>> {
    let header =
        ["network", "input", "parameters", "MACs", "arena", "scratch", "packed weights", "ms", "GMAC/s"];
    let row = |report: &Report| {
        let of_memory = |text: fn(&Memory) -> String| report.memory.as_ref().map_or_else(String::new, text);
        let of_time = |text: &dyn Fn(f64) -> String| {
            report.time.as_ref().map_or_else(String::new, |time| text(time.least_ms))
        };
        vec![
            report.name.clone(),
            report.inputs.join(", "),
            count(report.parameters),
            count(report.cost.macs),
            of_memory(|m| bytes(m.arena)),
            of_memory(|m| bytes(m.scratch)),
            of_memory(|m| bytes(m.weights)),
            of_time(&|ms| format!("{ms:.3}")),
            of_time(&|ms| format!("{:.1}", report.cost.macs as f64 / ms / 1e6)),
        ]
    };
    std::iter::once(header.map(String::from).to_vec()).chain(reports.iter().map(row)).collect()
}

/// The mark of a network in the picture.
fn letter(k: usize) -> char {
    let letters = ('a'..='z').chain('A'..='Z');
    letters.cycle().nth(k).unwrap_or('*')
}

/// Points as letters on two logarithmic axes, the ends of which are written; `*` is more than one.
fn picture(points: &[(f64, f64)]) -> String {
    let (columns, rows) = PICTURE;
    let ends = |values: &[f64]| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min).max(1e-9);
        let most = values.iter().copied().fold(0.0, f64::max).max(least);
        if most / least < 1.01 { (least / 1.1, most * 1.1) } else { (least, most) }
    };
    let xs: Vec<f64> = points.iter().map(|p| p.0).collect();
    let ys: Vec<f64> = points.iter().map(|p| p.1).collect();
    let (x, y) = (ends(&xs), ends(&ys));
    let place = |v: f64, (from, to): (f64, f64), cells: usize| {
        let share = (v.max(from) / from).ln() / (to / from).ln();
        (share * (cells - 1) as f64).round() as usize
    };
    let mut cells = vec![vec![' '; columns]; rows];
    for (k, point) in points.iter().enumerate() {
        let cell = &mut cells[rows - 1 - place(point.1, y, rows)][place(point.0, x, columns)];
        *cell = if *cell == ' ' { letter(k) } else { '*' };
    }
    let mut text = String::new();
    for (row, cells) in cells.iter().enumerate() {
        let mark = match row {
            0 => number(y.1),
            _ if row + 1 == rows => number(y.0),
            _ => String::new(),
        };
        let line: String = cells.iter().collect();
        text += &format!("{mark:>7} |{}\n", line.trim_end());
    }
    let (least, most) = (number(x.0), number(x.1));
    text += &format!("{:>8}+{}\n", "", "-".repeat(columns));
    text + &format!("{:>9}{least}{most:>width$}\n", "", width = columns - least.len())
}

/// Three digits of a number.
fn number(x: f64) -> String {
    let digits = (2 - x.log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{x:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}
