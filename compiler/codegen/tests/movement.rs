//! Operators that only move elements, plain and in blocks.

mod common;

use common::{agree, exact};

#[test]
fn concat_plain() {
    agree(
        "graph @g(%a: f32[2,3,5,7], %b: f32[2,1,5,7]) {\n  %c: f32[2,2,5,7] = const rand(1)\n  \
         %y: f32[2,6,5,7] = concat %a, %b, %c, axis=1 |> relu\n  \
         %z: f32[2,6,5,14] = concat %y, %y, axis=3\n  return %y, %z\n}\n",
    );
    agree("graph @g(%a: f32[3], %b: f32[9000]) {\n  %y: f32[9003] = concat %a, %b, axis=0\n  return %y\n}\n");
}

/// Convolutions of these channels concatenated, the first operand read twice.
fn concat_of_convs(n: usize, channels: &[usize]) {
    let total = channels.iter().sum::<usize>() + channels[0];
    let mut lines = String::new();
    for (i, c) in channels.iter().enumerate() {
        lines += &format!(
            "  %w{i}: f32[{c},9,1,1] = const rand({i})\n  %c{i}: f32[{n},{c},6,7] = conv %x, %w{i} |> relu\n"
        );
    }
    let names: Vec<String> = (0..channels.len()).map(|i| format!("%c{i}")).collect();
    agree(&format!(
        "graph @g(%x: f32[{n},9,6,7]) {{\n{lines}  %y: f32[{n},{total},6,7] = concat %c0, {}, axis=1\n  \
         %v: f32[12,{total},3,3] = const rand(50)\n  %z: f32[{n},12,6,7] = conv %y, %v, pad=1\n  \
         %s: f32[{n},{},6,7] = relu %c0\n  return %z, %s\n}}\n",
        names.join(", "),
        channels[0],
    ));
}

#[test]
fn concat_in_blocks() {
    concat_of_convs(1, &[8, 16, 24]);
    concat_of_convs(1, &[8, 16, 13]);
    concat_of_convs(2, &[16, 8, 5]);
    concat_of_convs(1, &[5, 16]);
}

/// An operator on a plain value, and, between convolutions, on a blocked one.
fn moved(x: [usize; 4], y: [usize; 4], op: &str) {
    let dims = |d: [usize; 4]| d.map(|d| d.to_string()).join(",");
    let ([n, c, h, w], [m, k, oh, ow]) = (x, y);
    exact(&format!(
        "graph @g(%x: f32[{}]) {{\n  %u: f32[{c},{c},1,1] = const rand(1)\n  %v: f32[5,{k},3,3] = const rand(2)\n  \
         %r: f32[{}] = const rand(3)\n  %p: f32[{}] = {} |> add %r\n  \
         %a: f32[{n},{c},{h},{w}] = conv %x, %u |> relu\n  %q: f32[{}] = {}\n  \
         %z: f32[{m},5,{oh},{ow}] = conv %q, %v, pad=1\n  return %p, %q, %z\n}}\n",
        dims(x),
        dims(y),
        dims(y),
        op.replace('$', "%x"),
        dims(y),
        op.replace('$', "%a"),
    ));
}

#[test]
fn slices() {
    moved([1, 24, 6, 7], [1, 8, 6, 7], "slice $, starts=[0,8,0,0], ends=[1,16,6,7]");
    moved([2, 19, 6, 7], [2, 11, 4, 3], "slice $, starts=[0,8,1,0], ends=[2,19,5,7], steps=[1,1,1,3]");
    moved([2, 19, 6, 7], [1, 3, 6, 7], "slice $, starts=[1,8,0,0], ends=[2,11,6,7]");
    moved([2, 9, 5, 7], [2, 4, 5, 7], "slice $, starts=[1,7,4,6], ends=[-1,-1,-1,-1], steps=[-1,-2,-1,-1]");
    moved([1, 16, 5, 70], [1, 16, 3, 35], "slice $, starts=[0,0,4,1], ends=[1,16,-1,70], steps=[1,1,-2,2]");
    exact(
        "graph @g(%x: f32[9000,3]) {\n  %y: f32[8995,1] = slice %x, starts=[5,1], ends=[9000,2]\n  return %y\n}\n",
    );
}

