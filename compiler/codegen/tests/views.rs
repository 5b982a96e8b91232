//! Views: values that are computed where a concatenation wants them, of one image and of several, whose pieces lie
//! apart while other values do not; and slices of whole blocks.

mod common;

use cnnc_codegen::Target;
use cnnc_codegen::plan::Program;
use cnnc_ir::text;
use common::{agree, agree_small, checked};

fn planned(graph: &str) -> Program {
    checked(&text::parse(graph).unwrap(), &Target::x86_64_v3())
}

/// How many concatenations of a plan copy anything.
fn copying(graph: &str) -> usize {
    planned(graph).steps.iter().filter(|s| s.op == "concat").count()
}

/// A layer for each count of `growth`; it reads all layers before it, through one concatenation of all (`flat`) or of
/// the last one and the layer behind it.
fn dense(n: usize, growth: &[usize], flat: bool) -> String {
    let mut lines = format!("  %v: f32[16,3,1,1] = const rand(1)\n  %l0: f32[{n},16,5,6] = conv %x, %v\n");
    let (mut all, mut last, mut channels) = (vec!["%l0".to_string()], "%l0".to_string(), 16);
    for (i, g) in (1..).zip(growth) {
        lines += &format!(
            "  %m{i}: f32[{n},{channels},5,6] = relu {last}\n  %w{i}: f32[{g},{channels},3,3] = const rand({i})\n  \
             %l{i}: f32[{n},{g},5,6] = conv %m{i}, %w{i}, pad=1\n"
        );
        all.push(format!("%l{i}"));
        channels += g;
        let operands = if flat { all.join(", ") } else { format!("{last}, %l{i}") };
        lines += &format!("  %c{i}: f32[{n},{channels},5,6] = concat {operands}, axis=1\n");
        last = format!("%c{i}");
    }
    format!("graph @g(%x: f32[{n},3,5,6]) {{\n{lines}  return {last}, %l1\n}}\n")
}

#[test]
fn concatenations_are_computed_in_place() {
    for (n, flat) in [(1, false), (1, true), (3, false), (3, true)] {
        for growth in [&[8, 16, 24][..], &[8, 8, 5]] {
            let graph = dense(n, growth, flat);
            agree(&graph);
            assert_eq!(copying(&graph), 0, "{graph}");
        }
        // A layer that does not fill its blocks: what follows it is copied.
        agree(&dense(n, &[8, 5, 8], flat));
    }
    // The input is brought into its piece; what stands there twice, and constants, are copied.
    let graph = "graph @g(%x: f32[1,8,4,4]) {\n  %w: f32[8,8,3,3] = const rand(1)\n  \
                 %k: f32[1,8,4,4] = const rand(2)\n  %a: f32[1,8,4,4] = conv %x, %w, pad=1\n  \
                 %y: f32[1,40,4,4] = concat %a, %x, %a, %k, %x, axis=1\n  \
                 %b: f32[1,8,4,4] = relu %a |> add %x\n  return %y, %b\n}\n";
    agree(graph);
    assert_eq!(copying(graph), 1);
}

/// A graph of maps of these extents that puts `op`, `$` its operand, at work in a concatenation, by itself and in a
/// concatenation of other channels: in each of the three, of what lies in each, and behind it a pipe that reads each.
fn apart(images: usize, [h, w]: [usize; 2], op: &str) -> String {
    let of = |channels: usize| format!("f32[{images},{channels},{h},{w}]");
    let (one, small) = (of(16), of(8));
    let mut lines = String::new();
    let mut line = |line: String| lines += &format!("  {line}\n");
    for (seed, weights) in
        ["%u: f32[16,16,1,1]", "%v: f32[16,16,3,3]", "%d: f32[16,1,3,3]", "%e: f32[16,2,3,3]"]
            .into_iter()
            .chain(["%k: f32[1,16,1,1]", "%q: f32[16,16,1,1]", "%r: f32[16,16,1,1]", "%t: f32[8,16,1,1]"])
            .enumerate()
    {
        line(format!("{weights} = const rand({seed})"));
    }
    for (value, weights) in [("a", "u"), ("b", "q"), ("c", "r")] {
        line(format!("%{value}: {one} = conv %x, %{weights} |> relu"));
    }
    for to in ["y", "l", "z"] {
        for (from, beside) in [("a", "b"), ("b", "c"), ("c", "a")] {
            let value = op.replace('$', &format!("%{from}"));
            line(format!("%{to}_{beside}: {one} = {value} |> add %{beside}"));
        }
    }
    line(format!("%last: {small} = conv %x, %t"));
    line(format!("%y: {} = concat %a, %y_a, %y_b, %y_c, axis=1", of(64)));
    line(format!("%z: {} = concat %c, %z_a, %z_b, %z_c, %last, axis=1", of(72)));
    format!("graph @apart(%x: {one}) {{\n{lines}  return %y, %z, %l_a, %l_b, %l_c, %b\n}}\n")
}

