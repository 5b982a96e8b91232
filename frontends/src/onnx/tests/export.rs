//! Export: what is written imports as the same graph with the same elements and computes the same bits.

use super::{counting, tensor};
use crate::onnx::export::{export, export_file, export_within};
use crate::onnx::{ImportOptions, import, import_file};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::ops::Op;
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

/// Every operator that works element by element on something else than the sum of two reals.
const ELEMENTS: &str = "\
graph @elements(%x: f32[2,3], %i: i64[2,3], %u: u8[3]) {
  %a: f32[2,3] = abs %x
  %b.Neg: f32[2,3] = neg %a
  %b: f32[2,3] = sign %b.Neg
  %c.Floor: f32[2,3] = floor %x
  %c: f32[2,3] = add %c.Floor, %b
  %d.Ceil: f32[2,3] = ceil %x
  %d.Add: f32[2,3] = add %d.Ceil, %c
  %d: f32[2,3] = round %d.Add
  %log: f32[2,3] = log %a
  %erf.Erf: f32[2,3] = erf %x
  %erf: f32[2,3] = softplus %erf.Erf
  %slope: f32[3] = const rand(1)
  %prelu: f32[2,3] = prelu %x, %slope
  %sin.Sin: f32[2,3] = sin %x
  %sin.Cos: f32[2,3] = cos %sin.Sin
  %sin: f32[2,3] = tan %sin.Cos
  %asin.Asin: f32[2,3] = asin %x
  %asin.Acos: f32[2,3] = acos %asin.Asin
  %asin: f32[2,3] = atan %asin.Acos
  %sinh.Sinh: f32[2,3] = sinh %x
  %sinh.Cosh: f32[2,3] = cosh %sinh.Sinh
  %sinh: f32[2,3] = asinh %sinh.Cosh
  %acosh.Acosh: f32[2,3] = acosh %a
  %acosh: f32[2,3] = atanh %acosh.Acosh
  %pow: f32[2,3] = pow %a, %slope
  %mod: i64[2,3] = mod %i, %i
  %fmod: f32[2,3] = mod %x, %slope, truncated=true
  %equal: bool[2,3] = equal %x, %a
  %less: bool[2,3] = less %x, %slope
  %most: bool[2,3] = less_equal %x, %slope
  %and: bool[2,3] = and %equal, %less
  %or: bool[2,3] = or %equal, %most
  %xor: bool[2,3] = xor %and, %or
  %not: bool[2,3] = not %xor
  %bits: i64[2,3] = and %i, %mod
  %more: i64[2,3] = or %bits, %i
  %odd: i64[2,3] = xor %more, %i
  %none: i64[2,3] = not %odd
  %left: u8[3] = shift %u, %u
  %right: u8[3] = shift %u, %u, right=true
  %nan: bool[2,3] = is_nan %log
  %inf: bool[2,3] = is_inf %log, positive=false
  %select: f32[2,3] = select %less, %x, %erf
  return %d, %log, %erf, %prelu, %sin, %asin, %sinh, %acosh, %pow, %fmod, %not, %none, \
%left, %right, %nan, %inf, %select
}
";

