//! Operators whose form changed between operator sets: both forms, against numbers worked out by hand.

use super::Value::{Float, Floats, Int, Ints, Text};
use super::{Attribute, Model, counting, ints, tensor};
use cnnc_ir::Tensor;

/// A model of one node over `x`, with weights as its other inputs.
fn one(opset: i64, op: &str, dims: &[i64], weights: &[Tensor], attributes: &[Attribute]) -> Model {
    let names: Vec<String> = (0..weights.len()).map(|k| format!("w{k}")).collect();
    let inputs: Vec<&str> = ["x"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let model = Model::new(opset).input("x", dims).node(op, &inputs, &["y"], attributes).output("y");
    names.iter().zip(weights).fold(model, |model, (name, w)| model.weight(name, w.clone()))
}

#[test]
fn softmax_flattens_before_opset_13() {
    let x = tensor(&[1, 2, 2], &[0.0f32, 0.0, 0.0, 3f32.ln()]);
    let old = one(11, "Softmax", &[1, 2, 2], &[], &[]).result(std::slice::from_ref(&x));
    let new = one(13, "Softmax", &[1, 2, 2], &[], &[]).result(&[x]);
    let near = |got: &[f64], want: [f64; 4]| got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(near(&old.1, [1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0, 0.5]), "{old:?}");
    assert!(near(&new.1, [0.5, 0.5, 0.25, 0.75]), "{new:?}");
    assert_eq!((old.0, new.0), (vec![1, 2, 2], vec![1, 2, 2]));
}

#[test]
fn softmax_before_opset_13_stays_one_node_where_nothing_is_flattened() {
    let text = one(9, "Softmax", &[1, 5, 1, 1], &[], &[]).text();
    assert!(text.contains("softmax %x, axis=1") && !text.contains("reshape"), "{text}");
}

#[test]
fn clip_has_attributes_before_opset_11() {
    let x = tensor(&[3], &[-1.0f32, 0.5, 9.0]);
    let old = one(6, "Clip", &[3], &[], &[("min", Float(0.0)), ("max", Float(6.0))]);
    let new = one(13, "Clip", &[3], &[tensor(&[], &[0.0f32]), tensor(&[], &[6.0f32])], &[]);
    for model in [old, new] {
        assert_eq!(model.result(std::slice::from_ref(&x)).1, [0.0, 0.5, 6.0]);
        assert!(model.text().contains("clip %x, min=0, max=6"));
    }
}

#[test]
fn pad_has_attributes_before_opset_11_and_cuts_where_negative() {
    let x = counting(&[1, 3]);
    let old = one(2, "Pad", &[1, 3], &[], &[("pads", Ints(&[0, 2, 0, -1])), ("value", Float(7.0))]);
    let new = one(13, "Pad", &[1, 3], &[ints(&[0, 2, 0, -1]), tensor(&[], &[7.0f32])], &[]);
    for model in [old, new] {
        assert_eq!(model.result(std::slice::from_ref(&x)), (vec![1, 4], vec![7.0, 7.0, 1.0, 2.0]));
    }
}

#[test]
fn pad_repeats_elements() {
    let border =
        |mode| one(19, "Pad", &[3], &[ints(&[2, 4])], &[("mode", Text(mode))]).result(&[counting(&[3])]).1;
    assert_eq!(border("edge"), [1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0]);
    assert_eq!(border("reflect"), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0]);
    assert_eq!(border("wrap"), [2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0]);
}

#[test]
fn axes_are_attributes_first_and_inputs_later() {
    // The operator, since when axes are an input, the extents of x, the axes, the extents of the result.
    type Case<'a> = (&'a str, i64, &'a [i64], &'a [i64], &'a [usize]);
    let cases: [Case; 4] = [
        ("Squeeze", 13, &[1, 2, 1, 3], &[0, -2], &[2, 3]),
        ("Unsqueeze", 13, &[2, 3], &[0, -1], &[1, 2, 3, 1]),
        ("ReduceSum", 13, &[2, 3], &[-1], &[2, 1]),
        ("ReduceMean", 18, &[2, 3], &[0], &[1, 3]),
    ];
    for (op, since, dims, axes, expected) in cases {
        let x = counting(&dims.iter().map(|&d| d as usize).collect::<Vec<_>>());
        let old = one(since - 1, op, dims, &[], &[("axes", Ints(axes))]).result(std::slice::from_ref(&x));
        let new = one(since, op, dims, &[ints(axes)], &[]).result(&[x]);
        assert_eq!(old, new, "{op}");
        assert_eq!(old.0, expected, "{op}");
    }
}

