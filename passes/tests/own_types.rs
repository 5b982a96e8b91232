//! What a network computes in its own element types is what it computes behind all passes: where an operator jumps,
//! where a type ends, and where a small number guards. (File tests hold results against those in f64, which ends later
//! and jumps elsewhere.)

use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::{Data, Tensor, text};
use cnnc_passes::{PassOptions, run};

/// Half a unit in the last place of f16, twice: a result may be rounded where it was not before.
const HALF: f64 = 1.0 / 1024.0;

/// Runs all passes over the lines of a graph `%x -> %y`; every element of `x`, repeated to its shape, must then give
/// what it gave before, up to that part of the largest result. Answers the graph that it became.
fn holds(lines: &str, x: &[f64], tolerance: f64) -> String {
    let source = format!("graph @net{}\n  return %y\n}}\n", lines.trim_end());
    let before = text::parse(&source).unwrap_or_else(|e| panic!("{e}\n{source}"));
    let mut after = before.clone();
    run(&mut after, &PassOptions { verify: true, ..PassOptions::default() }, &mut |_| {}).unwrap();
    let ty = before.graph.ty(before.graph.inputs()[0]);
    let elements = (0..ty.elements()).map(|i| x[i % x.len()]).collect();
    let x = [Tensor::new(ty.shape.clone(), Data::F64(elements).cast(ty.dtype)).unwrap()];
    let [wanted, got] =
        [&before, &after].map(|module| evaluate(module, &x, Precision::F32).unwrap()[0].data().to_f64());
    let printed = text::print(&after);
    let scale = wanted.iter().filter(|y| y.is_finite()).fold(0f64, |most, y| most.max(y.abs()));
    for (i, (&wanted, &got)) in wanted.iter().zip(&got).enumerate() {
        let same = wanted == got || wanted.is_nan() && got.is_nan();
        let near = (wanted - got).abs() <= tolerance * scale;
        assert!(same || near, "element {i}: {wanted} became {got}\n{source}{printed}");
    }
    printed
}

/// In f64 30 * 0.7 is below 21, and 0.05 / 0.1 is no tie.
#[test]
fn what_jumps_reads_rounded_constants() {
    let jumps = [
        "%f: f32[4] = floor %m",
        "%f: f32[4] = mul %a, %b |> floor",
        "%i: i32[4] = cast %m, to=i32\n  %f: f32[4] = cast %i, to=f32",
        "%t: f32[4] = const [21, 14, 21, 0.7]\n  %i: bool[4] = less %m, %t\n  %f: f32[4] = cast %i, to=f32",
        "%t: f32[4] = const [7, 7, 7, 0.1]\n  %f: f32[4] = mod %m, %t",
        "%t: f32[4] = const [21, 14, 21, 0.7]\n  %d: f32[4] = sub %m, %t\n  %f: f32[4] = sign %d",
    ];
    for jump in jumps {
        let lines = format!(
            "(%x: f32[4]) {{
  %a: f32[4] = const [30, 20, 30, 7]
  %b: f32[4] = const [0.7, 0.7, 0.7, 0.1]
  %m: f32[4] = mul %a, %b
  {jump}
  %y: f32[4] = add %x, %f"
        );
        holds(&lines, &[0.0], 0.0);
        // One number stays one number.
        let splat = |list: &str, x: &str| lines.replace(list, x);
        let lines = splat("const [30, 20, 30, 7]", "const splat(30)");
        holds(&lines.replace("const [0.7, 0.7, 0.7, 0.1]", "const splat(0.7)"), &[0.0], 0.0);
    }
    holds(
        "(%x: f32[6]) {
  %w: f32[6] = const [0.05, 0.15, 0.25, 0.35, 0.45, 0.55]
  %s: f32[] = const splat(0.1)
  %z: i8[] = const splat(0)
  %q: i8[6] = quantize %w, %s, %z
  %d: f32[6] = dequantize %q, %s, %z
  %y: f32[6] = add %x, %d",
        &[0.0],
        0.0,
    );
    holds(
        "(%x: f32[1,6,1,1]) {
  %w: f32[1,6,1,1] = const [0.05, 0.15, 0.25, 0.35, 0.45, 0.55]
  %s: f32[] = const splat(0.1)
  %d: f32[1,6,1,1] = div %w, %s
  %r: f32[1,6,1,1] = round %d
  %v: f32[1,6,1,1] = mul %r, %s
  %y: f32[1,1,1,1] = conv %x, %v",
        &[1.0, 10.0, 100.0, 1000.0, 10.0, 1.0],
        1e-6,
    );
}

