//! `cnnc report`: layers, shapes, parameters, multiply-adds, receptive fields, memory and time.
//!
//! Numbers of layers are those of the network as the file has it; memory is that of the plan, time that of the
//! compiled code. The same report is printed as text or JSON and written as a page or as pictures.

mod layers;
mod lives;
mod memory;
mod page;
mod plots;
mod receptive;
mod text;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::value_parser;
use cnnc::{Compiled, Error, Module};
use cnnc_frontends::{arch, file};
use cnnc_ir::Cost;
use serde_json::{Value, json};

use self::layers::Layer;
use self::memory::Memory;
use self::plots::Theme;
use super::args::{Compilation, Pictures};
use super::bench::Bench;
use super::progress::Progress;
use super::{output, values};

/// Report layers, shapes, parameters, multiply-adds, receptive fields, memory and time
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The networks: .onnx, .cnn text, or built-in names
    #[arg(required = true, value_name = "NET", value_hint = clap::ValueHint::FilePath)]
    networks: Vec<PathBuf>,
    /// Compare the networks instead of listing their layers
    #[arg(long)]
    compare: bool,
    /// List who is in memory when instead of the layers, and what makes it so much
    #[arg(long, conflicts_with_all = ["compare", "markdown"])]
    memory: bool,
    /// Measure the time of a run
    #[arg(long)]
    bench: bool,
    /// Threads to measure with; 0: as many as there are
    #[arg(long, default_value_t = 1, requires = "bench")]
    threads: u32,
    /// How long each network is measured
    #[arg(long, default_value = "1", value_name = "SECONDS", value_parser = value_parser!(u32).range(1..=3600))]
    #[arg(requires = "bench")]
    seconds: u32,
    /// Write a page with tables and pictures, .html
    #[arg(long, value_name = "FILE", value_parser = page)]
    html: Option<PathBuf>,
    /// Write the pictures into a folder, .light.svg and .dark.svg
    #[arg(long, value_name = "FOLDER")]
    svg: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the tables as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    #[command(flatten)]
    compilation: Compilation,
    #[command(flatten)]
    pictures: Pictures,
}

/// All that is known about a network.
struct Report {
    name: String,
    /// The shapes of its inputs.
    inputs: Vec<String>,
    layers: Vec<Layer>,
    parameters: u64,
    cost: Cost,
    /// Of the plan; none where the network does not compile.
    memory: Option<Memory>,
    time: Option<Time>,
}

/// How long a run takes.
struct Time {
    threads: u32,
    least_ms: f64,
    median_ms: f64,
    runs: usize,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let (mut reports, mut problems) = (Vec::new(), Vec::new());
    for (path, name) in args.networks.iter().zip(names(&args.networks)) {
        let (report, error) = report(args, path, name)?;
        reports.push(report);
        problems.extend(error.iter().flat_map(|error| error.diagnostics().to_vec()));
    }
    let networks = &reports[..];
    if let Some(path) = &args.html {
        write(path, &page::page(networks)?)?;
    }
    if let Some(folder) = &args.svg {
        pictures(networks, folder)?;
    }
    match (args.json, args.compare) {
        (true, _) => {
            output::json(&json!({ "networks": networks.iter().map(to_json).collect::<Vec<Value>>() }))
        }
        (false, true) if args.markdown => output::markdown(&text::networks(networks), 2),
        (false, true) => text::compare(networks),
        (false, false) if args.markdown => {
            networks.iter().for_each(|report| output::markdown(&text::layers(report), 2));
        }
        (false, false) if args.memory => networks.iter().for_each(lives::print),
        (false, false) => networks.iter().for_each(text::network),
    }
    // The tables of networks that do not compile are worth having; the status still says so.
    if problems.is_empty() { Ok(()) } else { Err(Error::from(problems)) }
}

/// What the networks are called: as their files, with their folders where files have the same name.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let stem = |path: &PathBuf| match path.to_str().and_then(arch::find) {
        Some(arch) => arch.name.to_string(),
        None => path.file_stem().unwrap_or_default().to_string_lossy().to_string(),
    };
    let stems: Vec<String> = paths.iter().map(stem).collect();
    let mut taken = HashSet::new();
    let name = |(path, stem): (&PathBuf, &String)| {
        let alone = stems.iter().filter(|other| *other == stem).count() == 1;
        let name = match path.parent().and_then(Path::file_name) {
            Some(folder) if !alone => format!("{}-{stem}", folder.to_string_lossy()),
            _ => stem.clone(),
        };
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        let mut wishes = std::iter::once(name.clone()).chain(numbered);
        wishes.find(|wish| taken.insert(wish.clone())).unwrap_or(name)
    };
    paths.iter().zip(&stems).map(name).collect()
}

