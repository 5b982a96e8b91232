//! One graph with every operator: it prints back, and its values agree in both precisions.

use cnnc_ir::eval::{Precision, evaluate_with};
use cnnc_ir::{Op, text};
use std::collections::{HashMap, HashSet};

/// Every operator, each attribute once at least with another value than its default.
const EVERY: &str = "\
graph @every(%in: f32[1,1]) {
  %x: f32[2,4,7,6] = const rand(1)
  %p: f32[2,4,7,6] = const rand(2, min=0.5, max=2)
  %w: f32[6,2,3,2] = const rand(3)
  %k: f32[4,3,3,2] = const rand(8)
  %b: f32[6] = const rand(4)
  %a: f32[5,7] = const rand(5)
  %c: f32[5,3] = const rand(6)
  %s: f32[4] = const rand(7, min=0.5, max=1.5)
  %i: i64[2] = const [2,-1]
  %conv: f32[2,6,4,4] = conv %x, %w, %b, stride=2x1, pad=[1,0,2,1], dilation=1x3, groups=2
  %conv_transpose: f32[2,6,14,9] = \
conv_transpose %x, %k, %b, stride=2x1, pad=[1,0,2,1], dilation=1x3, extra=2x1, groups=2
  %gemm: f32[7,3] = gemm %a, %c, trans_a=true
  %gemm_t: f32[5,5] = gemm %a, %a, trans_b=true
  %t: f32[2,4,6,7] = transpose %x, perm=[0,1,3,2]
  %matmul: f32[2,4,7,7] = matmul %x, %t
  %add: f32[2,4,7,6] = add %x, %p
  %sub: f32[2,4,7,6] = sub %x, %p
  %mul: f32[2,4,7,6] = mul %x, %p
  %div: f32[2,4,7,6] = div %x, %p
  %max: f32[2,4,7,6] = max %x, %p
  %min: f32[2,4,7,6] = min %x, %p
  %relu: f32[2,4,7,6] = relu %x
  %clip: f32[2,4,7,6] = clip %x, min=-0.25, max=0.5
  %leaky_relu: f32[2,4,7,6] = leaky_relu %x, alpha=0.3
  %sigmoid: f32[2,4,7,6] = sigmoid %x
  %tanh: f32[2,4,7,6] = tanh %x
  %elu: f32[2,4,7,6] = elu %x, alpha=0.7
  %exp: f32[2,4,7,6] = exp %x
  %sqrt: f32[2,4,7,6] = sqrt %p
  %rsqrt: f32[2,4,7,6] = rsqrt %p, eps=0.001
  %sin: f32[2,4,7,6] = sin %x
  %cos: f32[2,4,7,6] = cos %x
  %tan: f32[2,4,7,6] = tan %x
  %sinh: f32[2,4,7,6] = sinh %x
  %cosh: f32[2,4,7,6] = cosh %x
  %asinh: f32[2,4,7,6] = asinh %x
  %atan: f32[2,4,7,6] = atan %x
  %erf: f32[2,4,7,6] = erf %x
  %softplus: f32[2,4,7,6] = softplus %x
  %floor: f32[2,4,7,6] = floor %x
  %ceil: f32[2,4,7,6] = ceil %x
  %round: f32[2,4,7,6] = round %x
  %abs: f32[2,4,7,6] = abs %x
  %neg: f32[2,4,7,6] = neg %x
  %sign: f32[2,4,7,6] = sign %x
  %asin: f32[2,4,7,6] = asin %sin
  %acos: f32[2,4,7,6] = acos %sin
  %atanh: f32[2,4,7,6] = atanh %sin
  %acosh: f32[2,4,7,6] = acosh %cosh
  %log: f32[2,4,7,6] = log %p
  %prelu: f32[2,4,7,6] = prelu %x, %p
  %pow: f32[2,4,7,6] = pow %p, %x
  %mod: f32[2,4,7,6] = mod %x, %p, truncated=true
  %equal: bool[2,4,7,6] = equal %x, %p
  %less: bool[2,4,7,6] = less %x, %p
  %less_equal: bool[2,4,7,6] = less_equal %x, %p
  %is_nan: bool[2,4,7,6] = is_nan %x
  %is_inf: bool[2,4,7,6] = is_inf %x, negative=false, positive=false
  %and: bool[2,4,7,6] = and %less, %equal
  %or: bool[2,4,7,6] = or %less, %equal
  %xor: bool[2,4,7,6] = xor %less, %equal
  %not: bool[2,4,7,6] = not %less
  %select: f32[2,4,7,6] = select %less, %x, %p
  %u: u8[2] = const [3,200]
  %shift: u8[2] = shift %u, %u, right=true
  %batch_norm: f32[2,4,7,6] = batch_norm %x, %s, %s, %s, %s, eps=0.001
  %lrn: f32[2,4,7,6] = lrn %x, size=3, alpha=0.1, beta=0.5, bias=2
  %softmax: f32[2,4,7,6] = softmax %x, axis=1
  %max_pool: f32[2,4,5,3] = max_pool %x, kernel=3x2, stride=2, pad=[2,0,1,1], dilation=1x2, ceil=true
  %arg_max_pool: i64[2,4,5,3] = \
