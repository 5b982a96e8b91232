//! Export: what is written imports as the same graph with the same elements and computes the same bits.

use super::{counting, tensor};
use crate::onnx::export::{export, export_file, export_within};
use crate::onnx::{ImportOptions, import, import_file};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::{Expr, Module, Tensor, Weights, text, verify};

/// Operators with each attribute away from its default.
const OPERATORS: &str = "\
graph @operators(%x: f32[1,4,6,8], %i: i64[3]) {
  %w: f32[6,2,3,2] = const rand(1)
  %b: f32[6] = const rand(2)
  %conv: f32[1,6,4,3] = conv %x, %w, %b, stride=2x3, pad=[1,2,3,0], dilation=1x2, groups=2
  %max_pool: f32[1,4,3,5] = max_pool %x, kernel=3x2, stride=2, pad=[0,1,1,0], ceil=true
  %avg_pool: f32[1,4,3,4] = avg_pool %x, kernel=3, stride=2, pad=1, count_include_pad=true
  %gamma: f32[4] = const rand(3)
  %var: f32[4] = const rand(4, min=0.5)
  %batch_norm: f32[1,4,6,8] = batch_norm %x, %gamma, %gamma, %gamma, %var, eps=0.001
  %lrn: f32[1,4,6,8] = lrn %x, size=3, alpha=0.1, beta=0.5, bias=2
  %softmax: f32[1,4,6,8] = softmax %x, axis=1
  %matrix: f32[24,8] = reshape %x, shape=[24,8]
  %m: f32[5,24] = const rand(5)
  %c: f32[8,1] = const rand(6)
  %gemm: f32[8,5] = gemm %matrix, %m, %c, trans_a=true, trans_b=true
  %t: f32[8,6] = const rand(7)
  %matmul: f32[1,4,6,6] = matmul %x, %t
  %add: f32[1,4,6,8] = add %x, %batch_norm
  %sub: f32[1,4,6,8] = sub %add, %lrn
  %mul: f32[1,4,6,8] = mul %sub, %x
  %four: f32[] = const splat(4)
  %div: f32[1,4,6,8] = div %mul, %four
  %max: f32[1,4,6,8] = max %div, %x
  %min: f32[1,4,6,8] = min %max, %softmax
  %relu: f32[1,4,6,8] = relu %x
  %clip: f32[1,4,6,8] = clip %x, min=-0.5
  %clip6: f32[1,4,6,8] = clip %x, min=-0.5, max=6
  %leaky: f32[1,4,6,8] = leaky_relu %x, alpha=0.3
  %sigmoid: f32[1,4,6,8] = sigmoid %x
  %tanh: f32[1,4,6,8] = tanh %x
  %elu: f32[1,4,6,8] = elu %x, alpha=0.7
  %exp: f32[1,4,6,8] = exp %x
  %sqrt: f32[1,4,6,8] = sqrt %exp
  %mean: f32[1,4] = reduce_mean %x, axes=[2,3], keep=false
  %most: f32[1,4,1,1] = reduce_max %x, axes=[2,3]
  %sum: f32[1,6,8] = reduce_sum %x, axes=[1], keep=false
  %concat: f32[1,8,6,8] = concat %relu, %tanh, axis=1
  %slice: f32[1,2,6,3] = slice %x, starts=[0,1,5,1], ends=[1,3,-1,8], steps=[1,1,-1,3]
  %part: f32[1,2,6,8] = slice %x, starts=[0,1,0,0], ends=[1,3,6,8]
  %pad: f32[1,4,9,9] = pad %x, before=[0,0,1,0], after=[0,0,2,1], value=-2
  %transpose: f32[4,8,1,6] = transpose %x, perm=[1,3,0,2]
  %gather: f32[1,4,3,8] = gather %x, %i, axis=2
  %cast: i32[1,4,6,8] = cast %x, to=i32
  %resize: f32[1,4,12,4] = resize %x, mode=linear, scales=[1,1,2,0.5], sizes=[1,4,12,4]
  %odd: f32[1,4,5,3] = resize %x, coordinate=asymmetric, nearest=floor, scales=[1,1,0.8333333,0.375], sizes=[1,4,5,3]
  %depth: f32[1,1,12,16] = depth_to_space %x, block=2, mode=crd
  %identity: f32[1,4,6,8] = identity %x
  %dropout: f32[1,4,6,8] = dropout %x
  return %conv, %max_pool, %avg_pool, %gemm, %matmul, %min, %clip, %clip6, %leaky, %sigmoid, %elu, %sqrt, %mean, \
%most, %sum, %concat, %slice, %part, %pad, %transpose, %gather, %cast, %resize, %odd, %depth, %identity, %dropout
}
";

fn parsed(source: &str) -> Module {
    text::parse(source).unwrap_or_else(|error| panic!("{error}"))
}

/// The module after export and import.
fn back(module: &Module) -> Module {
    let bytes = export(module).unwrap_or_else(|problems| panic!("{problems:?}"));
    let module = import(&bytes, &ImportOptions::default()).unwrap_or_else(|problems| panic!("{problems:?}"));
    verify::verify(&module).expect("a valid module");
    module
}

/// What the nodes compute, without the constants, whose place in the order does not count.
fn computed(module: &Module) -> Vec<String> {
    text::print(module).lines().filter(|line| !line.contains(" = const")).map(String::from).collect()
}

