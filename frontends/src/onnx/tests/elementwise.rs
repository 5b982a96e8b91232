//! Element-wise operators: what they become, forms of old operator sets, and numbers worked out by hand.

use super::Value::{Float, Int, Text};
use super::{Attribute, Model, ints, tensor};
use cnnc_ir::{Data, Tensor};

/// The result of one node on these operands, as f32.
pub(super) fn value(opset: i64, op: &str, operands: &[Tensor], attributes: &[Attribute]) -> Vec<f64> {
    model(opset, op, operands, attributes).result(&[]).1
}

pub(super) fn model(opset: i64, op: &str, operands: &[Tensor], attributes: &[Attribute]) -> Model {
    let names: Vec<String> = (0..operands.len()).map(|k| format!("w{k}")).collect();
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let model = Model::new(opset).node(op, &inputs, &["y"], attributes);
    let model = model.node("Cast", &["y"], &["z"], &[("to", Int(1))]).output("z");
    names.iter().zip(operands).fold(model, |model, (name, w)| model.weight(name, w.clone()))
}

fn f32s(elements: &[f32]) -> Tensor {
    tensor(&[elements.len()], elements)
}

/// Asserts that numbers agree but for a few roundings of f32.
#[track_caller]
pub(super) fn near(got: &[f64], want: &[f64]) {
    let close = |(g, w): (&f64, &f64)| g == w || (g - w).abs() <= 1e-6 * w.abs() || g.is_nan() && w.is_nan();
    assert!(got.len() == want.len() && got.iter().zip(want).all(close), "{got:?}, expected {want:?}");
}

#[test]
fn activations_that_are_composed() {
    const INF: f32 = f32::INFINITY;
    let x = [-20.0, -1.0, -0.5, 0.0, 0.25, 2.0, 100.0];
    let of = |op: &str, attributes: &[Attribute]| value(24, op, &[f32s(&x)], attributes);
    let formula = |f: fn(f64) -> f64| x.map(|x| f(x.into()));
    near(&of("Softplus", &[]), &formula(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()));
    near(&of("Softsign", &[]), &formula(|x| x / (1.0 + x.abs())));
    near(&of("Celu", &[("alpha", Float(2.0))]), &formula(|x| x.max(0.0) + 2.0 * (x.min(0.0) / 2.0).exp_m1()));
    near(&of("Swish", &[("alpha", Float(0.5))]), &formula(|x| x / (1.0 + (-0.5 * x).exp())));
    near(
        &of("Shrink", &[("bias", Float(0.25)), ("lambd", Float(0.5))]),
        &[-19.75, -0.75, 0.0, 0.0, 0.0, 1.75, 99.75],
    );
    near(&of("ThresholdedRelu", &[("alpha", Float(0.25))]), &[0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 100.0]);
    let small = f32s(&[-1.0, -0.0, 1.0, 3.0, 20.0]);
    let of = |op: &str, attributes: &[Attribute]| value(24, op, std::slice::from_ref(&small), attributes);
    near(&of("Gelu", &[]), &[-0.15865525393145707, 0.0, 0.8413447460685429, 2.99595030590511, 20.0]);
    near(&of("Gelu", &[("approximate", Text("tanh"))]), &[-0.15880801, 0.0, 0.8411920, 2.9963627, 20.0]);
    near(&of("Mish", &[]), &[-0.30340147, 0.0, 0.8650984, 2.9865350, 20.0]);
    // Nothing overflows on the way, and the first number is no number.
    let ends = f32s(&[f32::NAN, f32::MAX, INF]);
    for op in ["Celu", "Mish", "Gelu", "Swish", "HardSwish", "Selu", "Softplus"] {
        let [nan, most, inf] = value(24, op, std::slice::from_ref(&ends), &[])[..] else { panic!("{op}") };
        assert!(nan.is_nan() && most >= f32::MAX.into() && inf == f64::INFINITY, "{op}: {nan} {most} {inf}");
    }
}

#[test]
fn a_negative_slope_of_one_number_is_leaky() {
    let prelu = |slope: Tensor| {
        let model = Model::new(16).input("x", &[2, 3]).weight("s", slope);
        model.node("PRelu", &["x", "s"], &["y"], &[]).output("y")
    };
    assert!(prelu(tensor(&[1, 1], &[0.25f32])).text().contains("leaky_relu %x, alpha=0.25"));
    assert!(prelu(f32s(&[0.5, 1.0, 2.0])).text().contains("prelu %x, %s"));
    let problems = prelu(tensor(&[4, 1, 1], &[0.0f32; 4])).problems();
    assert!(problems[0].contains("slope f32[4,1,1] does not broadcast to X f32[2,3]"), "{problems:?}");
}