/// In f64 30 * 0.7 - 21 is below 0, and 30 * 0.7 is no whole exponent.
#[test]
fn edges_are_where_rounded_constants_are() {
    for edge in [
        "%f: f32[] = sqrt %d",
        "%f: f32[] = sub %e, %k |> sqrt",
        "%r: f32[] = rsqrt %d\n  %n: f32[] = neg %r\n  %f: f32[] = exp %n",
        "%r: f32[] = log %d\n  %f: f32[] = exp %r",
        "%b: f32[] = const splat(-2)\n  %f: f32[] = pow %b, %e",
        "%o: f32[] = const splat(1)\n  %p: f32[] = sub %o, %d\n  %f: f32[] = acos %p",
    ] {
        let lines = format!(
            "(%x: f32[1]) {{
  %a: f32[] = const splat(30)
  %b0: f32[] = const splat(0.7)
  %k: f32[] = const splat(21)
  %e: f32[] = mul %a, %b0
  %d: f32[] = sub %e, %k
  {edge}
  %y: f32[1] = add %x, %f"
        );
        holds(&lines, &[1.0], 1e-6);
    }
}

#[test]
fn small_numbers_that_guard_stay() {
    holds(
        "(%x: f32[4]) {\n  %e: f32[] = const splat(1e-38)\n  %y: f32[4] = add %x, %e |> log",
        &[0.0, 1.0],
        0.0,
    );
    holds(
        "(%x: f32[2,4]) {
  %e: f32[1] = const [1e-38]
  %n: f32[2,4] = abs %x
  %m: f32[2,4] = max %n, %e
  %y: f32[2,4] = div %x, %m",
        &[0.0, 1.0],
        0.0,
    );
}

/// In f16 the quotient is rounded once more than a quantisation rounds it.
#[test]
fn a_quantisation_of_f16_rounds_once() {
    let x: Vec<f64> = (0..4000).map(|i| f64::from(i) * 0.006 - 12.0).collect();
    holds(
        "(%x: f16[4000]) {
  %s: f16[] = const splat(0.1)
  %z: i8[] = const splat(0)
  %q: i8[4000] = quantize %x, %s, %z
  %y: f16[4000] = dequantize %q, %s, %z",
        &x,
        0.0,
    );
}

/// A convolution of whole steps by weights of whole steps gives ties, which a scale in its weights would break.
#[test]
fn ties_in_front_of_a_rounding_stay() {
    let x: Vec<f64> = (0..1024).map(|i| f64::from(i * 37 % 120 - 60) * 0.05).collect();
    let weights = "const [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]";
    for scale in ["const splat(0.1)", "const [0.1, 0.2, 0.3, 0.7]"] {
        let scale = scale.replace("const", "f32[4,1,1] = const");
        for behind in ["%d", "%d |> add %z", "%d |> sub %z |> mul %z"] {
            let lines = format!(
                "(%x: f32[1,4,16,16]) {{
  %w: f32[4,4,1,1] = {weights}
  %s: {scale}
  %z: f32[] = const splat(3)
  %c: f32[1,4,16,16] = conv %x, %w
  %d: f32[1,4,16,16] = div %c, %s
  %e: f32[1,4,16,16] = neg {behind}
  %y: f32[1,4,16,16] = round %e"
            );
            holds(&lines, &x, 0.0);
        }
        let lines = format!(
            "(%x: f32[1,4,16,16]) {{
  %w: f32[4,4,1,1] = {weights}
  %s: {scale}
  %z: i8[4,1,1] = const splat(0)
  %c: f32[1,4,16,16] = conv %x, %w
  %q: i8[1,4,16,16] = quantize %c, %s, %z
  %y: f32[1,4,16,16] = dequantize %q, %s, %z"
        );
        holds(&lines, &x, 0.0);
    }
}

/// `v` and `k` are numbers for the weights of a convolution and what scales it.
fn scaled(ty: &str, v: &str, op: &str, k: &str) -> String {
    format!(
        "(%x: {ty}[1,4,2,2]) {{
  %v: {ty}[4,4,1,1] = const splat({v})
  %k: {ty}[] = const splat({k})
  %a: {ty}[1,4,2,2] = conv %x, %v
  %y: {ty}[1,4,2,2] = {op} %a, %k"
    )
}