arg_max_pool %x, kernel=3x2, stride=2, pad=[2,0,1,1], dilation=1x2, ceil=true, column_major=true
  %avg_pool: f32[2,4,4,6] = \
avg_pool %x, kernel=2, stride=2x1, pad=1, dilation=1x2, ceil=true, count_include_pad=true
  %reduce_mean: f32[2,4] = reduce_mean %x, axes=[2,3], keep=false
  %reduce_max: f32[2,1,7,1] = reduce_max %x, axes=[3,1]
  %reduce_min: f32[2,1,7,1] = reduce_min %x, axes=[3,1]
  %reduce_sum: f32[2,7,6] = reduce_sum %x, axes=[1], keep=false
  %reduce_sum_square: f32[2,7,6] = reduce_sum_square %x, axes=[1], keep=false
  %reduce_prod: f32[2,4,1,6] = reduce_prod %x, axes=[2]
  %arg_max: i64[2,7,6] = arg_max %x, axis=1, keep=false, least=true, last=true
  %top_k: f32[2,4,7,3] = top_k %x, axis=3, k=3
  %top_k_places: i64[2,4,1,6] = top_k %x, axis=2, least=true, places=true
  %cum_sum: f32[2,4,7,6] = cum_sum %x, axis=2, exclusive=true, reverse=true
  %concat: f32[2,8,7,6] = concat %x, %p, axis=1
  %slice: f32[1,4,3,6] = slice %x, starts=[0,3,1,0], ends=[1,-1,6,6], steps=[1,-1,2,1]
  %pad: f32[2,4,8,9] = pad %x, before=[0,0,1,0], after=[0,0,0,3], value=-1.5
  %reshape: f32[8,42] = reshape %x, shape=[8,42]
  %gather: f32[2,4,2,6] = gather %x, %i, axis=2
  %cast: i32[2,4,7,6] = cast %p, to=i32
  %resize: f32[2,4,10,3] = \
resize %x, mode=linear, coordinate=pytorch_half_pixel, scales=[1,1,1.5,0.5], sizes=[2,4,10,3]
  %nearest: f32[2,4,10,3] = \
resize %x, coordinate=asymmetric, nearest=ceil, scales=[1,1,1.5,0.5], sizes=[2,4,10,3]
  %cubic: f32[2,4,9,3] = \
resize %x, mode=cubic, coordinate=half_pixel_symmetric, cubic=-0.5, antialias=true, exclude_outside=true, \
scales=[1,1,1.3,0.5], sizes=[2,4,9,3]
  %crop: f32[2,4,7,3] = \
resize %x, mode=linear, coordinate=crop, crop=[0,0,0,0.25,1,1,1,1.5], value=2, scales=[1,1,1,0.5], sizes=[2,4,7,3]
  %g: f32[2,3,5,2] = const rand(8, min=-1.5, max=1.5)
  %grid_sample: f32[2,4,3,5] = grid_sample %x, %g, mode=cubic, beyond=mirror, corners=true
  %expand: f32[3,2,4,7,6] = expand %x, shape=[3,2,4,7,6]
  %places: i64[2,4,7,2] = const rand(9, min=-6, max=5)
  %updates: f32[2,4,7,2] = const rand(10)
  %gather_elements: f32[2,4,7,2] = gather_elements %x, %places, axis=3
  %tuples: i64[2,3,2] = const rand(11, min=-4, max=3)
  %gather_nd: f32[2,3,6] = gather_nd %x, %tuples, batch=1
  %scatter_elements: f32[2,4,7,6] = scatter_elements %x, %places, %updates, axis=3, reduction=add
  %blocks: f32[2,3,6] = const rand(12)
  %corner: i64[2,3,3] = const rand(13, min=-2)
  %scatter_nd: f32[2,4,7,6] = scatter_nd %x, %corner, %blocks, reduction=max
  %step: f32[] = const splat(0.0078125)
  %zero: u8[] = const splat(3)
  %quantize: u8[2,4,7,6] = quantize %p, %step, %zero
  %dequantize: f32[2,4,7,6] = dequantize %quantize, %step, %zero
  %bytes: u8[6,2,3,2] = const rand(14, min=0, max=256)
  %conv_integer: i32[2,6,4,4] = \
