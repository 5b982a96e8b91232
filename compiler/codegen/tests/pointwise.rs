//! Element-wise operators, compiled by both emitters, against the evaluator: numbers of all sizes, zeros of both
//! signs, denormals, infinities and NaN; alone, with operands that broadcast, and behind a convolution.

mod common;

use common::{agree, close};

/// Numbers at which functions turn, end or fail.
const SPECIAL: [f32; 24] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    -2.5,
    2.5,
    3.0,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    1e-40,
    -1e-40,
    f32::MIN_POSITIVE,
    f32::MAX,
    f32::MIN,
    88.8,
    -103.9,
    20.25,
    -7.0,
    8388609.0,
    1e-4,
];

const UNARY: &[&str] = &[
    "relu",
    "sigmoid",
    "tanh",
    "elu",
    "exp",
    "sqrt",
    "log",
    "erf",
    "softplus",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "asinh",
    "acosh",
    "atanh",
    "floor",
    "ceil",
    "round",
    "abs",
    "neg",
    "sign",
    "clip",
    "leaky_relu",
    "rsqrt",
];

/// The special numbers, and some between -9 and 9.
fn numbers(count: usize) -> Vec<f32> {
    let others = (0..).map(|i: u32| (i.wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32 - 0.5) * 18.0);
    SPECIAL.into_iter().chain(others).take(count).collect()
}

/// Every pair of special numbers, in two lists.
fn pairs() -> [Vec<f32>; 2] {
    [0, 1].map(|of| {
        let at = |i: usize| SPECIAL[if of == 0 { i / SPECIAL.len() } else { i % SPECIAL.len() }];
        (0..SPECIAL.len() * SPECIAL.len()).map(at).collect()
    })
}

#[test]
fn functions_of_one() {
    for op in UNARY {
        let graph = format!("graph @g(%x: f32[3,5,7]) {{\n  %y: f32[3,5,7] = {op} %x\n  return %y\n}}\n");
        close(&graph, &[&numbers(105)], 4.0);
    }
    // Sine and its kin are for angles up to a million.
    let angles: Vec<f32> = numbers(105).into_iter().map(|x| if x.abs() > 1e6 { 1e6 } else { x }).collect();
    for op in ["sin", "cos", "tan"] {
        let graph = format!("graph @g(%x: f32[105]) {{\n  %y: f32[105] = {op} %x\n  return %y\n}}\n");
        close(&graph, &[&angles], 4.0);
    }
}

#[test]
fn functions_of_two() {
    let [x, y] = pairs();
    for op in ["add", "sub", "mul", "div", "max", "min", "prelu", "pow"] {
        let graph = format!(
            "graph @g(%a: f32[576], %b: f32[576]) {{\n  %y: f32[576] = {op} %a, %b\n  return %y\n}}\n"
        );
        close(&graph, &[&x, &y], 4.0);
        // The first operand is the smaller one.
        let graph = format!(
            "graph @g(%a: f32[24,1], %b: f32[1,24]) {{\n  %y: f32[24,24] = {op} %a, %b\n  return %y\n}}\n"
        );
        close(&graph, &[&SPECIAL, &SPECIAL], 4.0);
        let graph = format!(
            "graph @g(%a: f32[24], %b: f32[24,24]) {{\n  %y: f32[24,24] = {op} %a, %b\n  return %y\n}}\n"
        );
        close(&graph, &[&SPECIAL, &y], 4.0);
        for (first, second) in [("%c", "%b"), ("%b", "%c")] {
            let graph = format!(
                "graph @g(%b: f32[24]) {{\n  %c: f32[] = const splat(3)\n  \
                 %y: f32[24] = {op} {first}, {second}\n  return %y\n}}\n"
            );
            close(&graph, &[&SPECIAL], 4.0);
        }
    }
}

#[test]
fn behind_a_convolution() {
    for channels in [8, 11, 40] {
        for stage in ["prelu %s", "erf", "softplus", "abs |> sign", "ceil |> neg", "pow %p |> max %s"] {
            agree(&format!(
                "graph @g(%x: f32[1,8,9,9]) {{\n  %w: f32[{channels},8,3,3] = const rand(1)\n  \
                 %s: f32[{channels},1,1] = const rand(2)\n  %p: f32[] = const splat(2)\n  \
                 %y: f32[1,{channels},9,9] = conv %x, %w, pad=1 |> {stage}\n  return %y\n}}\n"
            ));
        }
    }
}

/// Runs of channel blocks through functions that wide registers compute: with numbers of the channel, of the same place
/// and of all, in an odd count of vectors, and where only some lanes exist.
#[test]
fn heavy_runs_of_blocks() {
    for (channels, width) in [(16, 7), (24, 8), (19, 1), (8, 3)] {
        agree(&format!(
            "graph @g(%x: f32[2,{channels},5,{width}]) {{\n  %w: f32[{channels},{channels},1,1] = const rand(1)\n  \
             %k: f32[{channels},1,1] = const rand(2)\n  %l: f32[1] = const [0.75]\n  \
             %a: f32[2,{channels},5,{width}] = conv %x, %w\n  \
             %b: f32[2,{channels},5,{width}] = sigmoid %a |> mul %k |> tanh |> add %a |> mul %l |> softplus\n  \
             %y: f32[2,{channels},5,{width}] = add %a, %b |> mul %k\n  return %y\n}}\n"
        ));
    }
}