#[test]
fn split_makes_slices() {
    let parts = |opset: i64, weights: &[Tensor], attributes: &[Attribute]| {
        let names = if weights.is_empty() { vec!["x"] } else { vec!["x", "w0"] };
        let model = Model::new(opset).input("x", &[5]).node("Split", &names, &["a", "b"], attributes);
        let model = weights.iter().fold(model, |m, w| m.weight("w0", w.clone()));
        let parts = model.output("a").output("b").run(&[counting(&[5])]);
        parts.iter().map(|p| p.data().to_f64()).collect::<Vec<_>>()
    };
    let expected = [vec![1.0, 2.0], vec![3.0, 4.0, 5.0]];
    assert_eq!(parts(11, &[], &[("split", Ints(&[2, 3]))]), expected);
    assert_eq!(parts(13, &[ints(&[2, 3])], &[]), expected);
    assert_eq!(parts(1, &[tensor(&[2], &[2.0f32, 3.0])], &[]), expected);
    assert_eq!(parts(18, &[], &[("num_outputs", Int(2))]), [vec![1.0, 2.0, 3.0], vec![4.0, 5.0]]);
}

#[test]
fn slice_clamps_its_bounds() {
    let slice = |start, end, step| {
        let model = one(13, "Slice", &[5], &[ints(&[start]), ints(&[end]), ints(&[0]), ints(&[step])], &[]);
        model.result(&[counting(&[5])]).1
    };
    assert_eq!(slice(1, i64::MAX, 2), [2.0, 4.0]);
    assert_eq!(slice(-2, i64::MAX, 1), [4.0, 5.0]);
    assert_eq!(slice(i64::MAX, i64::MIN, -2), [5.0, 3.0, 1.0]);
    assert_eq!(slice(i64::MAX, i64::MIN, i64::MIN), [5.0]);
    assert_eq!(slice(4, 1, 1), [0.0; 0]);
    assert_eq!(slice(1, 4, -1), [0.0; 0]);
    let old = one(9, "Slice", &[5], &[], &[("starts", Ints(&[1])), ("ends", Ints(&[-1]))]);
    assert_eq!(old.result(&[counting(&[5])]).1, [2.0, 3.0, 4.0]);
}

#[test]
fn nearest_elements_are_those_below_up_to_opset_10() {
    let scales = tensor(&[3], &[1.0f32, 1.0, 2.0]);
    let upsample_7 = one(7, "Upsample", &[1, 1, 2], &[], &[("scales", Floats(&[1.0, 1.0, 2.0]))]);
    let upsample_9 = one(9, "Upsample", &[1, 1, 2], std::slice::from_ref(&scales), &[]);
    let resize_10 = one(10, "Resize", &[1, 1, 2], std::slice::from_ref(&scales), &[]);
    for model in [upsample_7, upsample_9, resize_10] {
        assert_eq!(model.result(&[counting(&[1, 1, 2])]), (vec![1, 1, 4], vec![1.0, 1.0, 2.0, 2.0]));
    }
    let sides = [("height_scale", Float(1.0)), ("width_scale", Float(2.0))];
    let upsample_1 = one(1, "Upsample", &[1, 1, 1, 2], &[], &sides);
    assert_eq!(upsample_1.result(&[counting(&[1, 1, 1, 2])]).1, [1.0, 1.0, 2.0, 2.0]);
    assert!(
        one(1, "Upsample", &[1, 1, 1, 2], &[], &sides[..1]).problems()[0].contains("width_scale is missing")
    );
    let resize =
        Model::new(11).input("x", &[1, 1, 2]).weight("s", scales).weight("none", tensor::<f32>(&[0], &[]));
    let linear = [("mode", Text("linear"))];
    let resize = resize.node("Resize", &["x", "none", "s"], &["y"], &linear).output("y");
    assert_eq!(resize.result(&[counting(&[1, 1, 2])]).1, [1.0, 1.25, 1.75, 2.0]);
}