#[test]
fn numbers_of_f64_keep_their_digits() {
    let x = tensor(&[2], &[-1.0f64, 1.0]);
    let model = Model::new(16).weight("x", x).weight("s", tensor(&[1], &[0.1f64]));
    let model = model.node("PRelu", &["x", "s"], &["y"], &[]).weight("ten", tensor(&[1], &[1e17f64]));
    let model = model.node("Mul", &["y", "ten"], &["z"], &[]).node("Cast", &["z"], &["w"], &[("to", Int(7))]);
    let model = model.weight("start", ints(&[10_000_000_000_000_000]));
    let model =
        model.node("Add", &["w", "start"], &["v"], &[]).node("Cast", &["v"], &["r"], &[("to", Int(1))]);
    assert_eq!(model.output("r").result(&[]).1[0], 0.0);
    for least in [f64::NEG_INFINITY, f64::INFINITY] {
        let x = tensor(&[2, 2], &[least; 4]);
        assert_eq!(value(18, "ReduceLogSumExp", &[x], &[("keepdims", Int(0))]), [least]);
    }
}

#[test]
fn norms_of_zeros_and_of_almost_nothing() {
    let of = |x: Tensor, p| value(22, "LpNormalization", &[x], &[("p", Int(p))]);
    assert_eq!(of(f32s(&[0.0, -0.0]), 2), [0.0, 0.0]);
    assert_eq!(of(f32s(&[3e-39, 3e-39]), 1), [0.5, 0.5]);
    assert_eq!(of(tensor(&[1], &[1e-40f64]), 2), [1.0]);
    assert!(of(f32s(&[f32::NAN, 1.0]), 2).iter().all(|x| x.is_nan()));
}

#[test]
fn ranges_of_integers_are_exact() {
    let range = |opset, numbers: [i64; 3], attributes: &[Attribute]| {
        let operands = numbers.map(|n| tensor(&[], &[n]));
        model(opset, "Range", &operands, attributes).node("Identity", &["y"], &["i"], &[]).output("i")
    };
    let elements = |numbers: [i64; 3]| {
        let mut model = range(11, numbers, &[]);
        model.0.graph.mut_or_insert_default().output.remove(0);
        let info = &mut model.0.graph.mut_or_insert_default().output[0];
        info.type_.mut_or_insert_default().mut_tensor_type().elem_type = 7;
        let Data::I64(elements) = model.run(&[]).remove(0).data().clone() else { panic!("no integers") };
        elements
    };
    const BIG: i64 = (1 << 53) + 1;
    assert_eq!(elements([BIG, BIG + 3, 1]), [BIG, BIG + 1, BIG + 2]);
    assert_eq!(elements([BIG + 3, BIG, -2]), [BIG + 3, BIG + 1]);
    assert_eq!(elements([i64::MIN, i64::MAX, i64::MAX]), [i64::MIN, -1, i64::MAX - 1]);
    assert_eq!(elements([3, 3, 1]), [0i64; 0]);
    assert_eq!(elements([3, 0, 5]), [0i64; 0]);
    assert_eq!(elements([0, 5, 2]), [0, 2, 4]);
    assert!(range(11, [0, 1, 0], &[]).problems()[0].contains("no elements"));
    assert!(range(11, [i64::MIN, i64::MAX, 1], &[]).problems()[0].contains("E_LIMIT"));
    let stash = [("stash_type", Int(1))];
    assert_eq!(value(27, "Range", &[0.0f32, 3.0, 1.0].map(|n| tensor(&[], &[n])), &stash), [0.0, 1.0, 2.0]);
    assert!(range(11, [0, 1, 1], &stash).problems()[0].contains("unknown attribute"));
}

#[test]
fn powers_have_the_type_of_their_base() {
    let pow = |x: Tensor, y: Tensor| value(15, "Pow", &[x, y], &[]);
    near(&pow(f32s(&[2.0, 4.0]), ints(&[3, -1])), &[8.0, 0.25]);
    near(&pow(tensor(&[3], &[3i32, -2, 7]), ints(&[2, 3, 1])), &[9.0, -8.0, 7.0]);
    // Integers, though the power is computed with rounding; no more than truncated where it is none.
    let bases: Vec<i32> = (1..256).collect();
    let count = bases.len();
    let cubes: Vec<f64> = bases.iter().map(|&n| f64::from(n).powi(3)).collect();
    assert_eq!(pow(tensor(&[count], &bases), f32s(&[3.0])), cubes);
    let roots: Vec<f64> = bases.iter().map(|&n| f64::from(n).sqrt().floor()).collect();
    assert_eq!(pow(tensor(&[count], &bases), f32s(&[0.5])), roots);
    // More places than what makes up for rounding leaves alone.
    let large = Model::new(15).weight("x", ints(&[10, 49])).weight("n", f32s(&[17.0, 0.5]));
    let large = large.weight("wanted", ints(&[100_000_000_000_000_000, 7]));
    let large = large.node("Pow", &["x", "n"], &["y"], &[]).node("Sub", &["y", "wanted"], &["d"], &[]);
    let large = large.node("Cast", &["d"], &["z"], &[("to", Int(1))]).output("z");
    assert_eq!(large.result(&[]).1, [0.0, 0.0]);
    let text = model(13, "Pow", &[f32s(&[3.0]), tensor(&[], &[2.0f32])], &[]).text();
    assert!(!text.contains("pow"), "{text}");
}

