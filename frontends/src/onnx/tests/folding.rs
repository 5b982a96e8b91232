//! Arithmetic on shapes, which is gone after an import, and the limits of it.

use super::Value::{Float, Int, Ints, Tensor as Value};
use super::{Model, counting, ints, tensor};
use crate::onnx::ImportOptions;

#[test]
fn shapes_become_attributes() {
    // What exporters write for x.view(x.size(0), -1).
    let model = Model::new(13)
        .input("x", &[2, 3, 4])
        .node("Shape", &["x"], &["shape"], &[])
        .node("Constant", &[], &["zero"], &[("value_int", Int(0))])
        .node("Gather", &["shape", "zero"], &["rows"], &[])
        .weight("axes", ints(&[0]))
        .node("Unsqueeze", &["rows", "axes"], &["row_list"], &[])
        .node("Constant", &[], &["rest"], &[("value_ints", Ints(&[-1]))])
        .node("Concat", &["row_list", "rest"], &["new"], &[("axis", Int(0))])
        .node("Reshape", &["x", "new"], &["y"], &[])
        .output("y");
    assert_eq!(
        model.text(),
        "graph @test(%x: f32[2,3,4]) {\n  %y: f32[2,12] = reshape %x, shape=[2,12]\n  return %y\n}\n"
    );
}

#[test]
fn few_reals_are_folded_too() {
    let model = Model::new(11)
        .input("x", &[1, 1, 2, 2])
        .weight("factor", tensor(&[4], &[0.5f32, 0.5, 1.0, 1.0]))
        .weight("two", tensor(&[], &[2.0f32]))
        .node("Mul", &["factor", "two"], &["scales"], &[])
        .node("Resize", &["x", "", "scales"], &["y"], &[])
        .output("y");
    assert_eq!(model.result(&[counting(&[1, 1, 2, 2])]).0, [1, 1, 4, 4]);
}

#[test]
fn splats_take_no_memory() {
    // 512 MiB of weights, as the models with generated weights have them.
    let model = Model::new(13)
        .input("x", &[1, 16384])
        .weight("shape", ints(&[16384, 8192]))
        .node("ConstantOfShape", &["shape"], &["w"], &[("value", Value(tensor(&[1], &[0.5f32])))])
        .weight("axes", ints(&[0]))
        .node("Unsqueeze", &["w", "axes"], &["stack"], &[])
        .node("MatMul", &["x", "stack"], &["y"], &[])
        .output("y");
    let options = ImportOptions { max_generated: 1 << 30, ..Default::default() };
    let text = cnnc_ir::text::print(&model.import_with(&options).unwrap());
    assert!(text.contains("%stack: f32[1,16384,8192] = const splat(0.5)"), "{text}");
}

/// What a file does not hold has a budget of its own, however it says what to make.
#[test]
fn generated_constants_have_a_budget() {
    let of_shape = |elements: i64, count: usize| {
        let mut model = Model::new(13).input("x", &[1]).weight("shape", ints(&[elements]));
        for k in 0..count {
            model = model.node("ConstantOfShape", &["shape"], &[&format!("v{k}")], &[]);
        }
        model.node("Relu", &["x"], &["y"], &[]).output("y")
    };
    let range = |limit: i64| {
        let model = Model::new(13).input("x", &[1]).weight("to", tensor(&[], &[limit]));
        let model = model.weight("from", tensor(&[], &[0i64])).weight("by", tensor(&[], &[1i64]));
        model.node("Range", &["from", "to", "by"], &["r"], &[]).node("Relu", &["x"], &["y"], &[]).output("y")
    };
    let eye = |extent: i64| Model::new(13).input("x", &[extent, extent]).node("EyeLike", &["x"], &["y"], &[]);
    for fits in [of_shape(5 << 25, 1), of_shape(1 << 24, 10), range(1 << 23), eye(1 << 12).output("y")] {
        fits.import();
    }
    let too_much = [
        of_shape((5 << 25) + 1, 1),
        of_shape(1 << 24, 11),
        range((1 << 23) + 1),
        eye((1 << 12) + 1).output("y"),
    ];
    for model in too_much {
        let problem = &model.problems()[0];
        assert!(
            problem.starts_with("E_LIMIT node ") && problem.contains("raise --max-generated"),
            "{problem}"
        );
        model.import_with(&ImportOptions { max_generated: 2 << 30, ..Default::default() }).unwrap();
    }
}