#[test]
fn opset_10_takes_elements_above_where_it_shrinks() {
    let x = counting(&[1, 1, 2, 4]);
    let resize = |opset, op, scales: [f32; 4]| {
        one(opset, op, &[1, 1, 2, 4], &[tensor(&[4], &scales)], &[]).result(std::slice::from_ref(&x))
    };
    assert_eq!(resize(10, "Resize", [1.0, 1.0, 0.6, 0.6]), (vec![1, 1, 1, 2], vec![1.0, 3.0]));
    assert_eq!(resize(9, "Upsample", [1.0, 1.0, 0.6, 0.6]), (vec![1, 1, 1, 2], vec![1.0, 2.0]));
    let both = vec![1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 5.0, 7.0, 5.0, 7.0, 5.0, 7.0];
    assert_eq!(resize(10, "Resize", [1.0, 1.0, 3.0, 0.6]), (vec![1, 1, 6, 2], both));
}

#[test]
fn what_is_empty_stays_empty() {
    let resize = |x: &[i64], sizes: &[i64]| {
        let model = Model::new(13).input("x", x).weight("n", ints(sizes));
        model.node("Resize", &["x", "", "", "n"], &["y"], &[]).output("y")
    };
    let nothing = tensor::<f32>(&[0, 1, 2, 2], &[]);
    assert_eq!(resize(&[0, 1, 2, 2], &[0, 1, 4, 4]).result(&[nothing]), (vec![0, 1, 4, 4], vec![]));
    assert!(resize(&[0, 1, 2, 2], &[1, 1, 4, 4]).problems()[0].contains("sizes=[1, 1, 4, 4]"));
    assert!(resize(&[1, 1, 2, 2], &[0, 1, 4, 4]).problems()[0].contains("sizes=[0, 1, 4, 4]"));
    let gather = one(13, "Gather", &[0, 3], &[ints(&[])], &[]);
    assert_eq!(gather.result(&[tensor::<f32>(&[0, 3], &[])]), (vec![0, 3], vec![]));
}

#[test]
fn a_crop_is_of_any_reals() {
    let model = Model::new(13).input("x", &[1, 1, 1, 4]).weight("n", ints(&[1, 1, 1, 2]));
    let model = model.weight("roi", tensor(&[8], &[0.0f64, 0.0, 0.0, 1.0 / 3.0, 1.0, 1.0, 1.0, 1.0]));
    let crop = [("mode", Text("linear")), ("coordinate_transformation_mode", Text("tf_crop_and_resize"))];
    let model = model.node("Resize", &["x", "roi", "", "n"], &["y"], &crop).output("y");
    assert_eq!(model.result(&[counting(&[1, 1, 1, 4])]).1, [2.0, 4.0]);
}

#[test]
fn resize_takes_sizes_of_some_axes() {
    let model = Model::new(18).input("x", &[1, 1, 2, 4]).weight("n", ints(&[2]));
    let nearest: &[Attribute] = &[("axes", Ints(&[3])), ("nearest_mode", Text("floor"))];
    let model = model.node("Resize", &["x", "", "", "n"], &["y"], nearest).output("y");
    assert_eq!(model.result(&[counting(&[1, 1, 2, 4])]), (vec![1, 1, 2, 2], vec![1.0, 3.0, 5.0, 7.0]));
}

#[test]
fn integers_are_resized_to_integers() {
    let resize = |attributes: &[Attribute]| {
        let model = Model::new(18).input("x", &[1, 1, 2]).weight("n", ints(&[1, 1, 4]));
        let model = model.node("Cast", &["x"], &["whole"], &[("to", Int(2))]);
        let model = model.node("Resize", &["whole", "", "", "n"], &["resized"], attributes);
        let model = model.node("Cast", &["resized"], &["y"], &[("to", Int(1))]).output("y");
        model.result(&[counting(&[1, 1, 2])]).1
    };
    // Of reals 1, 1.25, 1.75, 2.
    let linear = ("mode", Text("linear"));
    assert_eq!(resize(std::slice::from_ref(&linear)), [1.0, 1.0, 1.0, 2.0]);
    assert_eq!(resize(&[linear, ("antialias", Int(1))]), [1.0, 1.0, 2.0, 2.0]);
    // Of reals 0.89, 1.23, 1.77, 2.11.
    assert_eq!(resize(&[("mode", Text("cubic"))]), [1.0, 1.0, 2.0, 2.0]);
}

