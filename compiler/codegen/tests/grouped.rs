//! Convolutions in groups.

mod common;

use common::{agree, exact};

/// [`convolution`] close to the evaluator.
fn grouped(x: [usize; 4], y: [usize; 4], groups: usize, kernel: [usize; 2], attrs: &str, pipe: &str) {
    agree(&convolution(x, y, groups, kernel, attrs, pipe));
}

/// A convolution in groups between two 1x1 convolutions, behind it a residual and an activation.
fn convolution(
    x: [usize; 4],
    y: [usize; 4],
    groups: usize,
    kernel: [usize; 2],
    attrs: &str,
    pipe: &str,
) -> String {
    let [n, c, h, w] = x;
    let [_, o, oh, ow] = y;
    let (inputs, [kh, kw]) = (c / groups, kernel);
    format!(
        "graph @g(%x: f32[{n},3,{h},{w}]) {{\n  %u: f32[{c},3,1,1] = const rand(1)\n  \
         %a: f32[{n},{c},{h},{w}] = conv %x, %u\n  %w: f32[{o},{inputs},{kh},{kw}] = const rand(2)\n  \
         %b: f32[{o}] = const rand(3)\n  %s: f32[{o},1,1] = const rand(4)\n  \
         %r: f32[{n},{o},{oh},{ow}] = const rand(6)\n  \
         %y: f32[{n},{o},{oh},{ow}] = conv %a, %w, %b, groups={groups}{attrs}{pipe}\n  \
         %v: f32[5,{o},1,1] = const rand(5)\n  %z: f32[{n},5,{oh},{ow}] = conv %y, %v\n  return %z, %y\n}}\n",
    )
}

#[test]
fn depthwise() {
    grouped([1, 8, 9, 9], [1, 8, 9, 9], 8, [3, 3], ", pad=1", "");
    grouped([2, 21, 7, 30], [2, 21, 7, 30], 21, [3, 3], ", pad=1", " |> relu |> mul %s");
    grouped([1, 16, 14, 15], [1, 16, 7, 8], 16, [3, 3], ", pad=1, stride=2", " |> sigmoid");
    grouped([1, 16, 14, 14], [1, 16, 7, 7], 16, [5, 5], ", pad=[1,1,2,2], stride=2", " |> add %r |> relu");
    grouped([1, 9, 12, 13], [1, 9, 12, 13], 9, [3, 3], ", pad=2, dilation=2", " |> clip min=0, max=6");
    grouped([1, 8, 4, 40], [1, 8, 3, 39], 8, [2, 2], "", "");
    grouped([1, 5, 3, 3], [1, 5, 1, 1], 5, [3, 3], "", " |> tanh |> add %r");
}

#[test]
fn rotations() {
    grouped([1, 16, 9, 23], [1, 16, 9, 23], 8, [3, 3], ", pad=1", " |> relu");
    grouped([1, 32, 14, 14], [1, 32, 7, 7], 8, [3, 3], ", pad=1, stride=2", " |> add %r |> relu");
    grouped([2, 12, 6, 5], [2, 12, 6, 5], 3, [3, 3], ", pad=1", " |> sigmoid |> mul %s");
    grouped([1, 6, 6, 5], [1, 6, 6, 5], 3, [1, 3], ", pad=[0,1,0,1]", "");
}

#[test]
fn apart() {
    grouped([1, 12, 6, 7], [1, 24, 6, 7], 2, [3, 3], ", pad=1", " |> relu |> mul %s");
    grouped([2, 6, 6, 7], [2, 18, 3, 4], 6, [3, 3], ", pad=1, stride=2", " |> add %r");
    grouped([1, 68, 4, 5], [1, 68, 4, 5], 4, [1, 1], "", " |> sigmoid");
    grouped([1, 24, 5, 5], [1, 12, 5, 5], 3, [3, 3], ", pad=2, dilation=2", "");
    grouped([1, 2, 5, 5], [1, 20, 4, 4], 2, [2, 2], "", "");
}

#[test]
fn integers_are_exact() {
    for (c, o, groups) in [(11, 11, 11), (16, 16, 8), (12, 12, 3), (12, 24, 2), (5, 10, 5), (32, 16, 2)] {
        for attrs in [", pad=1", ", pad=[2,0,1,1], stride=2", ", pad=2, dilation=2"] {
            let (oh, ow) = match attrs {
                ", pad=[2,0,1,1], stride=2" => (5, 7),
                _ => (8, 15),
            };
            exact(&convolution([2, c, 8, 15], [2, o, oh, ow], groups, [3, 3], attrs, " |> relu |> add %r"));
        }
    }
}
