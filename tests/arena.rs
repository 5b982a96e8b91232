//! The arena of every built-in network is as small as what is alive at once, or nearly so.
//!
//! The checker counts what is alive (rule P6) by itself; the figures are those of the printed plan.

use cnnc_codegen::Target;
use cnnc_codegen::plan::print;
use cnnc_frontends::arch::{ArchOptions, list};
use cnnc_tests::compiled::{optimized, planned};

/// The number behind a word of the plan's first line.
fn figure(plan: &str, word: &str) -> f64 {
    let line = plan.lines().next().unwrap();
    line.split_once(&format!(" {word}=")).unwrap().1.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn arenas_are_near_their_bound() {
    let mut counted = 0;
    for network in list() {
        let module = network.build(&ArchOptions::default()).unwrap();
        let plan = print(&planned(&optimized(module), &Target::x86_64_v3()));
        let (arena, bound) = (figure(&plan, "arena"), figure(&plan, "bound"));
        // Their blocks grow: what is written first is read for longest.
        let most = if network.name.starts_with("densenet") { 1.06 } else { 1.02 };
        assert!(bound <= arena && arena <= bound * most, "{}: {arena} of {bound} bytes", network.name);
        counted += 1;
    }
    assert!(counted >= 56, "{counted} networks");
    eprintln!("{counted} arenas within 1.02 (densenet 1.06) of their bound");
}
