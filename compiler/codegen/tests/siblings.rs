//! Siblings: convolutions of one value in one step give what the evaluator does, on one thread and on three, bit for
//! bit, and take no more memory.

mod common;

use cnnc_codegen::Target;
use cnnc_codegen::plan::{Work, plan, print};
use cnnc_ir::text;
use common::{agree, checked, exact};

/// The graph computes the right thing, with siblings of those numbers.
#[track_caller]
fn joined(numbers: &[usize], body: &str) {
    let target = Target { winograd: false, ..Target::x86_64_v3() };
    let program = plan(&text::parse(body).unwrap(), &target).unwrap();
    let siblings = program.steps.iter().filter_map(|step| match &step.work {
        Work::Siblings(members) => Some(members.len()),
        _ => None,
    });
    assert_eq!(siblings.collect::<Vec<_>>(), numbers, "{}", print(&program));
    exact(body);
}

/// Branches of convolutions of one value, joined by a concatenation.
const BRANCHES: &str = "graph @g(%p: f32[1,16,14,14]) {
  %s: f32[24,16,1,1] = const rand(9)
  %x: f32[1,24,14,14] = conv %p, %s |> relu
  %u: f32[16,24,1,1] = const rand(1)
  %a: f32[1,16,14,14] = conv %x, %u |> relu
  %v: f32[13,24,1,1] = const rand(2)
  %b: f32[1,13,14,14] = conv %x, %v |> relu
  %w: f32[8,13,3,3] = const rand(3)
  %c: f32[1,8,14,14] = conv %b, %w, pad=1 |> relu
  %t: f32[9,24,3,3] = const rand(4)
  %d: f32[1,9,14,14] = conv %x, %t, pad=1
  %y: f32[1,33,14,14] = concat %a, %c, %d, axis=1
  return %y
}";

#[test]
fn branches() {
    joined(&[3], BRANCHES);
}

#[test]
fn a_sum_in_place_stays_behind_what_reads_its_operand() {
    // %c takes the place of %a, which %b reads; it may not run beside %a's reader.
    let body = "graph @g(%p: f32[1,16,30,30]) {
  %s: f32[16,16,1,1] = const rand(9)
  %x: f32[1,16,30,30] = conv %p, %s |> relu
  %a: f32[1,16,30,30] = max_pool %x, kernel=3, stride=1, pad=1
  %u: f32[16,16,1,1] = const rand(1)
  %e: f32[1,16,30,30] = conv %x, %u |> relu
  %w: f32[16,16,1,1] = const rand(3)
  %b: f32[1,16,30,30] = conv %a, %w |> add %e
  %v: f32[16,16,1,1] = const rand(2)
  %c: f32[1,16,30,30] = conv %x, %v |> add %a
  %y: f32[1,16,30,30] = mul %b, %c
  return %y
}";
    joined(&[], body);
}

#[test]
fn values_that_would_live_too_long_stay_where_they_are() {
    // Beside %a, the large %c would be alive with %b, which is as large.
    let body = "graph @g(%p: f32[1,16,30,30]) {
  %s: f32[8,16,1,1] = const rand(9)
  %x: f32[1,8,30,30] = conv %p, %s |> relu
  %u: f32[128,8,1,1] = const rand(1)
  %a: f32[1,128,30,30] = conv %x, %u |> relu
  %w: f32[8,128,1,1] = const rand(3)
  %b: f32[1,8,30,30] = conv %a, %w |> relu
  %v: f32[128,8,1,1] = const rand(2)
  %c: f32[1,128,30,30] = conv %x, %v |> relu
  %t: f32[8,128,1,1] = const rand(4)
  %y: f32[1,8,30,30] = conv %c, %t |> add %b
  return %y
}";
    joined(&[], body);
}

/// `%a` and `%b` of the same value, joined, before a value that takes most memory; how their steps are named.
fn before_a_large_value(first: &str, second: &str) -> Vec<String> {
    let body = format!(
        "graph @g(%p: f32[1,64,27,27]) {{
  %s: f32[32,64,1,1] = const rand(9)
  %x: f32[1,32,27,27] = conv %p, %s |> relu
  %u: f32[128,32,{first}] = const rand(1)
  %a: f32[1,128,27,27] = conv %x, %u, pad={} |> relu
  %v: f32[128,32,{second}] = const rand(2)
  %b: f32[1,128,27,27] = conv %x, %v, pad={} |> relu
  %y: f32[1,256,27,27] = concat %a, %b, axis=1
  %w: f32[1024,256,1,1] = const rand(3)
  %z: f32[1,1024,27,27] = conv %y, %w |> relu
  %t: f32[8,1024,1,1] = const rand(4)
  %o: f32[1,8,27,27] = conv %z, %t
  return %o
}}",
        u8::from(first == "3,3"),
        u8::from(second == "3,3")
    );
    agree(&body);
    let program = checked(&text::parse(&body).unwrap(), &Target::x86_64_v3());
    program.steps.into_iter().map(|step| step.op).collect()
}

#[test]
fn beside_the_product_of_transformed_tiles() {
    // A fire module: the 1x1 waits until the tiles of the 3x3 are there.
    let ops = before_a_large_value("1,1", "3,3");
    assert!(ops.contains(&"conv + winograd_product".to_string()), "{ops:?}");
}

#[test]
fn products_of_tiles_stay_before_what_transforms_them_back() {
    // The products of %a are wanted before those of %b are there.
    let ops = before_a_large_value("3,3", "3,3");
    assert_eq!(ops.iter().filter(|op| *op == "winograd_product").count(), 2, "{ops:?}");
}
