//! `cnnc arch`: the built-in networks: which there are, what one is, and one as a file.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueEnum, ValueHint};
use cnnc::{E_OPTION, Error, Module};
use cnnc_frontends::arch::{self, Arch, ArchOptions};
use cnnc_frontends::{file, onnx, weights};
use cnnc_ir::text;
use serde_json::{Value, json};

use super::args::Compilation;
use super::output::{self, count};

/// List, show and export the built-in networks
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the built-in networks, family by family
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a network: paper, shapes, and the tensors that a file of weights must hold
    Show {
        #[arg(value_parser = names(), hide_possible_values = true)]
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        compilation: Compilation,
    },
    /// Write a network as ONNX, or as text that draws the same weights
    Export {
        #[arg(value_parser = names(), hide_possible_values = true)]
        name: String,
        /// The format [default: from the extension of the file]
        #[arg(long, value_enum)]
        format: Option<Format>,
        /// What to write
        #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: PathBuf,
        #[command(flatten)]
        compilation: Compilation,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Onnx,
    Cnn,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    match &args.command {
        Command::List { json } => list(*json),
        Command::Show { name, json, compilation } => show(name, *json, compilation),
        Command::Export { name, format, output, compilation } => {
            export(name, format.or_else(|| of_extension(output)), output, compilation)
        }
    }
}

/// The names of the networks.
fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(arch::list().iter().map(|arch| arch.name))
}

fn built(arch: &Arch) -> Result<Module, Error> {
    arch.build(&ArchOptions::default()).map_err(|error| Error::new(E_OPTION, error))
}

fn list(json: bool) -> Result<(), Error> {
    let modules =
        arch::list().iter().map(|arch| Ok((arch, built(arch)?))).collect::<Result<Vec<_>, Error>>()?;
    if json {
        let one = |(arch, module): &(&Arch, Module)| facts(arch, module);
        output::json(&json!({ "networks": modules.iter().map(one).collect::<Vec<Value>>() }));
        return Ok(());
    }
    let mut rows = vec![["name", "paper", "input", "parameters", "MACs"].map(String::from).to_vec()];
    rows.extend(modules.iter().map(|(arch, module)| {
        vec![
            arch.name.into(),
            short(arch.paper),
            input(module),
            count(module.parameters()),
            count(module.total_cost().macs),
        ]
    }));
    output::table(&rows, 2);
    Ok(())
}

/// The authors and the year of a paper.
fn short(paper: &str) -> String {
    let (authors, year) = (paper.split(',').next(), paper.rsplit(", ").next());
    format!("{} {}", authors.unwrap_or_default(), year.unwrap_or_default())
}

fn input(module: &Module) -> String {
    let dims = module.graph.inputs().iter().map(|&id| module.graph.ty(id).dims());
    dims.map(|dims| dims.iter().map(usize::to_string).collect::<Vec<_>>().join("x"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn facts(arch: &Arch, module: &Module) -> Value {
    json!({
        "name": arch.name,
        "paper": arch.paper,
        "names": arch.names,
        "input": module.graph.inputs().iter().map(|&id| module.graph.ty(id).dims()).collect::<Vec<_>>(),
        "outputs": module.graph.outputs().iter().map(|&id| module.graph.ty(id).dims()).collect::<Vec<_>>(),
        "parameters": module.parameters(),
        "macs": module.total_cost().macs,
    })
}

fn show(name: &str, json: bool, compilation: &Compilation) -> Result<(), Error> {
    let module = cnnc::load(Path::new(name), &compilation.options()?)?;
    let Some(arch) = arch::find(name) else { return Ok(()) };
    let tensors = weights::weights(&module);
    let graph = &module.graph;
    if json {
        let mut facts = facts(arch, &module);
        let tensor = |&id| json!({ "name": graph[id].name().as_str(), "dims": graph.ty(id).dims() });
        facts["tensors"] = tensors.iter().map(tensor).collect();
        output::json(&facts);
        return Ok(());
    }
    let say = |key: &str, value: &str| output::line(format_args!("{key:11} {value}"));
    say("name", arch.name);
    say("paper", arch.paper);
    say("input", &input(&module));
    let outputs: Vec<String> = graph.outputs().iter().map(|&id| graph.ty(id).to_string()).collect();
    say("output", &outputs.join(", "));
    say("parameters", &count(module.parameters()));
    say("MACs", &count(module.total_cost().macs));
    say("weights", &format!("by the names of {}", arch.names));
    let row = |&id| vec![format!("  {}", graph[id].name()), graph.ty(id).to_string()];
    output::table(&tensors.iter().map(row).collect::<Vec<_>>(), 2);
    Ok(())
}

fn of_extension(path: &Path) -> Option<Format> {
    Format::from_str(path.extension()?.to_str()?, true).ok()
}

fn export(name: &str, format: Option<Format>, path: &Path, compilation: &Compilation) -> Result<(), Error> {
    let options = compilation.options()?;
    let wanted = "give --format onnx or --format cnn, or a file of that extension";
    let format = format.ok_or_else(|| {
        Error::new(E_OPTION, format!("{}: its extension is no format", path.display())).with_help(wanted)
    })?;
    let module = cnnc::load(Path::new(name), &options)?;
    match format {
        Format::Onnx => Ok(onnx::export_file(&module, path)?),
        Format::Cnn if options.weights.is_some() => {
            let error = Error::new(E_OPTION, "text holds no weights");
            Err(error.with_help("export without --weights, and give them when the text is compiled"))
        }
        Format::Cnn => Ok(file::write(path, text::print(&module).as_bytes())?),
    }
}