#[test]
fn large_reals_are_left_to_the_passes() {
    let model = Model::new(13).input("x", &[5000]).weight("w", counting(&[5000]));
    let model = model.node("Sqrt", &["w"], &["r"], &[]).node("Add", &["x", "r"], &["y"], &[]).output("y");
    assert!(model.text().contains("%r: f32[5000] = sqrt %w"));
}

#[test]
fn folding_has_a_budget() {
    let bomb = |elements: i64, nodes: usize| {
        let mut model = Model::new(13).input("x", &[1]).weight("shape", ints(&[elements]));
        let one = Value(tensor(&[1], &[1i64]));
        model = model.node("ConstantOfShape", &["shape"], &["v0"], &[("value", one)]);
        for k in 0..nodes {
            let (from, to) = (format!("v{k}"), format!("v{}", k + 1));
            model = model.node("Add", &[&from, &from], &[&to], &[]);
        }
        model.node("Relu", &["x"], &["y"], &[]).output("y")
    };
    assert!(bomb(1 << 20, 2).import_with(&Default::default()).is_ok());
    assert!(bomb(1 << 24, 1).problems()[0].starts_with("E_LIMIT"), "128 MiB in one value");
    assert!(bomb(1 << 22, 20).problems()[0].starts_with("E_LIMIT"), "32 MiB in each of 20");
}

#[test]
fn values_have_a_largest_size() {
    let bomb = Model::new(13).input("x", &[1]).weight("shape", ints(&[1 << 20, 1 << 20]));
    let bomb = bomb.node("ConstantOfShape", &["shape"], &["y"], &[]).output("y");
    assert!(bomb.problems()[0].starts_with("E_LIMIT"));
    let pad = Model::new(13).input("x", &[2]).weight("pads", ints(&[1 << 40, 1 << 40]));
    let edge = [("mode", super::Value::Text("edge"))];
    let pad = pad.node("Pad", &["x", "pads"], &["y"], &edge).output("y");
    assert!(pad.problems()[0].starts_with("E_LIMIT"));
}

#[test]
fn integers_divide_without_traps() {
    let divide = |a: i64, b: i64| {
        let model = Model::new(13).input("x", &[1]).weight("a", ints(&[a])).weight("b", ints(&[b]));
        let model = model.node("Div", &["a", "b"], &["n"], &[]).node("Reshape", &["x", "n"], &["y"], &[]);
        model.output("y")
    };
    assert_eq!(divide(7, 5).result(&[counting(&[1])]).0, [1]);
    assert!(divide(i64::MIN, -1).problems()[0].contains("negative dimension"));
    assert!(divide(1, 0).problems()[0].contains("an integer is divided by the constant 0"));
}

#[test]
fn constants_that_only_folding_reads_are_gone() {
    let model = Model::new(13).input("x", &[1, 2]).weight("shape", ints(&[2])).weight("w", counting(&[2]));
    let model =
        model.node("Reshape", &["x", "shape"], &["flat"], &[]).node("Add", &["flat", "w"], &["y"], &[]);
    let module = model.output("y").import();
    let names: Vec<&str> = module.weights.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["w"]);
}

#[test]
fn gather_checks_constant_indices() {
    let gather = |index: i64| {
        let model = Model::new(13).input("x", &[4]).weight("i", ints(&[index]));
        model.node("Gather", &["x", "i"], &["y"], &[]).output("y")
    };
    assert_eq!(gather(-4).result(&[counting(&[4])]).1, [1.0]);
    assert!(gather(4).problems()[0].contains("index 4 is out of range: there are 4 elements along its axis"));
    let unset =
        Model::new(13).input("x", &[4]).node("Elu", &["x"], &["y"], &[("alpha", Float(2.0))]).output("y");
    assert!(unset.text().contains("elu %x, alpha=2"));
}