/// Of maps of one pixel rows, blocks and images are equally far apart, but for images of a piece.
#[test]
fn pieces_of_several_images() {
    for (images, map) in [(2, [6, 7]), (3, [1, 1]), (1, [4, 5])] {
        let agreed = |op: &str| {
            let graph = apart(images, map, op);
            agree(&graph);
            assert_eq!(copying(&graph), 0, "{graph}");
        };
        agreed("conv $, %u");
        agreed("conv $, %v, pad=1");
        agreed("conv $, %d, pad=1, groups=16 |> relu");
        agreed("conv $, %e, pad=1, groups=8 |> sigmoid");
        agreed("conv_transpose $, %u");
        agreed("max_pool $, kernel=3, pad=1");
        agreed("avg_pool $, kernel=3, pad=1 |> tanh");
        agreed("mul $, %k |> relu");
        agreed("sigmoid $ |> mul %b");
        agreed("lrn $, size=5, alpha=0.1, beta=0.75, bias=1");
        agreed("pad $, before=[0,0,0,0], after=[0,0,0,0], value=0.0");
        agreed("softmax $, axis=1");
        if map == [1, 1] {
            agreed("reduce_mean $, axes=[2,3], keep=true");
            agreed("reduce_max $, axes=[2,3], keep=true");
        }
    }
}

/// What moves between maps of different extents, from a piece into a piece, and where memory counts: then rows of it
/// run with what comes before.
#[test]
fn pieces_of_other_extents() {
    let between = |op: &str, [h, w]: [usize; 2]| {
        let graph = format!(
            "graph @between(%x: f32[3,32,12,10]) {{\n  %u: f32[32,32,1,1] = const rand(1)\n  \
             %v: f32[32,32,3,3] = const rand(2)\n  %d: f32[32,1,3,3] = const rand(3)\n  \
             %s: f32[] = const splat(0.02)\n  %many: f32[50000] = const rand(4)\n  \
             %m: f32[] = reduce_max %many, axes=[0], keep=false\n  \
             %a: f32[3,32,12,10] = conv %x, %u |> relu\n  %b: f32[3,32,12,10] = conv %a, %u |> mul %s\n  \
             %y: f32[3,64,12,10] = concat %a, %b, axis=1\n  %p: f32[3,32,{h},{w}] = {op}\n  \
             %q: f32[3,32,{h},{w}] = conv %p, %v, pad=1 |> mul %s |> add %p\n  \
             %r: f32[3,32,{h},{w}] = conv %q, %u |> mul %s |> relu\n  \
             %t: f32[3,32,{h},{w}] = max_pool %r, kernel=3, pad=1 |> add %q\n  \
             %z: f32[3,96,{h},{w}] = concat %p, %q, %t, axis=1\n  return %z, %y, %m\n}}\n"
        );
        agree(&graph);
        agree_small(&graph);
        assert_eq!(copying(&graph), 0, "{graph}");
        planned(&graph)
    };
    let nearest = "resize %b, mode=nearest, scales=[1,1,2,2], sizes=[3,32,24,20]";
    let steps = between(nearest, [24, 20]).steps;
    assert!(steps.iter().any(|step| step.op == "winograd_output"));
    between("resize %b, mode=linear, scales=[1,1,0.5,1], sizes=[3,32,6,10]", [6, 10]);
    between("conv %b, %v, pad=1, stride=2 |> mul %s", [6, 5]);
    between("conv %b, %d, pad=1, groups=32, stride=2", [6, 5]);
    between("max_pool %b, kernel=2, stride=2", [6, 5]);
    between("avg_pool %b, kernel=3x1, pad=[1,0,1,0], stride=2x1", [6, 10]);
    between("pad %b, before=[0,0,1,0], after=[0,0,1,2], value=0.5", [14, 12]);
    between("conv %b, %v, pad=[0,1,0,1] |> mul %s", [10, 10]);
}

