//! `cnnc compile`: from a network to a library, an object, an archive, a header.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cnnc::{E_OPTION, Error, Options};
use cnnc_codegen::artifact::{Kind, c_identifier};

use super::args::{Pictures, Source};
use super::progress::Progress;

/// Compile a network into a library that needs nothing
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to write: .so, .o, .a or .h; repeatable
    #[arg(short, long, required = true, value_name = "FILE", value_parser = output)]
    output: Vec<PathBuf>,
    /// NAME of NAME_model, a C identifier [default: from the first output's stem]
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// Measure for about so long which algorithm suits each layer on this machine, and take it; what was measured is
    /// written beside the first output, as NAME.times, for --tuned
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "tuned")]
    tune: Option<u32>,
    /// Wait until what is written lies on the disk
    #[arg(long)]
    sync: bool,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    pictures: Pictures,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let progress = Progress::new();
    let path = &args.source.input;
    let mut options = args.pictures.options(&args.source.compilation)?;
    // One function, whatever the files are called that it is in.
    let name_of_first = || args.output[0].file_stem().map(|stem| c_identifier(&stem.to_string_lossy()));
    options.name = args.name.clone().or_else(name_of_first);
    options.sync = args.sync;

    let source = path.canonicalize().ok();
    if let Some(output) =
        args.output.iter().find(|output| source.is_some() && output.canonicalize().ok() == source)
    {
        let error =
            Error::new(E_OPTION, format!("{}: the network itself would be overwritten", output.display()));
        return Err(error.with_help("give another name: -o NAME.so"));
    }
    progress.say(format!("reading {}", path.display()));
    let (module, digest) = cnnc::load_digested(path, &options)?;
    let (module, _) =
        cnnc::optimize(module, &options, &mut |event| progress.say(format!("ran {}", event.pass.name)))?;
    if let Some(seconds) = args.tune {
        progress.say("measuring");
        let times = cnnc::tune(&module, &options, Duration::from_secs(seconds.into()))?;
        cnnc::write_times(&times, &module, &options, &args.output[0].with_extension("times"))?;
        options.times = Some(Arc::new(times));
    }
    progress.say("planning");
    let compiled = cnnc::plan(module, &options)?.with_source(digest);
    for output in &args.output {
        progress.say(format!("writing {}", output.display()));
        compiled.write(output)?;
    }
    drop(progress);
    if let Some(note) = note(&options, compiled.options()) {
        // Nobody may be there to be told.
        let _ = writeln!(std::io::stderr(), "note: {note}");
    }
    Ok(())
}

/// What limits made of the plan that was asked for.
fn note(asked: &Options, taken: &Options) -> Option<String> {
    let mut changes = Vec::new();
    if taken.optimize != asked.optimize {
        changes.push(format!("--optimize {}", taken.optimize.name()));
    }
    if taken.winograd != asked.winograd {
        changes.push("--no-winograd".into());
    }
    let limits =
        asked.limits().into_iter().filter(|(name, _)| ["max-memory", "max-workspace"].contains(&&**name));
    let given: Vec<String> = limits.map(|(name, limit)| format!("--{name} {limit}")).collect();
    let limits = match given.is_empty() {
        true => format!("--max-memory {}", asked.max_memory),
        false => given.join(" "),
    };
    let changes = changes.join(" ");
    (!changes.is_empty()).then(|| format!("planned for memory, as by {changes}, to keep to {limits}"))
}

/// A whole number of seconds.
fn seconds(text: &str) -> Result<u32, String> {
    let seconds = text.parse().ok().filter(|&seconds| seconds > 0);
    seconds.ok_or_else(|| "expected seconds, a whole number from 1".into())
}

/// A path whose extension names a kind of artifact.
fn output(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    Kind::of(&path).map_err(|error| error.to_string())?;
    Ok(path)
}

/// A C identifier.
fn name(text: &str) -> Result<String, String> {
    match c_identifier(text) {
        fixed if fixed == text => Ok(fixed),
        fixed => Err(format!("no C identifier; {fixed} would be one")),
    }
}
