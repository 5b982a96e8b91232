//! Groups: chains of layers by row blocks give what the evaluator does, on one thread and on three, bit for bit.
//!
//! Inputs and weights are small integers, so nothing is rounded and a row that is wrong or missing cannot hide.

mod common;

use cnnc_codegen::Target;
use cnnc_codegen::plan::{Space, Work, plan, print};
use cnnc_ir::text;
use common::{exact, exact_small};

/// The graph is planned with one group of so many members, and computes the right thing.
#[track_caller]
fn grouped(members: usize, body: &str) {
    let program = plan(&text::parse(body).unwrap(), &Target::x86_64_v3()).unwrap();
    let found: Vec<usize> = program
        .steps
        .iter()
        .filter_map(|step| match &step.work {
            Work::Group(group) => Some(group.members.len()),
            Work::Nests(_) | Work::Siblings(_) => None,
        })
        .collect();
    assert_eq!(found, [members], "{}", print(&program));
    let rings = program.buffers.iter().filter(|b| b.space == Space::Scratch);
    assert_eq!(rings.count(), members - 1);
    assert!(program.scratch_bytes > 0 && program.scratch_bytes <= 4 << 20);
    exact(body);
}

#[test]
fn a_stem_and_its_pool() {
    grouped(
        2,
        "graph @g(%x: f32[1,3,150,151]) {\n  %w: f32[64,3,7,7] = const rand(1)\n  \
         %c: f32[1,64,75,76] = conv %x, %w, stride=2, pad=3 |> relu\n  \
         %y: f32[1,64,38,38] = max_pool %c, kernel=3, stride=2, pad=1\n  return %y\n}\n",
    );
}

#[test]
fn a_member_called_as_what_another_layer_makes() {
    // The sums of %v lie in a buffer of that name, and are computed between the members.
    grouped(
        2,
        "graph @g(%x: f32[1,3,150,151]) {\n  %u: f32[16,3,1,1] = const rand(2)\n  \
         %w: f32[64,3,7,7] = const rand(1)\n  %v: f32[1,16,150,151] = conv %x, %u\n  \
         %v.sums: f32[1,64,75,76] = conv %x, %w, stride=2, pad=3 |> relu\n  \
         %y: f32[1,64,38,38] = max_pool %v.sums, kernel=3, stride=2, pad=1\n  \
         %m: f32[1,16,1,1] = reduce_sum %v, axes=[2,3]\n  return %y, %m\n}\n",
    );
}

#[test]
fn a_member_called_as_its_bias_in_channels() {
    grouped(
        2,
        "graph @g(%x: f32[1,8,256,256], %b: f32[12]) {\n  %w: f32[12,8,3,3] = const rand(1)\n  \
         %b.channels: f32[1,12,256,256] = conv %x, %w, %b, pad=1 |> relu\n  \
         %y: f32[1,12,128,128] = max_pool %b.channels, kernel=2, stride=2\n  return %y\n}\n",
    );
}

#[test]
fn pictures_of_bytes() {
    grouped(
        2,
        "graph @g(%x: u8[2,61,83,3]) {\n  %p: u8[2,3,61,83] = transpose %x, perm=[0,3,1,2]\n  \
         %r: u8[2,3,61,83] = slice %p, starts=[0,2,0,0], ends=[2,-1,61,83], steps=[1,-1,1,1]\n  \
         %k: f32[3,1,1] = const [1, -2, 3]\n  \
         %s: f32[2,3,61,83] = cast %r, to=f32 |> mul %k\n  %w: f32[64,3,5,5] = const rand(1)\n  \
         %y: f32[2,64,31,42] = conv %s, %w, stride=2, pad=2 |> relu\n  return %y\n}\n",
    );
}

#[test]
fn an_inverted_residual_of_two_images() {
    grouped(
        3,
        "graph @g(%x: f32[2,12,61,47]) {\n  %v: f32[97,12,1,1] = const rand(1)\n  \
         %a: f32[2,97,61,47] = conv %x, %v |> clip min=0, max=6\n  %w: f32[97,1,3,3] = const rand(2)\n  \
         %b: f32[2,97,61,47] = conv %a, %w, pad=1, groups=97\n  %u: f32[12,97,1,1] = const rand(3)\n  \
         %y: f32[2,12,61,47] = conv %b, %u |> add %x\n  return %y\n}\n",
    );
}

#[test]
fn strides_and_dilations() {
    grouped(
        3,
        "graph @g(%x: f32[1,8,100,90]) {\n  %v: f32[40,8,3,3] = const rand(1)\n  \
         %a: f32[1,40,100,90] = conv %x, %v, pad=1 |> relu\n  %w: f32[80,40,3,3] = const rand(2)\n  \
         %b: f32[1,80,100,90] = conv %a, %w, pad=2, dilation=2\n  %u: f32[80,1,5,5] = const rand(3)\n  \
         %c: f32[1,80,50,45] = conv %b, %u, pad=2, stride=2, groups=80\n  \
         %y: f32[1,80,50,45] = max_pool %c, kernel=3, pad=1\n  return %y\n}\n",
    );
}

#[test]
fn a_last_block_that_is_not_full() {
    grouped(
        2,
        "graph @g(%x: f32[1,16,83,80]) {\n  %v: f32[64,16,2,2] = const rand(1)\n  \
         %a: f32[1,64,83,80] = conv %x, %v, pad=[1,1,0,0]\n  \
         %y: f32[1,64,82,40] = max_pool %a, kernel=2x2, stride=1x2\n  return %y\n}\n",
    );
}

/// Kernels of other types know no rings.
#[test]
fn other_types_are_whole() {
    for dtype in ["f16", "f64"] {
        let body = format!(
            "graph @g(%x: {dtype}[1,3,64,64]) {{\n  %w: {dtype}[16,3,1,1] = const rand(1)\n  \
             %c: {dtype}[1,16,64,64] = conv %x, %w |> relu\n  \
             %p: {dtype}[1,16,32,32] = max_pool %c, kernel=2, stride=2\n  \
             %y: {dtype}[1,16,16,16] = max_pool %p, kernel=2, stride=2\n  return %y\n}}\n"
        );
        exact(&body);
        exact_small(&body);
    }
    exact_small(
        "graph @g(%x: u8[1,3,64,64]) {\n  %p: u8[1,3,32,32] = max_pool %x, kernel=2, stride=2\n  \
         %q: u8[1,3,16,16] = max_pool %p, kernel=2, stride=2\n  \
         %y: u8[1,3,8,8] = max_pool %q, kernel=2, stride=2\n  return %y\n}\n",
    );
}

/// Depthwise kernels read blocks, not the planes that a picture comes in.
#[test]
fn a_picture_of_three_groups() {
    let body = "graph @g(%x: u8[1,3,512,512]) {\n  %c: f32[1,3,512,512] = cast %x, to=f32\n  \
                %w: f32[3,1,3,3] = const rand(1)\n  %y: f32[1,3,512,512] = conv %c, %w, pad=1, groups=3\n  \
                return %y\n}\n";
    exact(body);
    exact_small(body);
}
