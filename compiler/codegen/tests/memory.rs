//! Plans for little memory: they take less than the quick ones, and compute the same.

mod common;

use cnnc_codegen::Target;
use cnnc_codegen::plan::{Goal, Program, Work, plan, plan_until, print};
use cnnc_ir::{Module, text};
use common::{agree, agree_by, agree_small};

fn planned(graph: &str, goal: Goal) -> Program {
    plan(&text::parse(graph).unwrap(), &Target { goal, ..Target::x86_64_v3() }).unwrap()
}

/// The operators of the groups of a program.
fn groups(program: &Program) -> Vec<&str> {
    let groups = program.steps.iter().filter(|step| matches!(step.work, Work::Group(_)));
    groups.map(|step| step.op.as_str()).collect()
}

/// The plan for memory takes at most `share` of the balanced one, has these groups, and computes the right thing.
#[track_caller]
fn smaller(share: f64, wanted: &[&str], graph: &str) {
    let (balanced, small) = (planned(graph, Goal::Balanced), planned(graph, Goal::Memory));
    assert_eq!(groups(&small), wanted, "{}", print(&small));
    let most = (balanced.arena_bytes as f64 * share) as u64;
    assert!(small.arena_bytes <= most, "{} > {most}\n{}", small.arena_bytes, print(&small));
    assert!(small.scratch_bytes <= 4 << 20);
    agree_small(graph);
}

#[test]
fn a_bottleneck_with_its_residual() {
    smaller(
        0.81,
        &["conv > conv > conv"],
        "graph @g(%x: f32[2,64,24,25]) {\n  %u: f32[32,64,1,1] = const rand(1)\n  \
         %v: f32[32,32,3,3] = const rand(2)\n  %w: f32[64,32,1,1] = const rand(3)\n  \
         %a: f32[2,32,24,25] = conv %x, %u |> relu\n  %b: f32[2,32,24,25] = conv %a, %v, pad=1 |> relu\n  \
         %y: f32[2,64,24,25] = conv %b, %w |> add %x |> relu\n  return %y\n}\n",
    );
}

#[test]
fn two_convolutions_and_their_pool() {
    smaller(
        0.3,
        &["conv > conv > max_pool"],
        "graph @g(%x: f32[1,3,64,64]) {\n  %v: f32[16,3,3,3] = const rand(1)\n  \
         %w: f32[16,16,3,3] = const rand(2)\n  %a: f32[1,16,64,64] = conv %x, %v, pad=1 |> relu\n  \
         %b: f32[1,16,64,64] = conv %a, %w, pad=1 |> relu\n  \
         %y: f32[1,16,32,32] = max_pool %b, kernel=2, stride=2\n  return %y\n}\n",
    );
}

#[test]
fn an_inverted_residual_whose_values_are_small() {
    smaller(
        0.5,
        &["conv > conv > conv"],
        "graph @g(%x: f32[1,8,28,28]) {\n  %u: f32[48,8,1,1] = const rand(1)\n  \
         %v: f32[48,1,3,3] = const rand(2)\n  %w: f32[8,48,1,1] = const rand(3)\n  \
         %a: f32[1,48,28,28] = conv %x, %u |> clip min=0, max=6\n  \
         %b: f32[1,48,28,28] = conv %a, %v, pad=1, groups=48 |> clip min=0, max=6\n  \
         %y: f32[1,8,28,28] = conv %b, %w |> add %x\n  return %y\n}\n",
    );
}

#[test]
fn what_stands_before_a_convolution() {
    // Two images, and channels that do not fill their blocks; %a is read twice, so the sum is no stage of it.
    smaller(
        0.8,
        &["mul > conv"],
        "graph @g(%x: f32[2,4,40,41]) {\n  %u: f32[37,4,1,1] = const rand(1)\n  \
         %k: f32[1,37,1,1] = const rand(2)\n  %b: f32[1,37,1,1] = const rand(3)\n  \
         %w: f32[8,37,3,3] = const rand(4)\n  %v: f32[8,37,1,1] = const rand(5)\n  \
         %a: f32[2,37,40,41] = conv %x, %u\n  %r: f32[2,37,40,41] = mul %a, %k |> add %b |> relu\n  \
         %c: f32[2,8,40,41] = conv %r, %w, pad=1\n  \
         %y: f32[2,8,40,41] = conv %a, %v |> add %c\n  return %y\n}\n",
    );
}

/// The filters do not stay in cache: quickly, all tiles are transformed at once. They may take as much as all constants
/// do, so there is a table of which one row is read.
const MANY_TILES: &str = "graph @g(%x: f32[1,136,26,26], %i: i64[1]) {\n  %w: f32[136,136,3,3] = const rand(1)\n  \
     %y: f32[1,136,26,26] = conv %x, %w, pad=1 |> relu\n  %t: f32[50000,8] = const rand(3)\n  \
     %z: f32[1,8] = gather %t, %i, axis=0\n  return %y, %z\n}\n";

#[test]
fn tiles_by_rows_where_that_is_little_enough() {
    let quick = planned(MANY_TILES, Goal::Balanced);
    let fits = |program: &Program| 2 * program.arena_bytes <= quick.arena_bytes;
    let plan = |module: &Module, target: &Target| {
        let program = plan_until(module, target, &fits).unwrap();
        assert!(fits(&program));
        assert_eq!(groups(&program), ["winograd_input > winograd_product > winograd_output"]);
        program
    };
    agree_by(MANY_TILES, &Target { goal: Goal::Memory, ..Target::x86_64_v3() }, &plan);
}

#[test]
fn no_tiles_where_memory_is_all() {
    // Rows of tiles lie in scratch memory, which counts.
    smaller(0.4, &[], MANY_TILES);
    let rows = planned(MANY_TILES, Goal::Memory);
    assert_eq!(rows.scratch_bytes, 0, "{}", print(&rows));
}

#[test]
fn a_stem_before_tiles() {
    let graph = "graph @g(%x: f32[2,3,190,177]) {\n  %v: f32[32,3,3,3] = const rand(1)\n  \
                 %w: f32[32,32,3,3] = const rand(2)\n  %b: f32[32] = const rand(3)\n  \
                 %a: f32[2,32,190,177] = conv %x, %v, pad=1 |> relu\n  \
                 %y: f32[2,32,190,177] = conv %a, %w, %b, pad=1 |> relu\n  return %y\n}\n";
    let chain = ["conv > winograd_input > winograd_product > winograd_output"];
    assert_eq!(groups(&planned(graph, Goal::Balanced)), chain);
    assert_eq!(groups(&planned(graph, Goal::Speed)), [&chain[0][7..]]);
    agree(graph);
}

#[test]
fn the_same_plan_again() {
    let graph = "graph @g(%x: f32[1,64,24,24]) {\n  %u: f32[32,64,1,1] = const rand(1)\n  \
                 %a: f32[1,32,24,24] = conv %x, %u |> relu\n  \
                 %y: f32[1,64,24,24] = conv_transpose %a, %t\n  return %y\n}\n";
    let graph = graph
        .replace("conv_transpose %a, %t", "conv %a, %t")
        .replace("  %a:", "  %t: f32[64,32,1,1] = const rand(2)\n  %a:");
    let [one, other] = [0, 1].map(|_| print(&planned(&graph, Goal::Memory)));
    assert_eq!(one, other);
}