#[test]
fn no_weight_leaves_its_type() {
    for (v, op, k, x) in [
        ("1e10", "mul", "1e30", 1e-20),
        ("1e-25", "mul", "1e-20", 1e20),
        ("0.5", "mul", "inf", 0.5),
        ("0.5", "div", "0", 0.5),
        ("1e-25", "div", "1e20", 1e20),
        ("1e10", "div", "1e-30", 1e-20),
    ] {
        holds(&scaled("f32", v, op, k), &[x, -x, 0.0], 1e-6);
    }
    holds(&scaled("f16", "300", "mul", "300"), &[0.01], HALF);
    holds(&scaled("f16", "0.002", "div", "500"), &[1000.0], HALF);
    // Two in a row, a sum.
    let pair = |v: &str, last: &str| {
        format!(
            "(%x: f16[1,4,2,2]) {{
  %v: f16[4,4,1,1] = const splat({v})
  %a: f16[1,4,2,2] = conv %x, %v
  {last}"
        )
    };
    holds(&pair("300", "%y: f16[1,4,2,2] = conv %a, %v"), &[0.01], HALF);
    holds(&pair("40000", "%b: f16[1,4,2,2] = conv %x, %v\n  %y: f16[1,4,2,2] = add %a, %b"), &[0.01], HALF);
}

/// `var`, `gamma` and `mean` of a batch norm behind a convolution of weights `v`, or behind none.
fn normed(v: Option<&str>, [var, gamma, mean]: [&str; 3]) -> String {
    let front = match v {
        Some(v) => format!("%v: f16[4,4,1,1] = const splat({v})\n  %a: f16[1,4,2,2] = conv %x, %v"),
        None => "%a: f16[1,4,2,2] = relu %x".into(),
    };
    format!(
        "(%x: f16[1,4,2,2]) {{
  {front}
  %g: f16[4] = const splat({gamma})
  %b: f16[4] = const splat(0.5)
  %m: f16[4] = const splat({mean})
  %s: f16[4] = const splat({var})
  %y: f16[1,4,2,2] = batch_norm %a, %g, %b, %m, %s"
    )
}

#[test]
fn a_batch_norm_of_f16_stays_finite() {
    holds(&normed(Some("500"), ["1e-5", "1", "0"]), &[0.001, 0.01], HALF);
    holds(&normed(Some("0.002"), ["60000", "0.05", "0"]), &[500.0, 2000.0], HALF);
    holds(&normed(Some("0.25"), ["1", "1", "100"]), &[99.0, 100.0, 101.5, 98.0], HALF);
    holds(&normed(None, ["0", "1", "255"]), &[255.0], HALF);
    holds(&normed(None, ["1", "1.3", "100"]), &[99.0, 100.0, 101.5, 98.0], HALF);
}

/// Zeros of a border make NaN of weights that are not finite.
#[test]
fn a_border_meets_infinite_weights() {
    for weight in ["inf", "nan"] {
        let lines = format!(
            "(%x: f32[1,1,2,2]) {{
  %w: f32[1,1,3,3] = const [{weight},1,1,1,1,1,1,1,1]
  %p: f32[1,1,4,4] = pad %x, before=[0,0,1,1], after=[0,0,1,1]
  %y: f32[1,1,2,2] = conv %p, %w"
        );
        holds(&lines, &[0.5, -1.0, 2.0], 0.0);
    }
}

/// Ordinary numbers are folded: in f32 always, in f16 where they fit.
#[test]
fn ordinary_weights_are_folded() {
    for ty in ["f32", "f16"] {
        let printed = holds(&scaled(ty, "0.5", "mul", "3"), &[0.5, -1.0, 2.0], HALF);
        assert!(!printed.contains("mul"), "{printed}");
    }
    let printed = holds(&normed(Some("0.25"), ["2", "1", "1"]), &[0.5, -1.0, 2.0], HALF);
    assert!(!printed.contains("mul"), "{printed}");
    // A channel without variance, and one that training gave up.
    let printed = holds(
        "(%x: f32[1,2,2,2]) {
  %v: f32[2,2,1,1] = const [0.5,1e-41,-3,2]
  %a: f32[1,2,2,2] = conv %x, %v
  %g: f32[2] = const [1e-39,1]
  %b: f32[2] = const splat(0.5)
  %s: f32[2] = const [1,0]
  %y: f32[1,2,2,2] = batch_norm %a, %g, %b, %b, %s",
        &[0.5, -1.0, 2.0],
        1e-6,
    );
    assert!(!printed.contains("mul"), "{printed}");
}
