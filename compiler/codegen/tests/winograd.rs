//! Convolutions by transformed tiles: every border, channels that fill no block, pipes, images, groups of rows.

mod common;

use cnnc_codegen::Target;
use cnnc_codegen::plan::{Work, plan};
use cnnc_ir::text;
use common::agree;

/// A convolution with a bias and a residual sum, of a value that comes from a 1x1 convolution; and so many constants
/// that its filters may grow.
fn graph(
    images: usize,
    inputs: usize,
    outputs: usize,
    [h, w]: [usize; 2],
    [kh, kw]: [usize; 2],
    pad: [usize; 4],
    stride: usize,
) -> String {
    let [top, left, bottom, right] = pad;
    let (oh, ow) = ((h + top + bottom - kh) / stride + 1, (w + left + right - kw) / stride + 1);
    format!(
        "graph @g(%x: f32[{images},3,{h},{w}]) {{\n  %u: f32[{inputs},3,1,1] = const rand(1)\n  \
         %a: f32[{images},{inputs},{h},{w}] = conv %x, %u\n  \
         %w: f32[{outputs},{inputs},{kh},{kw}] = const rand(2)\n  %b: f32[{outputs}] = const rand(3)\n  \
         %r: f32[{images},{outputs},{oh},{ow}] = const rand(4)\n  %s: f32[] = const splat(0.02)\n  \
         %y: f32[{images},{outputs},{oh},{ow}] = conv %a, %w, %b, pad=[{top},{left},{bottom},{right}], stride={stride} \
         |> add %r |> mul %s |> sigmoid\n  \
         %o: f32[50000] = const rand(5)\n  %z: f32[] = reduce_max %o, axes=[0], keep=false\n  return %y, %z\n}}\n"
    )
}

/// How many steps of a graph's plan are groups, and how many transform an input.
fn transformed(graph: &str) -> (usize, usize) {
    let program = plan(&text::parse(graph).unwrap(), &Target::x86_64_v3()).unwrap();
    let groups = program.steps.iter().filter(|s| matches!(s.work, Work::Group(_))).count();
    let inputs = program.steps.iter().flat_map(|s| s.calls()).filter(|c| c.kernel.kind() == "winograd_input");
    (groups, inputs.count())
}

#[test]
fn borders() {
    for h in 6..14 {
        for (w, pad) in [(h, [1; 4]), (h + 1, [0, 1, 2, 0]), (17, [2, 2, 2, 2]), (9, [0; 4])] {
            let graph = graph(1, 16, 24, [h, w], [3, 3], pad, 1);
            let [top, left, bottom, right] = pad;
            if (h + top + bottom - 2).min(w + left + right - 2) >= 7 {
                assert_eq!(transformed(&graph), (0, 1), "{graph}");
            }
            agree(&graph);
        }
    }
}

#[test]
fn channels_and_images() {
    for (images, inputs, outputs) in [(1, 17, 16), (2, 16, 23), (3, 33, 31), (2, 40, 64)] {
        let graph = graph(images, inputs, outputs, [9, 10], [3, 3], [1; 4], 1);
        assert_eq!(transformed(&graph), (0, 1));
        agree(&graph);
    }
}

#[test]
fn five_taps() {
    for (h, w, pad) in [(7, 9, [2; 4]), (14, 13, [2; 4]), (12, 11, [0, 4, 1, 0])] {
        let graph = graph(1, 16, 20, [h, w], [5, 5], pad, 1);
        assert_eq!(transformed(&graph), (0, 1));
        agree(&graph);
    }
}

#[test]
fn one_dimension() {
    for taps in [3, 5, 7] {
        for (window, pad) in [
            ([1, taps], [0, taps / 2, 0, taps / 2]),
            ([taps, 1], [taps / 2, 0, taps / 2, 0]),
            ([taps, 1], [0, 2, 1, 1]),
        ] {
            for size in [[17, 17], [12, 9], [9, 14]] {
                let graph = graph(1, 20, 24, size, window, pad, 1);
                assert_eq!(transformed(&graph), (0, 1), "{graph}");
                agree(&graph);
            }
        }
    }
}

#[test]
fn strides() {
    for size in [[28, 28], [27, 30], [17, 23], [19, 40]] {
        for pad in [[1; 4], [0, 0, 1, 1], [2, 1, 0, 0]] {
            let graph = graph(1, 20, 24, size, [3, 3], pad, 2);
            assert_eq!(transformed(&graph), (0, 1), "{graph}");
            agree(&graph);
        }
    }
}

#[test]
fn rows_of_tiles_in_a_group() {
    for (images, inputs, outputs, size) in
        [(1, 64, 64, [57, 50]), (2, 32, 41, [41, 64]), (1, 16, 16, [110, 110])]
    {
        let graph = graph(images, inputs, outputs, size, [3, 3], [1; 4], 1);
        assert_eq!(transformed(&graph), (1, 1));
        agree(&graph);
    }
}