#[test]
fn one_dimension_is_one_channel() {
    let numbers = [2.0f32, 1.0, 1.0, 4.0].map(|number| tensor(&[1], &[number]));
    let norm = |opset, training: &[Attribute]| {
        let attributes = [&[("epsilon", Float(0.0))], training].concat();
        one(opset, "BatchNormalization", &[2], &numbers, &attributes).result(&[tensor(&[2], &[3.0f32, 7.0])])
    };
    assert_eq!(norm(9, &[]), (vec![2], vec![3.0, 7.0]));
    assert_eq!(norm(15, &[("training_mode", Int(1))]), (vec![2], vec![-1.0, 3.0]));
}

#[test]
fn auto_pad_puts_the_odd_element_behind_or_in_front() {
    let pool = |auto: &str| {
        let attributes = [("kernel_shape", Ints(&[2])), ("strides", Ints(&[2])), ("auto_pad", Text(auto))];
        one(12, "MaxPool", &[1, 1, 5], &[], &attributes).result(&[counting(&[1, 1, 5])])
    };
    assert_eq!(pool("SAME_UPPER"), (vec![1, 1, 3], vec![2.0, 4.0, 5.0]));
    assert_eq!(pool("SAME_LOWER"), (vec![1, 1, 3], vec![1.0, 3.0, 5.0]));
    assert_eq!(pool("VALID"), (vec![1, 1, 2], vec![2.0, 4.0]));
}

#[test]
fn convolution_of_one_dimension_is_one_of_a_row() {
    let weight = tensor(&[1, 1, 2], &[1.0f32, 10.0]);
    let model = one(11, "Conv", &[1, 1, 3], &[weight, tensor(&[1], &[100.0f32])], &[("pads", Ints(&[1, 0]))]);
    assert_eq!(model.result(&[counting(&[1, 1, 3])]), (vec![1, 1, 3], vec![110.0, 121.0, 132.0]));
}

#[test]
fn gemm_scales_its_terms() {
    let gemm = |attributes: &[Attribute]| {
        let weights = [tensor(&[2, 1], &[1.0f32, 2.0]), tensor(&[1], &[5.0f32])];
        one(11, "Gemm", &[1, 2], &weights, attributes).result(&[tensor(&[1, 2], &[3.0f32, 4.0])]).1
    };
    assert_eq!(gemm(&[]), [16.0]);
    assert_eq!(gemm(&[("alpha", Float(2.0))]), [27.0]);
    assert_eq!(gemm(&[("beta", Float(3.0))]), [26.0]);
    assert_eq!(gemm(&[("alpha", Float(0.5)), ("beta", Float(0.0))]), [5.5]);
}

#[test]
fn vectors_are_matrices_of_one_row_or_column() {
    let product = |dims: &[i64], x: &Tensor, w: Tensor| {
        one(13, "MatMul", dims, &[w], &[]).result(std::slice::from_ref(x))
    };
    let (vector, matrix) = (counting(&[2]), counting(&[2, 2]));
    assert_eq!(product(&[2], &vector, counting(&[2])), (vec![], vec![5.0]));
    assert_eq!(product(&[2], &vector, counting(&[2, 2])), (vec![2], vec![7.0, 10.0]));
    assert_eq!(product(&[2, 2], &matrix, counting(&[2])), (vec![2], vec![5.0, 11.0]));
}

