//! The characteristic block of each built-in network, before and after the passes, as snapshots.
//!
//! A block is cut out of its network: the nodes of some prefixes, behind an input for the value that they read.

use cnnc_frontends::arch::{ArchOptions, find};
use cnnc_ir::{Expr, Graph, Module, NodeId, Weights, text};
use cnnc_tests::compiled::optimized;
use std::collections::HashMap;

/// The nodes of a network whose names start with one of the prefixes, as a graph of its own that reads `input`.
fn cut(module: &Module, name: &str, input: &str, prefixes: &[&str]) -> Module {
    let graph = &module.graph;
    let source = graph.find(input).unwrap_or_else(|| panic!("no %{input}"));
    let mut block = Graph::new(name);
    let mut moved: HashMap<NodeId, NodeId> = HashMap::new();
    moved.insert(source, block.input("x", graph.ty(source).clone()).unwrap());
    let is_inside = |id: NodeId| {
        let name = graph[id].name().as_str();
        id != source
            && prefixes.iter().any(|p| name.strip_prefix(p).is_some_and(|r| !r.starts_with(char::is_numeric)))
    };
    let mut last = source;
    for &id in graph.order().iter().filter(|&&id| is_inside(id)) {
        let expr: Expr = graph.expr(id).map(|o| moved.get(o).copied().ok_or(*o)).unwrap_or_else(|outside| {
            panic!("{name}: %{} reads %{}, which is outside", graph[id].name(), graph[outside].name())
        });
        moved.insert(id, block.add(graph[id].name().as_str(), expr).unwrap());
        last = id;
    }
    block.set_outputs(vec![moved[&last]]);
    Module::new(block, Weights::default())
}

#[track_caller]
fn block(name: &str, network: &str, input: &str, prefixes: &[&str]) {
    let module = find(network).unwrap().build(&ArchOptions::default()).unwrap();
    let before = cut(&module, name, input, prefixes);
    let after = optimized(before.clone());
    let both = format!("{}\n// after all passes\n{}", text::print(&before), text::print(&after));
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(format!("block_{name}"), both);
    });
}

#[test]
fn fire() {
    block("fire", "squeezenet1.1", "features.0.relu.pool", &["features.3"]);
}

#[test]
fn inception() {
    block(
        "inception",
        "googlenet",
        "conv2.3x3.relu.norm.pool",
        &["inception_3a", "conv2.3x3.relu.norm.pool."],
    );
}

#[test]
fn residual() {
    block("residual", "resnet18", "bn1.relu.pool", &["layer1.0"]);
}

#[test]
fn bottleneck() {
    block("bottleneck", "resnet50", "layer1.2.add.relu", &["layer2.0"]);
}

#[test]
fn identity_mapping() {
    block("identity_mapping", "preresnet50", "stages.0.blocks.0.add", &["stages.0.blocks.1"]);
}

#[test]
fn stochastic_depth() {
    block("stochastic_depth", "resnet110-sd", "bn1.relu", &["layer1.0"]);
}

#[test]
fn dense() {
    let layer = ["features.denseblock1.denselayer1", "features.denseblock1.concat1"];
    block("dense", "densenet121", "features.norm0.relu.pool", &layer);
}

#[test]
fn squeeze_and_excitation() {
    block("squeeze_and_excitation", "seresnet50", "layer1.0.add.relu", &["layer1.1"]);
}

#[test]
fn fractal() {
    block("fractal", "fractalnet", "input", &["block1"]);
}

#[test]
fn mlpconv() {
    block("mlpconv", "nin", "input", &["conv1", "cccp1", "cccp2"]);
}

#[test]
fn grouped() {
    block("grouped", "alexnet", "conv3.relu", &["conv4", "conv5"]);
}