#[test]
fn pads() {
    moved([1, 8, 5, 6], [1, 8, 8, 7], "pad $, before=[0,0,1,0], after=[0,0,2,1], value=3");
    moved([2, 11, 5, 6], [2, 24, 7, 8], "pad $, before=[0,8,1,1], after=[0,5,1,1]");
    moved([2, 11, 5, 6], [2, 11, 7, 8], "pad $, before=[0,0,1,1], after=[0,0,1,1], value=-2");
    moved([1, 3, 4, 4], [2, 7, 4, 5], "pad $, before=[1,3,0,1], after=[0,1,0,0], value=1");
}

#[test]
fn depth_to_space() {
    moved([2, 24, 3, 5], [2, 6, 6, 10], "depth_to_space $, block=2");
    moved([1, 18, 3, 5], [1, 2, 9, 15], "depth_to_space $, block=3, mode=crd");
}

#[test]
fn gathers() {
    let gather = |index: &str, x: &str, y: &str, axis: usize| {
        exact(&format!(
            "graph @g(%x: f32[{x}]) {{\n  %i: {index}\n  %y: f32[{y}] = gather %x, %i, axis={axis} |> relu\n  \
             return %y\n}}\n"
        ));
    };
    gather("i64[2,3] = const [0,-1,3,2,2,9]", "2,4,5", "2,2,3,5", 1);
    gather("i32[1] = const [1]", "3,5000", "1,5000", 0);
    gather("i64[4] = const [6,0,-7,-20]", "2,7", "2,4", 1);
    gather("i64[] = const splat(2)", "3,4", "4", 0);
}

#[test]
fn casts() {
    exact("graph @g(%x: f32[3,4]) {\n  %y: f32[3,4] = cast %x |> relu\n  return %y\n}\n");
}

/// The concatenations of a plan that copy anything, and the bytes of its arena.
fn copying(graph: &str) -> (usize, u64) {
    let module = cnnc_ir::text::parse(graph).unwrap();
    let program = cnnc_codegen::plan::plan(&module, &cnnc_codegen::Target::x86_64_v3()).unwrap();
    (program.steps.iter().filter(|s| s.op == "concat").count(), program.arena_bytes)
}

/// A layer for each count of `growth`; it reads all layers before it, through one concatenation of all (`flat`) or of
/// the last one and the layer behind it.
fn dense(growth: &[usize], flat: bool) -> String {
    let mut lines = String::from("  %v: f32[16,3,1,1] = const rand(1)\n  %l0: f32[1,16,5,6] = conv %x, %v\n");
    let (mut all, mut last, mut channels) = (vec!["%l0".to_string()], "%l0".to_string(), 16);
    for (i, g) in (1..).zip(growth) {
        lines += &format!(
            "  %m{i}: f32[1,{channels},5,6] = relu {last}\n  %w{i}: f32[{g},{channels},3,3] = const rand({i})\n  \
             %l{i}: f32[1,{g},5,6] = conv %m{i}, %w{i}, pad=1\n"
        );
        all.push(format!("%l{i}"));
        channels += g;
        let operands = if flat { all.join(", ") } else { format!("{last}, %l{i}") };
        lines += &format!("  %c{i}: f32[1,{channels},5,6] = concat {operands}, axis=1\n");
        last = format!("%c{i}");
    }
    format!("graph @g(%x: f32[1,3,5,6]) {{\n{lines}  return {last}, %l1\n}}\n")
}

#[test]
fn concatenations_are_computed_in_place() {
    for flat in [false, true] {
        for growth in [&[8, 16, 24][..], &[8, 8, 5]] {
            let graph = dense(growth, flat);
            agree(&graph);
            assert_eq!(copying(&graph).0, 0, "{graph}");
        }
        // A layer that does not fill its blocks: what follows it is copied.
        agree(&dense(&[8, 5, 8], flat));
    }
    // The input is brought into its piece; what stands there twice, and constants, are copied.
    let graph = "graph @g(%x: f32[1,8,4,4]) {\n  %w: f32[8,8,3,3] = const rand(1)\n  \
                 %k: f32[1,8,4,4] = const rand(2)\n  %a: f32[1,8,4,4] = conv %x, %w, pad=1\n  \
                 %y: f32[1,40,4,4] = concat %a, %x, %a, %k, %x, axis=1\n  \
                 %b: f32[1,8,4,4] = relu %a |> add %x\n  return %y, %b\n}\n";
    agree(graph);
    assert_eq!(copying(graph).0, 1);
}