#[test]
fn comparisons_and_logic() {
    let (a, b) = (f32s(&[1.0, 2.0, 3.0]), f32s(&[2.0, 2.0, 2.0]));
    let of = |op: &str| value(16, op, &[a.clone(), b.clone()], &[]);
    assert_eq!(of("Less"), [1.0, 0.0, 0.0]);
    assert_eq!(of("LessOrEqual"), [1.0, 1.0, 0.0]);
    assert_eq!(of("Greater"), [0.0, 0.0, 1.0]);
    assert_eq!(of("GreaterOrEqual"), [0.0, 1.0, 1.0]);
    assert_eq!(of("Equal"), [0.0, 1.0, 0.0]);
    let condition = tensor(&[3], &[true, false, true]);
    assert_eq!(value(16, "Where", &[condition.clone(), a, b], &[]), [1.0, 2.0, 3.0]);
    assert_eq!(value(16, "Not", &[condition], &[]), [0.0, 1.0, 0.0]);
    // Before opset 7 B lies along A from an axis on.
    let a = tensor(&[2, 2], &[1i64, 2, 3, 4]);
    let old = value(6, "Greater", &[a, ints(&[1, 3])], &[("broadcast", Int(1)), ("axis", Int(0))]);
    assert_eq!(old, [0.0, 1.0, 0.0, 1.0]);
}

#[test]
fn integers() {
    let bytes = |x: &[u8]| tensor(&[x.len()], x);
    let shift = |direction| {
        value(11, "BitShift", &[bytes(&[16, 255]), bytes(&[2, 1])], &[("direction", Text(direction))])
    };
    assert_eq!((shift("LEFT"), shift("RIGHT")), (vec![64.0, 254.0], vec![4.0, 127.0]));
    assert_eq!(value(18, "BitwiseXor", &[bytes(&[12]), bytes(&[10])], &[]), [6.0]);
    assert_eq!(value(18, "BitwiseNot", &[bytes(&[12])], &[]), [243.0]);
    let (a, b) = (ints(&[-7, 7]), ints(&[3, -3]));
    assert_eq!(value(13, "Mod", &[a.clone(), b.clone()], &[]), [2.0, -2.0]);
    assert_eq!(value(13, "Mod", &[a.clone(), b], &[("fmod", Int(1))]), [-1.0, 1.0]);
    let problem = model(13, "Mod", &[a, ints(&[0])], &[]).problems();
    assert!(problem[0].contains("an integer is divided by the constant 0"), "{problem:?}");
    let real = f32s(&[-7.5]);
    assert_eq!(value(28, "Mod", &[real.clone(), f32s(&[2.0])], &[]), [0.5]);
    let problem = model(13, "Mod", &[real, f32s(&[2.0])], &[]).problems();
    assert!(problem[0].contains("fmod=0 is for integers before opset 28, A is f32[1]"), "{problem:?}");
    assert_eq!(value(14, "Relu", &[tensor(&[2], &[-3i32, 3])], &[]), [0.0, 3.0]);
    assert_eq!(
        value(13, "Clip", &[ints(&[-5, 5]), tensor(&[], &[-1i64]), tensor(&[], &[1i64])], &[]),
        [-1.0, 1.0]
    );
    // log(e^3 + e^5 + e^7) = 7.14, log(15) = 2.7, sqrt(83) = 9.1: as onnxruntime has them.
    for (op, result) in
        [("ReduceLogSumExp", 7.0), ("ReduceLogSum", 2.0), ("ReduceL2", 9.0), ("ReduceL1", 15.0)]
    {
        assert_eq!(value(13, op, &[tensor(&[3], &[3i32, 5, 7])], &[]), [result], "{op}");
    }
    let shrink = |x: Tensor, attributes: &[Attribute]| value(9, "Shrink", &[x], attributes);
    let far = [("bias", Float(1.5)), ("lambd", Float(1.5))];
    assert_eq!(shrink(tensor(&[5], &[3i32, -3, 1, 0, 2]), &far), [1.0, -1.0, 0.0, 0.0, 0.0]);
    let near = [("bias", Float(0.5)), ("lambd", Float(1.5))];
    assert_eq!(shrink(bytes(&[3, 0, 1, 2]), &near), [2.0, 0.0, 0.0, 1.0]);
    assert_eq!(value(15, "CastLike", &[f32s(&[2.75]), ints(&[1])], &[]), [2.0]);
}