#[test]
fn integers_are_multiplied_exactly() {
    const BIG: i64 = (1 << 53) + 1;
    let of = |opset, op, operands: &[Tensor], attributes: &[Attribute]| {
        let names = ["a", "b", "c"];
        let model = Model::new(opset).node(op, &names[..operands.len()], &["y"], attributes);
        let model = names.iter().zip(operands).fold(model, |m, (name, x)| m.weight(name, x.clone()));
        // Their last digits, which f32 holds.
        let model = model.weight("digits", ints(&[1 << 20])).node("Mod", &["y", "digits"], &["z"], &[]);
        let model = model.node("Cast", &["z"], &["real"], &[("to", Int(1))]).output("real");
        model.import_with(&Default::default()).map(|_| model.result(&[]))
    };
    let (a, b) = (tensor(&[2, 2], &[BIG, 2, 3, 4]), tensor(&[2, 2], &[1i64, 2, 3, 4]));
    let square = Ok((vec![2, 2], vec![7.0, 10.0, 15.0, 22.0]));
    let both = [a.clone(), b.clone()];
    assert_eq!(of(13, "MatMul", &both, &[]), square);
    assert_eq!(of(12, "Einsum", &both, &[("equation", Text("ij,jk"))]), square);
    assert_eq!(of(13, "Gemm", &both, &[]), square);
    assert_eq!(of(13, "MatMul", &[ints(&[BIG, 2]), b.clone()], &[]), Ok((vec![2], vec![7.0, 10.0])));
    let batch = tensor(&[2, 1, 2], &[BIG, 2, 3, 4]);
    assert_eq!(of(13, "MatMul", &[batch, b.clone()], &[]), Ok((vec![2, 1, 2], vec![7.0, 10.0, 15.0, 22.0])));
    let turned = [("transA", Int(1)), ("transB", Int(1)), ("alpha", Float(2.0)), ("beta", Float(3.0))];
    let all = [a.clone(), b.clone(), ints(&[1, 10])];
    assert_eq!(of(13, "Gemm", &all, &turned), Ok((vec![2, 2], vec![17.0, 60.0, 23.0, 74.0])));
    let problem = of(13, "Gemm", &both, &[("alpha", Float(0.5))]).expect_err("half an integer");
    assert!(problem[0].to_string().contains("E_UNSUPPORTED") && problem.len() == 1, "{problem:?}");
    let problem = of(13, "MatMul", &[a, tensor(&[1, 2], &[1i64, 2])], &[]).expect_err("1 is not 2");
    assert!(problem[0].to_string().contains("has 1 rows"), "{problem:?}");
    let bytes = |dims: &[usize], x: &[u8]| tensor(dims, x);
    let quantised = [bytes(&[2], &[3, 4]), bytes(&[2, 1], &[5, 6]), bytes(&[], &[1]), bytes(&[], &[2])];
    let model = Model::new(10).node("MatMulInteger", &["a", "b", "c", "d"], &["y"], &[]);
    let model = ["a", "b", "c", "d"].iter().zip(quantised).fold(model, |m, (name, x)| m.weight(name, x));
    let model = model.node("Cast", &["y"], &["real"], &[("to", Int(1))]).output("real");
    assert_eq!(model.result(&[]), (vec![1], vec![18.0]));
}

#[test]
fn operands_lie_along_an_axis_before_opset_7() {
    let attributes = [("broadcast", Int(1)), ("axis", Int(1))];
    let model = one(6, "Add", &[1, 2, 2], &[tensor(&[2], &[10.0f32, 20.0])], &attributes);
    assert_eq!(model.result(&[counting(&[1, 2, 2])]).1, [11.0, 12.0, 23.0, 24.0]);
}

#[test]
fn shapes_of_reshape() {
    let reshape =
        |shape: &[i64]| one(13, "Reshape", &[2, 3, 4], &[ints(shape)], &[]).result(&[counting(&[2, 3, 4])]).0;
    assert_eq!(reshape(&[0, -1]), [2, 12]);
    assert_eq!(reshape(&[-1]), [24]);
    assert_eq!(reshape(&[4, 0, -1]), [4, 3, 2]);
    let old = one(1, "Reshape", &[2, 3], &[], &[("shape", Ints(&[3, 2])), ("consumed_inputs", Ints(&[0]))]);
    assert_eq!(old.result(&[counting(&[2, 3])]).0, [3, 2]);
    let flat =
        |axis| one(13, "Flatten", &[2, 3, 4], &[], &[("axis", Int(axis))]).result(&[counting(&[2, 3, 4])]).0;
    assert_eq!([flat(0), flat(1), flat(3), flat(-1)], [[1, 24], [2, 12], [24, 1], [6, 4]]);
}

#[test]
fn sums_and_means_of_many() {
    let many = |op| {
        let weights = [tensor(&[1], &[10.0f32]), tensor(&[2], &[4.0f32, 5.0])];
        one(13, op, &[2], &weights, &[]).result(&[counting(&[2])]).1
    };
    assert_eq!(many("Sum"), [15.0, 17.0]);
    assert_eq!(many("Max"), [10.0, 10.0]);
    assert_eq!(many("Min"), [1.0, 2.0]);
    assert_eq!(
        one(13, "Mean", &[2], &[tensor(&[1], &[3.0f32])], &[]).result(&[counting(&[2])]).1,
        [2.0, 2.5]
    );
}

