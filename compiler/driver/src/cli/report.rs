//! `cnnc report`: layers, shapes, parameters, multiply-adds, memory.
//!
//! Rows are the nodes as the file has them. A parameter that two nodes share is counted for the first.

use std::collections::HashSet;

use cnnc::{Compiled, Error, Module};
use serde_json::{Value, json};

use super::args::Source;
use super::output;

/// Report layers, shapes, parameters, multiply-adds and memory
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A node in the table.
struct Row {
    name: String,
    op: String,
    output: String,
    parameters: u64,
    macs: u64,
    flops: u64,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let options = args.source.compilation.options();
    let module = cnnc::load(&args.source.input, &options)?;
    let rows = rows(&module);
    let compiled = cnnc::compile(&module, &options);
    match args.json {
        true => output::json(&to_json(&module, &rows, compiled.as_ref().ok())),
        false => print(&module, &rows, compiled.as_ref().ok()),
    }
    // The table of a network that does not compile is worth having; its status still says so.
    compiled.map(|_| ())
}

fn rows(module: &Module) -> Vec<Row> {
    let graph = &module.graph;
    let mut counted = HashSet::new();
    let computed = graph.order().iter().filter(|&&id| !graph[id].is_const() && !graph.inputs().contains(&id));
    computed
        .map(|&id| {
            let node = &graph[id];
            let cost = graph.cost(id);
            let weights = graph
                .operands(id)
                .into_iter()
                .filter(|&o| graph[o].is_const() && graph.ty(o).dtype.is_float() && counted.insert(o));
            Row {
                name: node.name().to_string(),
                op: node.op().name().into(),
                output: node.ty().to_string(),
                parameters: weights.map(|o| graph.ty(o).elements() as u64).sum(),
                macs: cost.macs,
                flops: cost.flops,
            }
        })
        .collect()
}

fn print(module: &Module, rows: &[Row], compiled: Option<&Compiled>) {
    let header = ["node", "operator", "output", "parameters", "MACs", "other FLOPs"].map(String::from);
    let mut table = vec![header.to_vec()];
    table.extend(rows.iter().map(|r| {
        let numbers = [r.parameters, r.macs, r.flops].map(|n| n.to_string());
        [r.name.clone(), r.op.clone(), r.output.clone()].into_iter().chain(numbers).collect()
    }));
    let cost = module.total_cost();
    let totals = [module.parameters(), cost.macs, cost.flops].map(|n| n.to_string());
    table.push(["total".into(), String::new(), String::new()].into_iter().chain(totals).collect());
    output::table(&table, 3);
    if let Some(program) = compiled.map(Compiled::program) {
        let (arena, bound) = (program.arena_bytes, program.arena_bound);
        let over = if bound == 0 { 0.0 } else { 100.0 * (arena as f64 / bound as f64 - 1.0) };
        output::line("");
        output::line(format_args!(
            "arena {}, {over:.1} % over the bound of {}; packed weights {}; {} steps",
            output::bytes(arena),
            output::bytes(bound),
            output::bytes(program.weights.len() as u64),
            program.steps.len()
        ));
    }
}

fn to_json(module: &Module, rows: &[Row], compiled: Option<&Compiled>) -> Value {
    let row = |r: &Row| {
        json!({
            "node": r.name, "op": r.op, "output": r.output,
            "parameters": r.parameters, "macs": r.macs, "flops": r.flops,
        })
    };
    let cost = module.total_cost();
    json!({
        "nodes": rows.iter().map(row).collect::<Vec<Value>>(),
        "parameters": module.parameters(),
        "macs": cost.macs,
        "flops": cost.flops,
        "memory": compiled.map(Compiled::program).map(|program| json!({
            "arena_bytes": program.arena_bytes,
            "arena_bound": program.arena_bound,
            "weights_bytes": program.weights.len(),
            "steps": program.steps.len(),
        })),
    })
}
