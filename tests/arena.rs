//! The arena of every built-in network is as small as what is alive at once.
//!
//! The checker counts what is alive (rule P6) by itself; the figures are those of the printed plan.

use cnnc_codegen::Target;
use cnnc_codegen::plan::{Goal, print};
use cnnc_frontends::arch::{ArchOptions, find, list};
use cnnc_ir::Module;
use cnnc_tests::compiled::{optimized, planned};
use cnnc_tests::count::say;
use cnnc_tests::models::{import, shared};

const MIB: f64 = (1 << 20) as f64;

/// MiB that an arena takes at most.
const MOST: [(&str, f64); 8] = [
    ("vgg16", 15.4),
    ("resnet18", 2.2),
    ("resnet50", 5.1),
    ("seresnet50", 6.9),
    ("densenet121", 7.4),
    ("googlenet", 4.6),
    ("squeezenet1.0", 3.6),
    ("inception-v4", 8.6),
];

/// The same of the plan that takes least.
const LEAST: [(&str, f64); 2] = [("vgg16", 2.4), ("resnet50", 4.7)];

/// MiB of scratch that a thread takes at most, for either goal.
const SCRATCH: f64 = 4.0;

/// MiB of arena and scratch.
fn mib(module: Module, goal: Goal) -> (f64, f64) {
    let program = planned(&optimized(module), &Target { goal, ..Target::x86_64_v3() });
    (program.arena_bytes as f64 / MIB, program.scratch_bytes as f64 / MIB)
}

fn built_in(name: &str) -> Module {
    find(name).unwrap().build(&ArchOptions::default()).unwrap()
}

/// The number behind a word of the plan's first line.
fn figure(plan: &str, word: &str) -> f64 {
    let line = plan.lines().next().unwrap();
    line.split_once(&format!(" {word}=")).unwrap().1.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn arenas_reach_their_bound() {
    let mut counted = 0;
    for network in list() {
        let module = network.build(&ArchOptions::default()).unwrap();
        let plan = print(&planned(&optimized(module), &Target::x86_64_v3()));
        let (arena, bound) = (figure(&plan, "arena"), figure(&plan, "bound"));
        assert!(arena == bound, "{}: {arena} bytes, {bound} are alive at once", network.name);
        let scratch = if plan.contains(" scratch=") { figure(&plan, "scratch") / MIB } else { 0.0 };
        assert!(scratch <= SCRATCH, "{}: {scratch} MiB of scratch", network.name);
        counted += 1;
    }
    assert!(counted >= 56, "{counted} networks");
    say(&format!("{counted} arenas of what is alive at once"));
}

#[test]
fn arenas_take_what_was_promised() {
    for (goal, promised) in [(Goal::Balanced, &MOST[..]), (Goal::Memory, &LEAST)] {
        for (name, most) in promised {
            let (arena, scratch) = mib(built_in(name), goal);
            say(&format!("{name}, {}: {arena:.2} MiB, {scratch:.2} MiB of scratch", goal.name()));
            assert!(arena <= *most && scratch <= SCRATCH, "{name}, {}: {arena} MiB", goal.name());
        }
    }
}

#[test]
fn an_inverted_bottleneck_takes_half() {
    let name = "mobilenet_v2_1.0_224-float";
    let Some(folder) = shared(name) else { return };
    let mobilenet = |goal| mib(import(&folder.join("model.onnx"), 1), goal);
    let (balanced, memory) = (mobilenet(Goal::Balanced), mobilenet(Goal::Memory));
    say(&format!("{name}: {:.2} MiB, {:.2} for the least memory", balanced.0, memory.0));
    assert!(2.0 * memory.0 <= balanced.0 && memory.1 <= SCRATCH, "{memory:?} of {balanced:?} MiB");
}
