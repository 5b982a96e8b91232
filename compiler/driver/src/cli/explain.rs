//! `cnnc explain`: what each pass did, what it left alone and why.

use cnnc::{Error, Report};
use cnnc_passes::{PassReport, find};
use serde_json::{Value, json};

use super::args::Source;
use super::output;

/// Explain what each pass did, and what it left alone
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let options = args.source.compilation.options()?;
    let module = cnnc::load(&args.source.input, &options)?;
    let (_, report) = cnnc::optimize(module, &options, &mut |_| {})?;
    match args.json {
        true => output::json(&to_json(&report)),
        false => report.passes.iter().for_each(print),
    }
    Ok(())
}

fn print(pass: &PassReport) {
    let (before, after) = pass.nodes;
    let change = match pass.changed {
        true if before == after => format!("changed the network, {after} nodes"),
        true => format!("{before} nodes became {after}"),
        false => "changed nothing".into(),
    };
    output::line(format_args!("{}: {change}, {:.1} ms", pass.name, pass.time.as_secs_f64() * 1e3));
    if let Some(pass) = find(pass.name) {
        output::line(format_args!("    why here: {}", pass.why));
    }
    if let Some(note) = &pass.note {
        output::line(format_args!("    {note}"));
    }
    for (node, why) in &pass.declines {
        output::line(format_args!("    left %{node} alone: {why}"));
    }
}

fn to_json(report: &Report) -> Value {
    let pass = |pass: &PassReport| {
        json!({
            "pass": pass.name,
            "changed": pass.changed,
            "nodes_before": pass.nodes.0,
            "nodes_after": pass.nodes.1,
            "ms": pass.time.as_secs_f64() * 1e3,
            "note": pass.note,
            "declined": pass.declines.iter().map(|(node, why)| json!({ "node": node, "why": why }))
                .collect::<Vec<Value>>(),
        })
    };
    json!({ "passes": report.passes.iter().map(pass).collect::<Vec<Value>>() })
}