conv_integer %quantize, %bytes, %zero, %zero, stride=2x1, pad=[1,0,2,1], dilation=1x3, groups=2
  %requantize: u8[2,6,4,4] = requantize %conv_integer, %step, %zero
  %quantize_t: u8[2,4,6,7] = transpose %quantize, perm=[0,1,3,2]
  %matmul_integer: i32[2,4,7,7] = matmul_integer %quantize, %quantize_t, %zero, %zero
  %depth_to_space: f32[2,1,14,12] = depth_to_space %x, block=2, mode=crd
  %identity: f32[2,4,7,6] = identity %x
  %dropout: f32[2,4,7,6] = dropout %x
  return %x
}
";

#[test]
fn prints_back() {
    let module = text::parse(EVERY).unwrap();
    assert_eq!(text::print(&module), EVERY);
    let used: HashSet<&str> = module.graph.order().iter().map(|&id| module.graph[id].op().name()).collect();
    assert_eq!(used, Op::NAMES.iter().copied().collect(), "the graph must have every operator");
}

#[test]
fn precisions_agree() {
    let module = text::parse(EVERY).unwrap();
    cnnc_ir::verify::verify(&module).unwrap();
    let input = cnnc_ir::Tensor::of(&module.graph.ty(module.graph.inputs()[0]).shape, vec![1f32]);
    let mut single = HashMap::new();
    let inputs = [input];
    evaluate_with(&module, &inputs, Precision::F32, |id, value| {
        assert_eq!(value.ty(), *module.graph.ty(id));
        single.insert(id, value.data().to_f64());
    })
    .unwrap();
    let mut compared = 0;
    evaluate_with(&module, &inputs, Precision::F64, |id, value| {
        assert_eq!(value.shape(), &module.graph.ty(id).shape);
        for (&f64, &f32) in value.data().to_f64().iter().zip(&single[&id]) {
            let name = module.graph[id].name();
            assert!((f64 - f32).abs() <= 1e-5 * f64.abs().max(1.0), "%{name}: {f32} in f32, {f64} in f64");
            compared += 1;
        }
    })
    .unwrap();
    let elements: usize = module.graph.order().iter().map(|&id| module.graph.ty(id).elements()).sum();
    assert_eq!(compared, elements);
}

#[test]
fn costs() {
    let module = text::parse(
        "graph @g(%x: f32[1,4,8,8]) {\n  %w: f32[6,2,3,3] = const rand(1)\n  %b: f32[6] = const rand(2)\n  \
         %i: i64[1] = const [0]\n  %y: f32[1,6,8,8] = conv %x, %w, %b, pad=1, groups=2 |> relu\n  \
         %z: f32[1,6,4,4] = max_pool %y, kernel=2, stride=2\n  return %z\n}\n",
    )
    .unwrap();
    let cost = |name: &str| module.graph.cost(module.graph.find(name).unwrap());
    assert_eq!((cost("y").macs, cost("y").flops), (6 * 64 * 18, 6 * 64));
    assert_eq!((cost("z").macs, cost("z").flops), (0, 6 * 16 * 4));
    let total = module.total_cost();
    assert_eq!((total.macs, total.flops), (6 * 64 * 18, 6 * 64 + 6 * 16 * 4));
    assert_eq!(module.parameters(), 6 * 18 + 6);
}

#[test]
fn padding_cuts_what_a_transpose_costs() {
    for (pad, size, macs) in [("pad=6", 2, 8 * 4 * 16 * 49), ("pad=0", 14, 16 * 64 * 8 * 49)] {
        let module = text::parse(&format!(
            "graph @g(%x: f32[1,16,8,8]) {{\n  %w: f32[16,8,7,7] = const rand(1)\n  \
             %y: f32[1,8,{size},{size}] = conv_transpose %x, %w, {pad}\n  return %y\n}}\n",
        ));
        assert_eq!(module.unwrap().total_cost().macs, macs, "{pad}");
    }
}

#[test]
fn quantised_weights_are_parameters() {
    let module = text::parse(
        "graph @g(%x: u8[1,4,8,8], %r: f32[1,4,8,8]) {\n  %v: i8[2,4,3,3] = const splat(1)\n  \
         %a: u8[] = const splat(0)\n  %b: i8[2,1,1,1] = const splat(0)\n  %s: f32[2,1,1,1] = const splat(0.5)\n  \
         %y: i32[1,2,6,6] = conv_integer %x, %v, %a, %b\n  %w: i8[2,4,3,3] = const splat(2)\n  \
         %d: f32[2,4,3,3] = dequantize %w, %s, %b\n  %z: f32[1,2,6,6] = conv %r, %d\n  return %y, %z\n}\n",
    )
    .unwrap();
    assert_eq!(module.parameters(), 2 * 72, "without scales and zero points");
}
