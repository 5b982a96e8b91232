//! Sums over pixels that convolutions take as they run: what the evaluator gives, on one thread and on three, bit for
//! bit; and maps that only a sum reads are nowhere.

mod common;

use cnnc_codegen::Target;
use cnnc_codegen::plan::{plan, print};
use cnnc_ir::text;
use common::{agree, exact};

/// The plan of a graph as text.
fn printed(body: &str) -> String {
    let target = Target { winograd: false, ..Target::x86_64_v3() };
    print(&plan(&text::parse(body).unwrap(), &target).unwrap())
}

/// The graph computes the right thing, and its convolution sums; its map `%m` is stored or not.
#[track_caller]
fn summed(is_stored: bool, body: &str) {
    let plan = printed(body);
    assert!(plan.contains("to one, by lines"), "{plan}");
    assert_eq!(plan.contains("%m: "), is_stored, "{plan}");
    assert_eq!(plan.contains("%m.sums: "), !is_stored, "{plan}");
    exact(body);
}

#[test]
fn a_map_that_only_its_mean_reads() {
    summed(
        false,
        "graph @g(%x: f32[2,24,16,16]) {\n  %w: f32[40,24,1,1] = const rand(1)\n  \
         %b: f32[40] = const rand(2)\n  %m: f32[2,40,16,16] = conv %x, %w, %b |> relu\n  \
         %y: f32[2,40,1,1] = reduce_mean %m, axes=[2,3]\n  return %y\n}\n",
    );
}

#[test]
fn a_map_of_one_pixel_in_the_pipe_of_its_own_mean() {
    for op in ["mul %m", "relu |> add %m"] {
        summed(
            true,
            &format!(
                "graph @g(%x: f32[2,16,3,3]) {{\n  %w: f32[32,16,3,3] = const rand(1)\n  \
                 %m: f32[2,32,1,1] = conv %x, %w\n  \
                 %y: f32[2,32,1,1] = reduce_mean %m, axes=[2,3] |> {op}\n  return %y\n}}\n"
            ),
        );
    }
}

#[test]
fn channels_that_fill_no_block() {
    summed(
        false,
        "graph @g(%x: f32[1,5,9,30]) {\n  %w: f32[13,5,3,3] = const rand(1)\n  \
         %b: f32[13] = const rand(2)\n  %m: f32[1,13,7,28] = conv %x, %w, %b |> relu\n  \
         %y: f32[1,13,1,1] = reduce_sum %m, axes=[2,3]\n  return %y\n}\n",
    );
}

#[test]
fn a_map_that_is_scaled_by_what_its_mean_gives() {
    summed(
        true,
        "graph @g(%x: f32[2,16,8,32]) {\n  %w: f32[20,16,1,1] = const rand(1)\n  \
         %m: f32[2,20,8,32] = conv %x, %w |> relu\n  \
         %s: f32[2,20,1,1] = reduce_mean %m, axes=[2,3]\n  %v: f32[20,20,1,1] = const rand(2)\n  \
         %e: f32[2,20,1,1] = conv %s, %v |> relu\n  %y: f32[2,20,8,32] = mul %m, %e\n  return %y\n}\n",
    );
}

#[test]
fn a_residual_sum_in_place() {
    summed(
        true,
        "graph @g(%x: f32[1,16,12,12]) {\n  %u: f32[16,16,3,3] = const rand(1)\n  \
         %a: f32[1,16,12,12] = conv %x, %u, pad=1 |> relu\n  %w: f32[16,16,3,3] = const rand(2)\n  \
         %m: f32[1,16,12,12] = conv %a, %w, pad=1 |> add %a |> relu\n  \
         %s: f32[1,16,1,1] = reduce_sum %m, axes=[2,3]\n  %y: f32[1,16,12,12] = sub %m, %s\n  \
         return %y, %s\n}\n",
    );
}

#[test]
fn an_output_that_is_summed_too() {
    summed(
        true,
        "graph @g(%x: f32[1,16,12,12]) {\n  %w: f32[16,16,3,3] = const rand(2)\n  \
         %m: f32[1,16,12,12] = conv %x, %w, stride=1, pad=1\n  \
         %s: f32[1,16,1,1] = reduce_sum %m, axes=[2,3]\n  return %m, %s\n}\n",
    );
}

#[test]
fn functions_that_run_on_stored_results_are_declined() {
    let body = "graph @g(%x: f32[1,16,12,12]) {\n  %w: f32[16,16,1,1] = const rand(2)\n  \
                %m: f32[1,16,12,12] = conv %x, %w |> tanh\n  %s: f32[1,16,1,1] = reduce_sum %m, axes=[2,3]\n  \
                return %s\n}\n";
    assert!(!printed(body).contains("sums"), "{}", printed(body));
    agree(body);
}

#[test]
fn other_axes_and_other_folds_are_declined() {
    let [pixels, others] = ["f32[1,12,1,1]", "f32[1,1,12,1]"];
    for (ty, fold) in [
        (pixels, "reduce_max %m, axes=[2,3]"),
        (pixels, "reduce_sum_square %m, axes=[2,3]"),
        (others, "reduce_sum %m, axes=[1,3]"),
    ] {
        let body = format!(
            "graph @g(%x: f32[1,16,12,16]) {{\n  %w: f32[12,16,1,1] = const rand(2)\n  \
             %m: f32[1,12,12,16] = conv %x, %w\n  %s: {ty} = {fold}\n  return %s\n}}\n"
        );
        assert!(!printed(&body).contains("sums"), "{}", printed(&body));
        agree(&body);
    }
}
