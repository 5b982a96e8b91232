//! The report as a page: one HTML file that needs nothing else, light or dark as the reader's system is.

use askama::Template;
use cnnc::{E_INTERNAL, Error};

use super::plots::{self, Theme};
use super::{Report, text};
use crate::cli::output::{bytes, count};

/// A picture in both themes.
struct Picture {
    light: String,
    dark: String,
}

impl Picture {
    fn of(draw: impl Fn(&Theme) -> Result<String, Error>) -> Result<Picture, Error> {
        Ok(Picture { light: draw(&Theme::LIGHT)?, dark: draw(&Theme::DARK)? })
    }
}

/// A number in the table of networks, and what part it is of the largest there, in percent.
struct Cell {
    text: String,
    share: f64,
}

/// What a network takes.
struct Fact {
    title: &'static str,
    value: String,
    note: String,
}

/// A network as the page shows it.
struct Network<'a> {
    name: &'a str,
    inputs: String,
    /// Its numbers in the table of networks.
    cells: Vec<Cell>,
    facts: Vec<Fact>,
    layers: Picture,
    memory: Option<Picture>,
    /// The table of layers, without its header and with the totals.
    rows: Vec<Vec<String>>,
    total: Vec<String>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    title: String,
    version: &'static str,
    complexity: Option<Picture>,
    measured: bool,
    /// The numbers of the table of networks.
    columns: Vec<&'static str>,
    /// The columns of the tables of layers.
    header: [&'static str; text::COLUMNS],
    networks: Vec<Network<'a>>,
}

/// A column of the table of networks: its title, its number, and how that is written.
type Column = (&'static str, fn(&Report) -> f64, fn(f64) -> String);

const COLUMNS: [Column; 6] = [
    ("Parameters", |r| r.parameters as f64, |n| count(n as u64)),
    ("Multiply-adds", |r| r.cost.macs as f64, |n| count(n as u64)),
    ("Arena", |r| r.memory.as_ref().map_or(0.0, |m| m.arena as f64), |n| bytes(n as u64)),
    ("Scratch", |r| r.memory.as_ref().map_or(0.0, |m| m.scratch as f64), |n| bytes(n as u64)),
    ("Time, ms", |r| r.time.as_ref().map_or(0.0, |t| t.least_ms), |ms| format!("{ms:.2}")),
    ("GMAC/s", speed, |s| format!("{s:.1}")),
];

/// The page of some networks.
pub(super) fn page(reports: &[Report]) -> Result<String, Error> {
    let measured = reports.iter().all(|r| r.time.is_some());
    let columns = &COLUMNS[..if measured { 6 } else { 4 }];
    let cell = |report, (_, number, text): &Column| {
        let most = reports.iter().map(number).fold(f64::MIN_POSITIVE, f64::max);
        Cell { text: text(number(report)), share: 100.0 * number(report) / most }
    };
    let network = |report| -> Result<Network<'_>, Error> {
        let Report { name, inputs, layers, memory, .. }: &Report = report;
        let memory = memory.as_ref().map(|memory| Picture::of(|theme| plots::memory(memory, theme)));
        Ok(Network {
            name,
            inputs: inputs.join(", "),
            cells: columns.iter().map(|column| cell(report, column)).collect(),
            facts: facts(report),
            layers: Picture::of(|theme| plots::layers(layers, theme))?,
            memory: memory.transpose()?,
            rows: layers.iter().map(text::row).collect(),
            total: text::total(report),
        })
    };
    let several = reports.len() > 1;
    let complexity = several.then(|| Picture::of(|theme| plots::complexity(reports, theme))).transpose()?;
    let page = Page {
        title: match reports {
            [one] => one.name.clone(),
            _ => format!("{} networks", reports.len()),
        },
        version: env!("CARGO_PKG_VERSION"),
        complexity,
        measured,
        columns: columns.iter().map(|(title, ..)| *title).collect(),
        header: text::HEADER,
        networks: reports.iter().map(network).collect::<Result<_, _>>()?,
    };
    page.render().map_err(|error| Error::new(E_INTERNAL, format!("the page cannot be written: {error}")))
}

fn facts(report: &Report) -> Vec<Fact> {
    let fact = |title, value, note| Fact { title, value, note };
    let mut facts = vec![
        fact("Input", report.inputs.join(", "), String::new()),
        fact("Parameters", short(report.parameters), String::new()),
        fact("Multiply-adds", short(report.cost.macs), String::new()),
    ];
    if let Some(memory) = &report.memory {
        let note =
            format!("{:.1} % over the bound; {} of scratch a thread", memory.over(), bytes(memory.scratch));
        facts.push(fact("Arena", bytes(memory.arena), note));
        if let Some((step, _)) = memory.fullest {
            let (name, op) = &memory.steps[step];
            facts.push(fact("Fullest at", format!("step {step}"), format!("{name} ({op})")));
        }
        facts.push(fact("Packed weights", bytes(memory.weights), String::new()));
    }
    if let Some(time) = &report.time {
        let note = format!("{}, {:.1} GMAC/s", text::threads(time.threads), speed(report));
        facts.push(fact("Time of a run", format!("{:.2} ms", time.least_ms), note));
    }
    facts
}

/// 10^9 multiply-adds a second, 0 where nothing was measured.
fn speed(report: &Report) -> f64 {
    report.time.as_ref().map_or(0.0, |time| report.cost.macs as f64 / time.least_ms / 1e6)
}

/// A large count for people: `25.6 M`.
fn short(n: u64) -> String {
    let x = n as f64;
    match x {
        1e9.. => format!("{:.2} G", x / 1e9),
        1e6.. => format!("{:.2} M", x / 1e6),
        1e3.. => format!("{:.1} k", x / 1e3),
        _ => n.to_string(),
    }
}
