//! Transposed convolutions.

mod common;

use cnnc_codegen::vasm::Kernel;
use cnnc_codegen::{Origin, Target, Watch, jit_watched, plan::plan};
use cnnc_ir::text;
use common::{agree, exact};

/// A transposed convolution between two 1x1 convolutions, with a bias and a pipe behind it.
fn graph(x: [usize; 4], y: [usize; 4], groups: usize, kernel: [usize; 2], attrs: &str) -> String {
    let [n, c, h, w] = x;
    let [_, o, oh, ow] = y;
    let (outputs, [kh, kw]) = (o / groups, kernel);
    format!(
        "graph @g(%x: f32[{n},3,{h},{w}]) {{\n  %u: f32[{c},3,1,1] = const rand(1)\n  \
         %a: f32[{n},{c},{h},{w}] = conv %x, %u\n  %w: f32[{c},{outputs},{kh},{kw}] = const rand(2)\n  \
         %b: f32[{o}] = const rand(3)\n  %r: f32[{n},{o},{oh},{ow}] = const rand(6)\n  \
         %y: f32[{n},{o},{oh},{ow}] = conv_transpose %a, %w, %b, groups={groups}{attrs} |> add %r |> relu\n  \
         %v: f32[5,{o},1,1] = const rand(5)\n  %z: f32[{n},5,{oh},{ow}] = conv %y, %v\n  return %z, %y\n}}\n",
    )
}

/// Every geometry in one group, in groups of whole blocks, and in groups apart.
fn transposed(h: usize, w: usize, kernel: [usize; 2], size: (usize, usize), attrs: &str) {
    let (oh, ow) = size;
    for (n, c, o, groups) in
        [(1, 3, 5, 1), (2, 16, 24, 1), (1, 9, 8, 1), (1, 16, 32, 2), (2, 6, 4, 2), (1, 5, 5, 5)]
    {
        let graph = graph([n, c, h, w], [n, o, oh, ow], groups, kernel, attrs);
        agree(&graph);
        exact(&graph);
    }
}

#[test]
fn strides() {
    transposed(5, 7, [2, 2], (10, 14), ", stride=2");
    transposed(5, 7, [4, 4], (10, 14), ", stride=2, pad=1");
    transposed(5, 7, [3, 3], (10, 14), ", stride=2, pad=1, extra=1");
    transposed(5, 7, [3, 3], (5, 7), ", pad=1");
    transposed(5, 7, [1, 1], (5, 7), "");
    transposed(3, 2, [5, 7], (10, 11), ", stride=3x4, pad=[1,0,0,0]");
}

#[test]
fn results_that_no_tap_meets() {
    transposed(4, 3, [1, 2], (13, 10), ", stride=4");
    transposed(4, 3, [1, 1], (8, 9), ", stride=2x3, extra=1x2");
    transposed(2, 2, [3, 3], (3, 2), ", stride=5, pad=[2,1,3,5]");
}

#[test]
fn dilations() {
    transposed(5, 4, [3, 3], (9, 8), ", dilation=2");
    transposed(5, 4, [3, 2], (13, 9), ", dilation=2, stride=2");
    transposed(5, 4, [3, 3], (14, 13), ", dilation=3x2, stride=2x3, pad=[1,0,0,1]");
    transposed(3, 3, [4, 3], (17, 24), ", dilation=3x6, stride=4, pad=[1,2,1,0], extra=1x5");
}

#[test]
fn large_strides() {
    transposed(2, 3, [16, 16], (16, 32), ", stride=8, pad=[4,0,4,0]");
    transposed(2, 2, [9, 3], (18, 12), ", stride=9");
}

/// Counts the instructions of kernels.
#[derive(Default)]
struct Instructions(usize);

impl Watch for Instructions {
    fn kernel(&mut self, kernel: &mut Kernel) {
        self.0 += kernel.to_string().lines().count();
    }
}

/// Their code does not grow with how many there are.
#[test]
fn results_that_no_tap_meets_in_wide_planes() {
    for (kernel, extra) in [(1, 1), (2, 3000)] {
        let of = |w: usize| {
            let graph = graph(
                [1, 3, 2, w],
                [1, 5, 2, 2 * (w - 1) + kernel + extra],
                1,
                [1, kernel],
                &format!(", stride=1x2, extra=0x{extra}"),
            );
            exact(&graph);
            let module = text::parse(&graph).unwrap();
            let target = Target::x86_64_v3();
            let program = plan(&module, &target).unwrap();
            let origin = Origin { name: "wide".into(), ..Origin::default() };
            let mut instructions = Instructions::default();
            jit_watched(&module, &program, &target, &origin, &mut instructions).unwrap();
            instructions.0
        };
        let (narrow, wide) = (of(200), of(2000));
        assert!(wide < narrow + narrow / 4, "{narrow} instructions, and {wide}");
    }
}