/// The results for inputs that count up.
fn run(module: &Module) -> Vec<Tensor> {
    let inputs = module.graph.inputs().iter().map(|&id| {
        let ty = module.graph.ty(id);
        let (dims, halves) = (ty.dims(), ty.dtype.is_float());
        if !halves {
            return tensor(dims, &(0..ty.elements() as i64).collect::<Vec<i64>>());
        }
        let elements: Vec<f32> = (0..ty.elements()).map(|k| (k * 37 % 101) as f32 / 50.0 - 1.0).collect();
        tensor(dims, &elements)
    });
    evaluate(module, &inputs.collect::<Vec<_>>(), Precision::F32).expect("results")
}

/// Export and import change neither the nodes nor a bit of the results.
fn survives(module: &Module) {
    let again = back(module);
    assert_eq!(computed(&again), computed(module));
    assert_eq!((&again.input_names, &again.output_names), (&module.input_names, &module.output_names));
    let (wanted, got) = (run(module), run(&again));
    assert!(wanted.iter().flat_map(|t| t.data().to_f64()).any(|x| x != 0.0));
    assert_eq!(got, wanted);
}

#[test]
fn operators_come_back() {
    survives(&parsed(OPERATORS));
}

#[test]
fn pipes_become_nodes_one_behind_the_other() {
    let module = parsed(
        "graph @pipe(%x: f32[2,3]) {\n  %a: f32[3] = const rand(1)\n  \
         %y: f32[2,3] = exp %x |> rsqrt eps=0.5 |> add %a |> clip max=1.5\n  return %y\n}\n",
    );
    let again = back(&module);
    let ops: Vec<&str> = again.graph.order().iter().map(|&id| again.graph[id].op().name()).collect();
    let nodes: Vec<&str> = ops.into_iter().filter(|op| !["input", "const"].contains(op)).collect();
    assert_eq!(nodes, ["exp", "add", "sqrt", "div", "add", "clip"]);
    assert_eq!(run(&again), run(&module));
}

#[test]
fn constants_of_every_type_keep_their_elements() {
    let module = parsed(
        "graph @types(%x: f32[2]) {\n  %a: i8[3] = const [-128,0,127]\n  %b: u8[2] = const [0,255]\n  \
         %c: i64[1] = const [-5]\n  %d: bool[2] = const [1,0]\n  %e: f64[2] = const rand(1)\n  \
         %f: f32[0] = const splat(1)\n  %g: i32[1,2] = const splat(7)\n  return %a, %b, %c, %d, %e, %f, %g, %x\n}\n",
    );
    let again = back(&module);
    assert_eq!(again.output_names, module.output_names);
    assert_eq!(run(&again), run(&module));
}

#[test]
fn the_callers_names_stay() {
    let mut module = parsed(
        "graph @names(%x: f32[2]) {\n  %y: f32[2] = relu %x\n  %z: f32[2] = exp %y\n  return %z, %y, %z, %x\n}\n",
    );
    module.input_names = vec!["data:0".into()];
    // A result is called as a node in between is.
    module.output_names = ["y", "a b", "twice", "copy"].map(String::from).to_vec();
    let again = back(&module);
    assert_eq!(again.input_names, module.input_names);
    assert_eq!(again.output_names, module.output_names);
    assert_eq!(run(&again), run(&module));
}

#[test]
fn all_that_has_no_form_is_said_at_once() {
    let source = "graph @bad(%x: f32[1,1,4,4]) {\n  %w: f32[2] = const\n  %v: f32[2] = const\n  \
                  %y: f32[1,1,6,6] = resize %x, scales=[1,1,3,3], sizes=[1,1,6,6]\n  return %w, %v, %y\n}\n";
    let problems = export(&parsed(source)).expect_err("problems");
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].contains("%w") && lines[1].contains("%v"), "{lines:?}");
    assert!(lines[2].starts_with("E_UNSUPPORTED node %y (resize)"), "{lines:?}");
}

/// A sum with two weights of 4 KiB and one of 8 bytes.
fn weighty() -> Module {
    let mut module = Module::new(cnnc_ir::Graph::new("weighty"), Weights::default());
    let a = module.constant("a", counting(&[1024]).into()).unwrap();
    let b = module.constant("b", counting(&[1024]).into()).unwrap();
    let c = module.constant("c", tensor(&[1], &[0.5f32]).into()).unwrap();
    let x = module.graph.input("x", module.graph.ty(a).clone()).unwrap();
    module.input_names = vec!["x".into()];
    let mut sum = x;
    for (k, constant) in [a, b, c].into_iter().enumerate() {
        let op = cnnc_ir::ops::Add;
        sum = module.graph.add(&format!("s{k}"), Expr::new(op, vec![sum, constant])).unwrap();
    }
    module.graph.set_outputs(vec![sum]);
    module.output_names = vec!["y".into()];
    module
}

#[test]
fn large_weights_stand_in_a_second_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let module = weighty();
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    export_file(&module, &path).unwrap();
    assert_eq!(files(), 1);
    assert_eq!(std::fs::read(&path).unwrap(), export(&module).unwrap());
    export_within(&module, &path, 8191).unwrap();
    assert_eq!(files(), 2);
    assert!(std::fs::metadata(&path).unwrap().len() < 1024);
    assert_eq!(std::fs::metadata(folder.path().join("net.onnx.data")).unwrap().len(), 8192);
    let again = import_file(&path, &ImportOptions::default()).unwrap();
    assert_eq!(run(&again), run(&module));
}

#[test]
fn an_error_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("absent").join("net.onnx");
    let problems = export_within(&weighty(), &nowhere, 0).expect_err("no folder");
    assert!(problems[0].to_string().starts_with("E_IO"), "{problems:?}");
    let unset = parsed("graph @g(%x: f32[2]) {\n  %w: f32[2] = const\n  return %w\n}\n");
    export_within(&unset, &folder.path().join("net.onnx"), 0).expect_err("no elements");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