/// The report of one network, and what keeps it from being compiled.
fn report(args: &Args, path: &Path, name: String) -> Result<(Report, Option<Error>), Error> {
    let progress = Progress::new();
    progress.say(format!("reading {name}"));
    let options = args.pictures.options(&args.compilation)?;
    let module = cnnc::load(path, &options)?;
    let mut report = Report::of(name, &module);
    progress.say(format!("compiling {}", report.name));
    let compiled = cnnc::compile(&module, &options);
    drop(module);
    if let Ok(compiled) = &compiled {
        report.memory = Some(Memory::of(compiled.program()));
        if args.bench {
            progress.say(format!("measuring {}", report.name));
            report.time = Some(measure(args, compiled)?);
        }
    }
    let named = |error: Error| {
        Error::from(error.diagnostics().iter().map(|d| values::of(path, d)).collect::<Vec<_>>())
    };
    Ok((report, compiled.err().map(named)))
}

fn measure(args: &Args, compiled: &Compiled) -> Result<Time, Error> {
    let model = compiled.jit()?;
    let mut bench = Bench::new(&model, args.threads)?;
    bench.run_for(args.seconds)?;
    Ok(Time {
        threads: bench.threads(),
        least_ms: bench.minimum() * 1e3,
        median_ms: bench.median() * 1e3,
        runs: bench.runs(),
    })
}

impl Report {
    fn of(name: String, module: &Module) -> Report {
        let shape =
            |id| module.graph.ty(id).dims().iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        Report {
            name,
            inputs: module.graph.inputs().iter().map(|&id| shape(id)).collect(),
            layers: layers::layers(module),
            parameters: module.parameters(),
            cost: module.total_cost(),
            memory: None,
            time: None,
        }
    }
}

/// Writes every picture of the networks into a folder, in both themes.
fn pictures(reports: &[Report], folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|error| values::fault(folder, error))?;
    for (theme, suffix) in [(&Theme::LIGHT, "light"), (&Theme::DARK, "dark")] {
        let file = |name: &str| folder.join(format!("{name}.{suffix}.svg"));
        write(&file("complexity"), &plots::complexity(reports, theme)?)?;
        for report in reports {
            write(&file(&format!("{}.layers", report.name)), &plots::layers(&report.layers, theme)?)?;
            if let Some(memory) = &report.memory {
                write(&file(&format!("{}.memory", report.name)), &plots::memory(memory, theme)?)?;
            }
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    Ok(file::write(path, text.as_bytes())?)
}

/// A path that a browser takes for a page.
fn page(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => Ok(path),
        _ => Err("expected a file that ends in .html".into()),
    }
}

fn to_json(report: &Report) -> Value {
    let layer = |l: &Layer| {
        json!({
            "nodes": l.nodes, "ops": l.ops,
            "volume": l.volume(), "dims": l.output.dims(), "bytes": l.output.bytes(),
            "weights": l.weights, "biases": l.biases, "parameters": l.parameters(),
            "macs": l.macs, "flops": l.flops,
            "receptive_field": l.field.map(|f| f.size()),
            "stride": l.field.map(|f| f.jump()),
        })
    };
    json!({
        "name": report.name,
        "inputs": report.inputs,
        "layers": report.layers.iter().map(layer).collect::<Vec<Value>>(),
        "parameters": report.parameters,
        "macs": report.cost.macs,
        "flops": report.cost.flops,
        "memory": report.memory.as_ref().map(|memory| json!({
            "arena_bytes": memory.arena,
            "arena_bound": memory.bound,
            "scratch_bytes": memory.scratch,
            "weights_bytes": memory.weights,
            "live_bytes": memory.live,
            "steps": memory.steps.iter().map(|(name, op)| json!({ "name": name, "op": op })).collect::<Vec<Value>>(),
            "fullest": memory.fullest.as_ref().map(|(step, there)| json!({ "step": step, "buffers": there })),
            "buffers": memory.lives.iter().map(|life| json!({
                "name": life.name, "other_values": life.others, "first_step": life.first, "last_step": life.last,
                "offset": life.offset, "bytes": life.bytes,
            })).collect::<Vec<Value>>(),
        })),
        "time": report.time.as_ref().map(|time| json!({
            "threads": time.threads, "min_ms": time.least_ms, "median_ms": time.median_ms, "runs": time.runs,
        })),
    })
}