/// Operators that fold, look for, move or quantise elements.
const OTHERS: &str = "\
graph @others(%x: f32[1,4,6,8], %i: i64[3]) {
  %w: f32[4,3,3,2] = const rand(1)
  %transposed: f32[1,6,13,15] = conv_transpose %x, %w, stride=2, pad=[1,0,0,1], extra=1x0, groups=2
  %places: i64[1,4,3,4] = arg_max_pool %x, kernel=2, stride=2, column_major=true
  %square: f32[1,4,8] = reduce_sum_square %x, axes=[2], keep=false
  %prod: f32[1,1,6,8] = reduce_prod %x, axes=[1]
  %least: f32[1,4,6,1] = reduce_min %x, axes=[3]
  %arg: i64[1,6,8] = arg_max %x, axis=1, keep=false, last=true
  %argmin: i64[1,4,1,8] = arg_max %x, axis=2, least=true
  %top: f32[1,4,6,3] = top_k %x, axis=3, k=3
  %topmost: i64[1,2,6,8] = top_k %x, axis=1, k=2, least=true, places=true
  %cum: f32[1,4,6,8] = cum_sum %x, axis=2, exclusive=true, reverse=true
  %wide: f32[3,4,6,8] = expand %x, shape=[3,4,6,8]
  %some: i64[1,1,1,1] = const [2]
  %many: i64[1,4,6,1] = expand %some, shape=[1,4,6,1]
  %picked: f32[1,4,6,1] = gather_elements %x, %many, axis=3
  %two: i64[2] = const [0,3]
  %pairs: i64[1,2] = reshape %two, shape=[1,2]
  %rows: f32[1,6,8] = gather_nd %x, %pairs
  %scattered: f32[1,4,6,8] = scatter_elements %x, %many, %picked, axis=3, reduction=add
  %block: f32[1,4,6,8] = scatter_nd %x, %pairs, %rows, reduction=max
  %grid: f32[1,3,3,2] = const rand(2)
  %sampled: f32[1,4,3,3] = grid_sample %x, %grid, mode=linear, beyond=mirror, corners=true
  %scale: f32[4,1,1] = const rand(3, min=0.01, max=0.1)
  %zero: u8[4,1,1] = const [3,7,128,255]
  %q: u8[1,4,6,8] = quantize %x, %scale, %zero
  %dq: f32[1,4,6,8] = dequantize %q, %scale, %zero
  %one: f32[] = const splat(0.02)
  %none: i8[] = const splat(-3)
  %qw: i8[4,3,3,2] = quantize %w, %one, %none
  %zeros: u8[] = const splat(5)
  %channels: i8[4,1,1,1] = const [1,-1,0,5]
  %slice: u8[1,3,6,8] = slice %q, starts=[0,0,0,0], ends=[1,3,6,8]
  %sums: i32[1,4,4,7] = conv_integer %slice, %qw, %zeros, %channels
  %a: u8[6,8] = const rand(4, min=0, max=255)
  %b: i8[8,5] = const rand(5, min=-128, max=127)
  %products: i32[6,5] = matmul_integer %a, %b, %zeros, %none
  return %transposed, %places, %square, %prod, %least, %arg, %argmin, %top, %topmost, %cum, %wide, %picked, \
%rows, %scattered, %block, %sampled, %dq, %sums, %products
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
        let count = 0..ty.elements();
        let numbers = match ty.dtype.is_float() {
            true => {
                tensor(ty.dims(), &count.map(|k| (k * 37 % 101) as f32 / 50.0 - 1.0).collect::<Vec<f32>>())
            }
            false => tensor(ty.dims(), &count.map(|k| k as i64).collect::<Vec<i64>>()),
        };
        numbers.cast(ty.dtype)
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
    // NaN is NaN too.
    let bits =
        |tensors: &[Tensor]| tensors.iter().map(|t| (t.ty(), t.data().to_le_bytes())).collect::<Vec<_>>();
    assert_eq!(bits(&got), bits(&wanted));
}

#[test]
fn operators_come_back() {
    survives(&parsed(OPERATORS));
    survives(&parsed(ELEMENTS));
    // Places come with what stands there, scales are lists, and constants are computed: the nodes are others.
    let module = parsed(OTHERS);
    assert_eq!(run(&back(&module)), run(&module));
    for name in Op::NAMES {
        // A reciprocal root is three operators, as is seen below; requantize has no form of its own.
        let without = ["input", "const", "rsqrt", "requantize"].contains(name);
        let found = [OPERATORS, ELEMENTS, OTHERS].iter().any(|text| text.contains(&format!(" {name} %")));
        assert!(found || without, "{name} is not exported here");
    }
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

#[test]
fn forms_of_newer_opsets_are_not_written() {
    for (operator, ty) in [("mod", "f32"), ("shift", "i32"), ("shift", "i8")] {
        let source =
            format!("graph @new(%x: {ty}[2]) {{\n  %y: {ty}[2] = {operator} %x, %x\n  return %y\n}}\n");
        let problems = export(&parsed(&source)).expect_err("a problem");
        assert!(problems[0].to_string().contains("from opset 28 on"), "{problems:?}");
    }
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
