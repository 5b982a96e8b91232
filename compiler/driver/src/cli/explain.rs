//! `cnnc explain`: what each pass did and what the plan decided, what they left alone and why.

use cnnc::{Error, Report};
use cnnc_codegen::plan::{Decision, Topic};
use cnnc_passes::{Change, PassReport, find};
use serde_json::{Value, json};

use super::args::{Pictures, Source};
use super::output;

/// Explain what each pass did and what the plan decided, and what they left alone
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    pictures: Pictures,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let options = args.pictures.options(&args.source.compilation)?;
    let module = cnnc::load(&args.source.input, &options)?;
    let (module, report) = cnnc::optimize(module, &options, &mut |_| {})?;
    let compiled = cnnc::plan(module, &options)?;
    let decisions = &compiled.program().decisions;
    match args.json {
        true => output::json(&to_json(&report, decisions)),
        false => {
            let did = |pass: &&PassReport| pass.changed || !pass.declines.is_empty();
            report.passes.iter().filter(did).for_each(print);
            let idle: Vec<&str> =
                report.passes.iter().filter(|pass| !did(pass)).map(|pass| pass.name).collect();
            output::line(format_args!("nothing to do for {}", idle.join(", ")));
            Topic::ALL.into_iter().for_each(|topic| plan(topic, decisions));
        }
    }
    Ok(())
}

/// How many nodes of a kind are named.
const EXAMPLES: usize = 3;

/// A pass: what it did to how many nodes, and what it left alone for which reason.
fn print(pass: &PassReport) {
    let (before, after) = pass.nodes;
    let change = match before == after {
        true => format!("{after} nodes stay"),
        false => format!("{before} nodes became {after}"),
    };
    output::line(format_args!("{}: {change}, {:.1} ms", pass.name, pass.time.as_secs_f64() * 1e3));
    if let Some(pass) = find(pass.name) {
        output::line(format_args!("    why here: {}", pass.why));
    }
    if let Some(note) = &pass.note {
        output::line(format_args!("    {note}"));
    }
    let kind = |change: &Change| match &change.after {
        Some(after) if *after == change.before => format!("{after}, of other operands"),
        Some(after) => format!("{} -> {after}", change.before),
        None => format!("{} -> a value that is there", change.before),
    };
    for (kind, nodes) in grouped(pass.changes.iter().map(|change| (kind(change), &change.node))) {
        output::line(format_args!("    {:>4} x  {kind}: {}", nodes.len(), examples(&nodes)));
    }
    left_alone(&pass.declines.iter().map(|(node, why)| (node, why)).collect::<Vec<_>>());
}

/// What the plan decided about a topic, if anything.
fn plan(topic: Topic, decisions: &[Decision]) {
    let own = || decisions.iter().filter(|decision| decision.topic == topic);
    let did: Vec<_> = own().filter_map(|d| Some((d.outcome.clone().ok()?, &d.node))).collect();
    let left: Vec<_> = own().filter_map(|d| Some((&d.node, d.outcome.as_ref().err()?))).collect();
    if did.is_empty() && left.is_empty() {
        return;
    }
    output::line(format_args!("plan, {}: {} of {}", topic.name(), did.len(), did.len() + left.len()));
    output::line(format_args!("    why: {}", topic.why()));
    for (what, nodes) in grouped(did.into_iter()) {
        output::line(format_args!("    {:>4} x  {what}: {}", nodes.len(), examples(&nodes)));
    }
    left_alone(&left);
}

/// Nodes that were left alone, and why, those for alike reasons together.
fn left_alone(all: &[(&String, &String)]) {
    for (why, nodes) in grouped(all.iter().map(|(node, why)| (without_names(why), *node))) {
        let first = all.iter().find(|(node, _)| *node == nodes[0]);
        let example = first.map(|(_, own)| own).filter(|own| ***own != why);
        let example = example.map(|own| format!(" ({own})")).unwrap_or_default();
        let named = examples(&nodes);
        output::line(format_args!("    {:>4} x  left alone, {why}: {named}{example}", nodes.len()));
    }
}

/// What is alike, in the order in which it was first seen.
fn grouped<'a>(all: impl Iterator<Item = (String, &'a String)>) -> Vec<(String, Vec<&'a String>)> {
    let mut groups: Vec<(String, Vec<&String>)> = Vec::new();
    for (kind, node) in all {
        match groups.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, nodes)) => nodes.push(node),
            None => groups.push((kind, vec![node])),
        }
    }
    groups
}

/// The first nodes by name, and how many more there are.
fn examples(nodes: &[&String]) -> String {
    let named: Vec<String> = nodes.iter().take(EXAMPLES).map(|node| format!("%{node}")).collect();
    match nodes.len().checked_sub(EXAMPLES) {
        Some(more) if more > 0 => format!("{} and {more} more", named.join(", ")),
        _ => named.join(", "),
    }
}

/// A reason as others may have it: `%conv1 has another reader` is `%.. has another reader`, numbers are `N`, and
/// extents `[..]`.
fn without_names(why: &str) -> String {
    let word = |word: &str| match word.strip_prefix('%') {
        Some(name) => format!("%..{}", if name.ends_with(',') { "," } else { "" }),
        None if word.starts_with(|c: char| c.is_ascii_digit()) => "N".into(),
        None if word.ends_with(']') => word.split('[').next().unwrap_or_default().to_string() + "[..]",
        None => word.into(),
    };
    why.split(' ').map(word).collect::<Vec<String>>().join(" ")
}

fn to_json(report: &Report, decisions: &[Decision]) -> Value {
    let decision = |Decision { topic, node, outcome }: &Decision| {
        json!({
            "topic": topic.name(),
            "node": node,
            "did": outcome.as_ref().ok(),
            "why_not": outcome.as_ref().err(),
        })
    };
    let pass = |pass: &PassReport| {
        json!({
            "pass": pass.name,
            "changed": pass.changed,
            "nodes_before": pass.nodes.0,
            "nodes_after": pass.nodes.1,
            "ms": pass.time.as_secs_f64() * 1e3,
            "note": pass.note,
            "changes": pass.changes.iter().map(|Change { node, before, after }| {
                json!({ "node": node, "before": before, "after": after })
            }).collect::<Vec<Value>>(),
            "declined": pass.declines.iter().map(|(node, why)| json!({ "node": node, "why": why }))
                .collect::<Vec<Value>>(),
        })
    };
    json!({
        "passes": report.passes.iter().map(pass).collect::<Vec<Value>>(),
        "plan": decisions.iter().map(decision).collect::<Vec<Value>>(),
    })
}
