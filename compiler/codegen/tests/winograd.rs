//! Convolutions by transformed tiles: every border, channels that fill no block, pipes, images, groups of rows; every
//! transform within its bounds, and out of them where a coefficient is wrong.

mod common;

use cnnc_codegen::plan::{DIRECT, Times, Work, plan, ways};
use cnnc_codegen::vasm::{Bin, Inst, Kernel, Operand};
use cnnc_codegen::{Target, Watch};
use cnnc_ir::text;
use common::{Case, agree, checked, run_watched, within_bounds_of};

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

/// A convolution of an input alone by windows of every kind that has transforms, and a target for each of them.
fn every_transform() -> Vec<(String, String, Target)> {
    let along = |taps| [([1, taps], 1), ([taps, 1], 1)];
    let windows = [([3, 3], 1), ([3, 3], 2), ([5, 5], 1), ([1, 3], 2), ([3, 1], 2)];
    let mut all = Vec::new();
    for (window, stride) in windows.into_iter().chain([3, 5, 7].into_iter().flat_map(along)) {
        let [pad, size, shape] = [
            window.map(|taps| taps / 2),
            window.map(|taps| if taps == 1 { 9 } else { 23 }),
            window.map(|taps| if taps == 1 { 9 } else { 22 / stride + 1 }),
        ];
        let strides = window.map(|taps| if taps == 1 { 1 } else { stride });
        let [[kh, kw], [ph, pw], [h, w], [oh, ow], [down, across]] = [window, pad, size, shape, strides];
        let graph = format!(
            "graph @g(%x: f32[1,20,{h},{w}]) {{\n  %w: f32[24,20,{kh},{kw}] = const rand(2)\n  \
             %b: f32[24] = const rand(3)\n  \
             %y: f32[1,24,{oh},{ow}] = conv %x, %w, %b, pad=[{ph},{pw},{ph},{pw}], stride={down}x{across}\n  \
             %o: f32[50000] = const rand(5)\n  %z: f32[] = reduce_max %o, axes=[0], keep=false\n  \
             return %y, %z\n}}\n"
        );
        let target = Target::x86_64_v3();
        for way in ways(&text::parse(&graph).unwrap(), &target).remove("y").unwrap() {
            let times = Times([("y".into(), [(way.clone(), 1)].into())].into());
            let target = Target { times: Some(times.into()), ..target.clone() };
            all.extend((way != DIRECT).then(|| (graph.clone(), way, target)));
        }
    }
    all
}

#[test]
fn every_transform_is_within_its_bounds() {
    let all = every_transform();
    assert_eq!(all.len(), 22);
    for (graph, way, target) in all {
        let transform = within_bounds_of(&graph, &target);
        assert_eq!(transform.map(|t| t.to_string()), Some(way), "{graph}");
    }
}

/// Makes the first coefficient of each kernel of a kind, of those that are not 1 or -1, larger by a tenth.
struct Spoiler {
    kind: &'static str,
    done: bool,
}

impl Spoiler {
    fn spoil(block: &mut [Inst]) -> bool {
        block.iter_mut().any(|inst| match inst {
            Inst::Loop(_, body) => Spoiler::spoil(body),
            Inst::Fma(_, _, Operand::Const(c)) | Inst::Bin(Bin::Mul, _, _, Operand::Const(c))
                if f32::from_bits(*c).abs() != 1.0 =>
            {
                *c = (f32::from_bits(*c) * 1.1).to_bits();
                true
            }
            _ => false,
        })
    }
}

impl Watch for Spoiler {
    fn kernel(&mut self, kernel: &mut Kernel) {
        if kernel.name.starts_with(self.kind) {
            self.done |= Spoiler::spoil(&mut kernel.body);
        }
    }
}

#[test]
fn a_wrong_coefficient_is_out_of_bounds() {
    let mut spoilt = 0;
    for (graph, way, target) in every_transform() {
        let case = Case::of(&graph, |x| x, |w| w);
        let program = checked(&case.module, &target);
        let (_, bounds) = case.bounds(&program).unwrap();
        for kind in ["winograd_input", "winograd_output"] {
            let mut spoiler = Spoiler { kind, done: false };
            let got = run_watched(&case.module, &program, &target, &case.inputs, 1, &mut spoiler);
            // Where all coefficients are 1 and -1 there is nothing to spoil.
            let outside = case.outside(&got, &bounds);
            assert_eq!(outside > 0, spoiler.done, "{kind} of {way}: {outside} elements\n{graph}");
            spoilt += usize::from(spoiler.done);
        }
    }
    assert_eq!(spoilt, 32, "kernels of the 16 transforms that have other coefficients");
}