#[test]
fn composed_activations() {
    let x = tensor(&[4], &[-4.0f32, -1.0, 0.0, 2.0]);
    let values = |op, weights: &[Tensor], attributes: &[Attribute]| {
        one(14, op, &[4], weights, attributes).result(std::slice::from_ref(&x)).1
    };
    assert_eq!(values("HardSigmoid", &[], &[("alpha", Float(0.25))]), [0.0, 0.25, 0.5, 1.0]);
    assert_eq!(values("PRelu", &[tensor(&[1], &[0.5f32])], &[]), [-2.0, -0.5, 0.0, 2.0]);
    assert_eq!(values("Abs", &[], &[]), [4.0, 1.0, 0.0, 2.0]);
    assert_eq!(values("Pow", &[tensor(&[], &[3.0f32])], &[]), [-64.0, -1.0, 0.0, 8.0]);
    assert_eq!(values("Expand", &[ints(&[2, 1])], &[]), [-4.0, -1.0, 0.0, 2.0, -4.0, -1.0, 0.0, 2.0]);
    let swish = values("HardSwish", &[], &[]);
    let exact = [0.0, -1.0 / 3.0, 0.0, 2.0 * 5.0 / 6.0];
    assert!(swish.iter().zip(exact).all(|(a, b)| (a - b).abs() < 1e-6), "{swish:?}");
}

#[test]
fn batch_norm_has_flags_before_opset_9() {
    let weights = [2.0f32, 1.0, 4.0, 3.0].map(|number| tensor(&[1], &[number]));
    let with = |opset, attributes| one(opset, "BatchNormalization", &[1, 1, 2], &weights, attributes);
    let x = tensor(&[1, 1, 2], &[4.0f32, 7.0]);
    let old = with(7, &[("spatial", Int(1)), ("epsilon", Float(1.0))]).result(std::slice::from_ref(&x));
    let older = with(6, &[("is_test", Int(1)), ("epsilon", Float(1.0))]).result(std::slice::from_ref(&x));
    assert_eq!(old, (vec![1, 1, 2], vec![1.0, 4.0]));
    assert_eq!(older, old);
    assert_eq!(with(9, &[("epsilon", Float(1.0))]).result(&[x]), old);
    assert!(with(7, &[("spatial", Int(0))]).problems()[0].contains("spatial=0"));
    assert!(with(6, &[("is_test", Int(0))]).problems()[0].contains("E_UNSUPPORTED"));
    assert!(with(9, &[("spatial", Int(1))]).problems()[0].contains("spatial"));
}

#[test]
fn dropout_masks_nothing() {
    let with = |opset, inputs: &[&str], training: bool, ratio: f32| {
        let model = Model::new(opset).input("x", &[2]).weight("ratio", tensor(&[], &[ratio]));
        let model = model.weight("training", tensor(&[], &[training]));
        model.node("Dropout", inputs, &["y", "mask"], &[]).output("y")
    };
    let x = tensor(&[2], &[1.5f32, -2.0]);
    let run = |model: Model| model.run(std::slice::from_ref(&x)).remove(0);
    assert_eq!(run(with(13, &["x", "ratio"], false, 0.5)), x);
    assert_eq!(run(with(13, &["x", "ratio", "training"], false, 0.5)), x);
    assert_eq!(run(with(13, &["x", "ratio", "training"], true, 0.0)), x);
    assert!(with(13, &["x", "ratio", "training"], true, 0.5).problems()[0].contains("at random"));
    let float_mask = with(7, &["x"], false, 0.5).output("mask").run(std::slice::from_ref(&x));
    assert_eq!(float_mask[1], tensor(&[2], &[1.0f32, 1.0]));
    let bool_mask = with(13, &["x"], false, 0.5).text();
    assert!(!bool_mask.contains("mask"), "a mask that nobody reads is not there: {bool_mask}");
}

#[test]
fn the_largest_stride_gives_one_window() {
    let pool = |stride: i64| {
        let attributes = [
            ("kernel_shape", Ints(&[2, 1])),
            ("strides", Ints(&[stride, 1])),
            ("dilations", Ints(&[1, stride])),
        ];
        one(13, "MaxPool", &[1, 1, 4, 2], &[], &attributes).result(&[counting(&[1, 1, 4, 2])])
    };
    assert_eq!(pool(i64::MAX), (vec![1, 1, 1, 2], vec![3.0, 4.0]));
    assert_eq!(pool(2).1, [3.0, 4.0, 7.0, 8.0]);
}
