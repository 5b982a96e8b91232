//! `cnnc inspect`: what a compiled library says about itself.

use std::path::PathBuf;

use cnnc::{Error, Model};
use cnnc_codegen::artifact::manifest::Manifest;
use cnnc_runtime::TensorInfo;
use cnnc_runtime::abi::CNNC_ABI_VERSION;
use serde_json::{Value, json};

use super::{open, output};

/// Show what a compiled library says about itself
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The library, a .so
    file: PathBuf,
    /// Also list the steps
    #[arg(long)]
    steps: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let model = open::library(&args.file)?;
    let manifest = open::manifest(&model)?;
    match args.json {
        true => output::json(&to_json(&model, &manifest)),
        false => print(&model, &manifest, args.steps),
    }
    Ok(())
}

fn print(model: &Model, manifest: &Manifest, steps: bool) {
    let say = |key: &str, value: String| output::line(format_args!("{key:10} {value}"));
    say("name", output::name(model.name()));
    say("abi", CNNC_ABI_VERSION.to_string());
    say("compiler", manifest.compiler.clone());
    say("target", format!("{}, {} ({})", manifest.triple, manifest.target, manifest.features.join(", ")));
    if !manifest.uses.is_empty() {
        say("uses", format!("{} where the processor has them", manifest.uses.join(", ")));
    }
    say("numerics", manifest.numerics.clone());
    say("source", format!("sha256 {}", hex(&manifest.source_sha256)));
    for option in &manifest.options {
        say("option", format!("--{} {}", option.name, option.value).trim_end().into());
    }
    for (kind, tensors) in [("input", model.inputs()), ("output", model.outputs())] {
        for tensor in tensors {
            say(
                kind,
                format!("{}: {}", output::name(&tensor.name), output::typed(tensor.dtype, &tensor.shape)),
            );
        }
    }
    say("arena", output::bytes(model.arena_bytes() as u64));
    say("scratch", format!("{} a thread", output::bytes(model.scratch_bytes() as u64)));
    say("weights", output::bytes(weights_bytes(model)));
    say("stack", output::bytes(model.stack_bytes()));
    let macs: u64 = manifest.steps.iter().map(|step| step.macs).fold(0, u64::saturating_add);
    say("steps", format!("{}, {:.1} million multiply-adds", model.step_count(), macs as f64 / 1e6));
    if steps {
        let row = |index: usize| {
            let step = &manifest.steps[index];
            vec![format!("  {index}"), step.name.clone(), step.op.clone(), step.algorithm.clone()]
        };
        output::table(&(0..manifest.steps.len()).map(row).collect::<Vec<_>>(), 4);
    }
}

fn to_json(model: &Model, manifest: &Manifest) -> Value {
    let tensors = |list: &[TensorInfo]| -> Vec<Value> {
        list.iter()
            .map(|t| json!({ "name": t.name, "dtype": t.dtype.name(), "shape": t.shape, "bytes": t.bytes }))
            .collect()
    };
    json!({
        "name": model.name(),
        "abi": CNNC_ABI_VERSION,
        "compiler": manifest.compiler,
        "triple": manifest.triple,
        "target": manifest.target,
        "features": manifest.features,
        "uses": manifest.uses,
        "numerics": manifest.numerics,
        "source_sha256": hex(&manifest.source_sha256),
        "options": manifest.options.iter().map(|o| json!({ "name": o.name, "value": o.value }))
            .collect::<Vec<Value>>(),
        "inputs": tensors(model.inputs()),
        "outputs": tensors(model.outputs()),
        "arena_bytes": model.arena_bytes(),
        "scratch_bytes": model.scratch_bytes(),
        "workspace_align": model.workspace_align(),
        "weights_bytes": weights_bytes(model),
        "stack_bytes": model.stack_bytes(),
        "steps": manifest.steps.iter().map(|step| json!({
            "name": step.name, "op": step.op, "algorithm": step.algorithm,
            "macs": step.macs, "bytes": step.bytes,
        })).collect::<Vec<Value>>(),
    })
}

fn weights_bytes(model: &Model) -> u64 {
    model.external_weights_bytes().unwrap_or(model.weights().len()) as u64
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