/// Pieces are told apart for so many images and no more.
#[test]
fn very_many_images_are_copied() {
    for (images, copied) in [(1024, 0), (1025, 1)] {
        let graph = format!(
            "graph @many(%x: f32[{images},8,1,1]) {{\n  %u: f32[8,8,1,1] = const rand(1)\n  \
             %v: f32[8,8,1,1] = const rand(2)\n  %a: f32[{images},8,1,1] = conv %x, %u\n  \
             %b: f32[{images},8,1,1] = conv %x, %v |> add %a\n  \
             %y: f32[{images},16,1,1] = concat %a, %b, axis=1\n  return %y\n}}\n"
        );
        agree(&graph);
        assert_eq!(copying(&graph), copied);
    }
}

/// Vectors of channels in a piece are not one behind the other, as their plain form is.
#[test]
fn vectors_of_a_piece_are_brought_together() {
    let graph = "graph @g(%x: f32[2,16,1,1]) {\n  %u: f32[16,16,1,1] = const rand(1)\n  \
                 %w: f32[8,32,1,1] = const rand(2)\n  %a: f32[2,16,1,1] = conv %x, %u\n  \
                 %b: f32[2,16,1,1] = conv %a, %u\n  %y: f32[2,32,1,1] = concat %a, %b, axis=1\n  \
                 %z: f32[2,8,1,1] = conv %y, %w\n  %f: f32[2,16] = reshape %b, shape=[2,16]\n  \
                 %m: f32[2,16,1,1] = reduce_sum %a, axes=[2,3], keep=true\n  return %z, %f, %m\n}\n";
    agree(graph);
    assert_eq!(copying(graph), 0);
}

/// What reductions leave in blocks, summed by the convolution before or read again, lies in pieces.
#[test]
fn reductions_into_pieces() {
    let graph = "graph @g(%x: f32[3,8,5,6]) {\n  %u: f32[16,8,1,1] = const rand(1)\n  \
                 %v: f32[16,16,1,1] = const rand(2)\n  %a: f32[3,16,5,6] = conv %x, %u\n  \
                 %m: f32[3,16,1,1] = reduce_mean %a, axes=[2,3], keep=true\n  \
                 %n: f32[3,16,1,1] = reduce_max %a, axes=[2,3], keep=true |> add %m\n  \
                 %c: f32[3,16,1,1] = conv %m, %v |> add %n\n  %d: f32[3,16,1,1] = conv %n, %v |> add %m\n  \
                 %y: f32[3,64,1,1] = concat %m, %n, %c, %d, axis=1\n  return %y\n}\n";
    agree(graph);
    assert_eq!(copying(graph), 0);
}

/// A slice of whole blocks is those of what it is taken from, in every image, and so is a slice of it: of some images,
/// or backwards.
#[test]
fn blocks_of_several_images_are_not_copied() {
    let graph = "graph @g(%x: f32[3,8,5,6]) {\n  %u: f32[48,8,1,1] = const rand(1)\n  \
                 %v: f32[16,16,3,3] = const rand(2)\n  %a: f32[3,48,5,6] = conv %x, %u |> relu\n  \
                 %b: f32[3,32,5,6] = slice %a, starts=[0,16,0,0], ends=[3,48,5,6]\n  \
                 %c: f32[3,16,5,6] = slice %b, starts=[0,8,0,0], ends=[3,24,5,6]\n  \
                 %d: f32[3,16,5,6] = conv %c, %v, pad=1 |> add %c\n  %y: f32[3,32,5,6] = concat %c, %d, axis=1\n  \
                 %e: f32[2,16,5,6] = slice %y, starts=[2,16,0,0], ends=[-1,32,5,6], steps=[-2,1,1,1]\n  \
                 %f: f32[2,16,5,6] = conv %e, %v, pad=1 |> add %e\n  return %y, %b, %f\n}\n";
    agree(graph);
    agree_small(graph);
    assert!(planned(graph).steps.iter().all(|step| step.op != "slice"));
}
