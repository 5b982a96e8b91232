//! How many operations the passes leave of each built-in network: one line a network, at the paper's size.
//!
//! Arithmetic on constants is no operation of the network; it is not done here.

use cnnc_frontends::arch::{Arch, ArchOptions, list};
use cnnc_ir::{Graph, Module, Op};
use cnnc_passes::{PassOptions, run};
use std::collections::HashSet;
use std::fmt::Write;

/// Nodes that compute something of an input, and their multiply-adds.
fn operations(graph: &Graph) -> (usize, u64) {
    let mut computed = HashSet::new();
    let (mut count, mut macs) = (0, 0);
    for &id in graph.order() {
        let is_input = matches!(graph[id].op(), Op::Input(_));
        if is_input || graph.operands(id).iter().any(|o| computed.contains(o)) {
            computed.insert(id);
            count += usize::from(!is_input);
            macs += graph.cost(id).macs;
        }
    }
    (count, macs)
}

fn line(arch: &Arch) -> String {
    let mut module: Module = arch.build(&ArchOptions::default()).unwrap();
    let (before, macs_before) = operations(&module.graph);
    let disable = vec!["fold-constants".to_string()];
    let options = PassOptions { disable, keep_denormals: true, ..PassOptions::default() };
    run(&mut module, &options, &mut |_| {}).unwrap_or_else(|e| panic!("{}: {e}", arch.name));
    let (after, macs_after) = operations(&module.graph);
    assert!(after <= before && macs_after <= macs_before, "{}: {after} of {before}", arch.name);
    let millions = |macs: u64| macs as f64 * 1e-6;
    let (macs_before, macs_after) = (millions(macs_before), millions(macs_after));
    format!("{:<26} {before:>5} -> {after:>4}   {macs_before:>8.1} -> {macs_after:>8.1}", arch.name)
}

#[test]
fn operations_before_and_after() {
    let mut table = format!("{:<26} {:>13}   {:>20}\n", "network", "operations", "10^6 multiply-adds");
    for arch in list() {
        let _ = writeln!(table, "{}", line(arch));
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("operations", table);
    });
}
