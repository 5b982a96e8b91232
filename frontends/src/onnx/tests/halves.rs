//! f16, which ends at 65504: what is summed on the way to a result has more room. Numbers are worked out by hand.

use super::Value::{Int, Ints};
use super::elementwise::{near, value};
use super::{Attribute, Model, tensor};
use cnnc_ir::{Tensor, f16};

fn halves(dims: &[usize], element: impl Fn(usize) -> f32) -> Tensor {
    let elements: Vec<f16> = (0..dims.iter().product()).map(|i| f16::from_f32(element(i))).collect();
    tensor(dims, &elements)
}

/// 32 and -32 by turns: their mean is 0, their deviation 32, and the sum of many squares far beyond f16.
fn swing(i: usize) -> f32 {
    if i.is_multiple_of(2) { 32.0 } else { -32.0 }
}

/// The signs of [`swing`].
fn signs(count: usize) -> Vec<f64> {
    (0..count).map(|i| f64::from(swing(i)) / 32.0).collect()
}

#[test]
fn statistics_of_f16_are_computed_in_f32() {
    let ones = |n: usize| halves(&[n], |_| 1.0);
    let zeros = |n: usize| halves(&[n], |_| 0.0);
    let plane = halves(&[1, 2, 16, 16], swing);
    // The operator, its opset, the operands behind x, its attributes.
    let cases: [(&str, i64, Vec<Tensor>, &[Attribute]); 6] = [
        ("InstanceNormalization", 22, vec![ones(2), zeros(2)], &[]),
        ("GroupNormalization", 21, vec![ones(2), zeros(2)], &[("num_groups", Int(1))]),
        ("LayerNormalization", 17, vec![halves(&[2, 16, 16], |_| 1.0)], &[("axis", Int(1))]),
        ("RMSNormalization", 23, vec![halves(&[2, 16, 16], |_| 1.0)], &[("axis", Int(1))]),
        ("MeanVarianceNormalization", 13, vec![], &[]),
        ("BatchNormalization", 15, vec![ones(2), zeros(2), zeros(2), ones(2)], &[("training_mode", Int(1))]),
    ];
    for (op, opset, others, attributes) in cases {
        let operands = [vec![plane.clone()], others].concat();
        assert_eq!(value(opset, op, &operands, attributes), signs(512), "{op}");
    }
    // A count of more than f16 knows.
    let long = halves(&[1, 1, 1 << 17], swing);
    let normal = value(22, "InstanceNormalization", &[long, ones(1), zeros(1)], &[]);
    assert_eq!(normal[..4], [1.0, -1.0, 1.0, -1.0]);
}

#[test]
fn the_statistics_themselves_are_f32() {
    for x in [halves(&[1, 512], |i| swing(i) + 1.0), tensor(&[1, 2], &[33.0f64, -31.0])] {
        let scale = x.clone();
        let model = Model::new(17).weight("x", x).weight("s", scale);
        let model = model.node("LayerNormalization", &["x", "s"], &["y", "m", "i"], &[]);
        let [mean, inverse] = &model.output("m").output("i").run(&[])[..] else { panic!("two results") };
        assert_eq!(*mean, tensor(&[1, 1], &[1.0f32]));
        near(&inverse.data().to_f64(), &[1.0 / 32.0]);
    }
}

#[test]
fn the_running_statistics_keep_their_type() {
    let half = |x: f32| halves(&[1], |_| x);
    let model = Model::new(15).weight("x", halves(&[1, 1, 512], swing)).weight("one", half(1.0));
    let model = model.weight("v", tensor(&[1], &[0.0f32]));
    let inputs = ["x", "one", "one", "v", "v"];
    let model = model.node("BatchNormalization", &inputs, &["", "m", "v1"], &[("training_mode", Int(1))]);
    let result = model.output("m").output("v1").run(&[]);
    near(&result[1].data().to_f64(), &[0.1 * 1024.0]);
    assert_eq!(result[0], tensor(&[1], &[0.0f32]));
}

#[test]
fn statistics_of_f32_normalise_f16() {
    let one = |x: f32| tensor(&[1], &[x]);
    let operands = [halves(&[1, 1, 2], |i| i as f32), one(2.0), one(1.0), one(0.5), one(0.25 - 1e-5)];
    assert_eq!(value(15, "BatchNormalization", &operands, &[]), [-1.0, 3.0]);
    let operands = [halves(&[2], |i| i as f32), one(1.0), one(1.0), one(1.0), tensor(&[1], &[1i32])];
    assert!(
        super::elementwise::model(15, "BatchNormalization", &operands, &[]).problems()[0].contains("real")
    );
}

#[test]
fn norms_and_logarithms_of_sums() {
    let pair = halves(&[1, 2], |i| [300.0, 400.0][i]);
    let of = |opset, op, x: &Tensor, attributes: &[Attribute]| {
        value(opset, op, std::slice::from_ref(x), attributes)
    };
    near(&of(22, "LpNormalization", &pair, &[]), &[0.6, 0.8].map(|x| f16::from_f64(x).to_f64()));
    assert_eq!(of(13, "ReduceL2", &pair, &[]), [500.0]);
    assert_eq!(of(13, "ReduceLogSumExp", &halves(&[1 << 17], |_| 1.0), &[]), [12.78125]);
    assert_eq!(of(13, "ReduceLogSum", &halves(&[1 << 17], |_| 1.0), &[]), [11.78125]);
    assert_eq!(of(13, "LogSoftmax", &halves(&[1, 1 << 17], |_| 0.0), &[])[0], -11.78125);
    let plane = halves(&[1, 1, 2, 1], |i| [300.0, 400.0][i]);
    assert_eq!(of(22, "GlobalLpPool", &plane, &[]), [500.0]);
    assert_eq!(of(22, "LpPool", &plane, &[("kernel_shape", Ints(&[2, 1]))]), [500.0]);
    let most = halves(&[1], |_| 65504.0);
    assert_eq!(value(13, "Mean", &[most.clone(), most], &[]), [65504.0]);
}

#[test]
fn scales_of_f16() {
    let (a, b) = (tensor(&[1, 3], &[200u8, 100, 50]), tensor(&[3, 1], &[100u8, 50, 200]));
    let scale = |s: f32| halves(&[], |_| s);
    let zero = || tensor(&[], &[0u8]);
    let operands = [a, scale(0.002), zero(), b, scale(0.00035), zero(), scale(0.0001), zero()];
    assert_eq!(value(21, "QLinearMatMul", &operands, &[]), [245.0]);
    // From opset 23 on x may be f16 where the scale is f32.
    let quantised = [halves(&[2], |i| i as f32 + 0.5), tensor(&[], &[0.1f32]), tensor(&[], &[1u8])];
    assert_eq!(value(23, "QuantizeLinear", &quantised, &[]), [6.0, 16.0]);
    let odd = [tensor(&[1], &[2049.0f32]), halves(&[], |_| 1.0), tensor(&[], &[0u16])];
    assert_eq!(value(23, "QuantizeLinear", &odd, &[]), [2048.0]);
    assert_eq!(value(23, "QuantizeLinear", &odd, &[("precision", Int(1))]), [2049.0]);
    assert!(
        super::elementwise::model(21, "QuantizeLinear", &quantised, &[]).problems()[0].contains("E_MODEL")
    );
}
