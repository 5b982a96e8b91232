//! What inference refuses: the message, on the line of the node.

use cnnc_ir::text;

/// Values that the wrong lines read.
const HEAD: &str = "\
graph @wrong(%x: f32[1,4,8,8], %m: f32[2,3], %v: f32[4], %n: i64[2,3], %e: f32[1,4,0,8], %q: f32[5,1,3,3], \
%t: bool[2,3]) {
  %w: f32[6,4,3,3] = const rand(1)
  %k: f32[4,3,3,3] = const rand(2)
";

/// A wrong expression and what is said about it.
const WRONG: &[(&str, &str)] = &[
    ("conv %x, %m", "conv: (C1): x f32[1,4,8,8] and w f32[2,3] must be real and of rank 4"),
    (
        "conv %x, %w, groups=2",
        "conv: (C2): input f32[1,4,8,8] has 4 channels, weight f32[6,4,3,3] with groups=2 expects 8",
    ),
    ("conv %x, %w, groups=-1", "groups must be a count"),
    ("conv %x, %w, %v", "conv: (C3): bias f32[4] must be [6], one element for each output channel"),
    (
        "conv %x, %w, stride=0",
        "conv: (W1): kernel 3x3, stride 0x0, dilation 1x1: all must be positive, at most 1048576",
    ),
    (
        "conv %x, %w, dilation=5x1, pad=1",
        "conv: (W2): a 3x3 kernel with dilation 5x1 does not fit into f32[1,4,8,8] padded by 2x2",
    ),
    ("conv %x", "conv takes 2 to 3 operands, not 1"),
    (
        "conv_transpose %x, %m",
        "conv_transpose: (C1): x f32[1,4,8,8] and w f32[2,3] must be real and of rank 4",
    ),
    (
        "conv_transpose %x, %w",
        "conv_transpose: (C2): x f32[1,4,8,8] and w f32[6,4,3,3] must have as many channels, \
         a positive multiple of groups=1",
    ),
    (
        "conv_transpose %q, %q, %v",
        "conv_transpose: (C2): x f32[5,1,3,3] and w f32[5,1,3,3] must have as many channels, \
         a positive multiple of groups=1",
    ),
    (
        "conv_transpose %x, %k, %v",
        "conv_transpose: (C2): bias f32[4] must be [3], one element for each output channel",
    ),
    (
        "conv_transpose %x, %k, stride=0x1",
        "conv_transpose: (C3): kernel 3x3, stride 0x1, dilation 1x1: all must be positive, and as extra 0x0 and \
         padding 0x0 at most 1048576",
    ),
    (
        "conv_transpose %x, %k, pad=5",
        "conv_transpose: (C4): x f32[1,4,8,8] spread by a 3x3 kernel with stride 1x1 less padding 10x10 \
         leaves nothing",
    ),
    ("gemm %m, %n", "gemm: (C1): a f32[2,3] and b i64[2,3] must be real matrices"),
    (
        "gemm %m, %m",
        "gemm: (C2): a f32[2,3] with trans_a=false has 3 columns, b f32[2,3] with trans_b=false has 2 rows",
    ),
    ("gemm %m, %m, %v, trans_b=true", "gemm: (C3): c f32[4] does not broadcast to the product f32[2,2]"),
    (
        "matmul %v, %m",
        "matmul: (C1): a f32[4] and b f32[2,3] must be real, of one type and of rank 2 at least",
    ),
    ("matmul %m, %m", "matmul: (C2): a f32[2,3] has 3 columns, b f32[2,3] has 2 rows"),
    (
        "matmul %w, %q",
        "matmul: (C3): shapes [6,4] and [5,1] do not broadcast: extents differ and neither is 1",
    ),
    ("add %m, %n", "add: (C1): operands are f32[2,3] and i64[2,3]: both must have one element type"),
    ("add %m, %v", "add: (C2): shapes [2,3] and [4] do not broadcast: extents differ and neither is 1"),
    ("relu %n", "relu: (C1): the operand i64[2,3] is not real"),
    ("abs %t", "abs: (C1): the operand bool[2,3] is no number"),
    ("less %m, %n", "less: (C1): operands are f32[2,3] and i64[2,3]: both must have one element type"),
    ("and %m, %m", "and: (C3): the operands are f32, they must be bool or integers"),
    ("pow %t, %t", "pow: (C3): the operands are bool, they must be numbers"),
    ("mod %t, %t", "mod: (C3): the operands are bool, they must be numbers"),
    ("shift %m, %m", "shift: (C3): the operands are f32, they must be integers"),
    ("select %m, %m, %m", "select: (C1): the condition is f32[2,3], it must be bool"),
    (
        "select %t, %m, %n",
        "select: (C2): operands are f32[2,3] and i64[2,3]: both must have one element type",
    ),
    (
        "select %t, %m, %v",
        "select: (C3): shapes [2,3] and [4] do not broadcast: extents differ and neither is 1",
    ),
    ("relu %m |> less %m", "less cannot be a stage: it changes f32[2,3] to bool[2,3]"),
    ("clip %x, min=NaN", "clip: (C2): bounds NaN and inf must be numbers"),
    (
        "batch_norm %x, %v, %v, %m, %v",
        "batch_norm: (C2): mean f32[2,3] must be [4], the channels of x f32[1,4,8,8]",
    ),
    (
        "batch_norm %v, %v, %v, %v, %v",
        "batch_norm: (C1): x f32[4] and its statistics must be real, x of rank 2 at least",
    ),
    ("lrn %v, size=3", "lrn: (C1): x f32[4] must be real, of rank 2 at least"),
    ("lrn %x", "lrn: (C2): a region of 0 channels: size must be positive"),
    ("softmax %n, axis=0", "softmax: (C1): x i64[2,3] is not real"),
    ("softmax %m", "softmax: (C2): axis -1 is none of the 2 dimensions of f32[2,3], counted from 0"),
    ("max_pool %m, kernel=2", "max_pool: (C1): x f32[2,3] must be of rank 4"),
    ("max_pool %e, kernel=2, pad=1", "max_pool: (C2): the planes of x f32[1,4,0,8] have no elements"),
    (
        "max_pool %x",
        "max_pool: (W1): kernel 0x0, stride 1x1, dilation 1x1: all must be positive, at most 1048576",
    ),
    (
        "avg_pool %x, kernel=9",
        "avg_pool: (W2): a 9x9 kernel with dilation 1x1 does not fit into f32[1,4,8,8] padded by 0x0",
    ),
    (
        "avg_pool %x, kernel=2x3, pad=[0,2,2,0]",
        "avg_pool: (W3): padding [0,2,2,0] is not smaller than the 2x3 kernel with dilation 1x1",
    ),
    ("avg_pool %n, kernel=1", "avg_pool: (C1): x i64[2,3] is not real"),
    ("max_pool %t, kernel=1", "max_pool: (C1): x bool[2,3] is not of numbers"),
    (
        "arg_max_pool %x, kernel=2, pad=2",
        "arg_max_pool: (W3): padding [2,2,2,2] is not smaller than the 2x2 kernel with dilation 1x1",
    ),
    ("reduce_sum %t, axes=[0]", "reduce_sum: (C1): x bool[2,3] is not of numbers"),
    ("reduce_mean %m", "reduce_mean: (C2): no axes are given"),
    (
        "reduce_max %m, axes=[2]",
        "reduce_max: (C2): axis 2 is none of the 2 dimensions of f32[2,3], counted from 0",
    ),
    ("reduce_max %m, axes=[1,1]", "reduce_max: (C2): axis 1 stands there twice"),
    ("arg_max %m", "arg_max: (C1): axis -1 is none of the 2 dimensions of f32[2,3], counted from 0"),
    ("arg_max %e, axis=2", "arg_max: (C2): axis 2 of x f32[1,4,0,8] has no elements"),
    ("top_k %m, axis=2", "top_k: (C1): axis 2 is none of the 2 dimensions of f32[2,3], counted from 0"),
    ("top_k %m, axis=0, k=3", "top_k: (C2): 3 elements along axis 0 of x f32[2,3]: k is too great"),
    ("cum_sum %t, axis=0", "cum_sum: (C1): x bool[2,3] is not of numbers"),
    ("cum_sum %m", "cum_sum: (C2): axis -1 is none of the 2 dimensions of f32[2,3], counted from 0"),
    ("concat axis=0", "concat takes at least 1 operands, not 0"),
    ("concat %m, %m", "concat: (C1): axis -1 is none of the 2 dimensions of f32[2,3], counted from 0"),
    (
        "concat %m, %n, axis=0",
        "concat: (C2): f32[2,3] and i64[2,3] differ in more than their extents along axis 0",
    ),
    (
        "slice %m, starts=[0], ends=[1]",
        "slice: (C1): 1 starts, 1 ends and 0 steps for the 2 dimensions of x f32[2,3]",
    ),
    ("slice %v, starts=[0], ends=[1], steps=[0]", "slice: (C2): the step along dimension 0 is 0"),
    (
        "slice %v, starts=[1], ends=[5]",
        "slice: (C3): 1..5 by 1 leaves the 4 elements along dimension 0 of x f32[4]",
    ),
    (
        "slice %v, starts=[4], ends=[0], steps=[-1]",
        "slice: (C3): 4..0 by -1 leaves the 4 elements along dimension 0 of x f32[4]",
    ),
    (
        "pad %v, before=[-1], after=[0]",
        "pad: (C1): before=[-1] and after=[0] are no counts for the 1 dimensions of x f32[4]",
    ),
    (
        "pad %v, before=[9223372036854775807], after=[0]",
        "pad: (C2): shape [9223372036854775811] has more elements than memory can hold",
    ),
    ("reshape %m, shape=[7]", "reshape: (C2): x f32[2,3] has 6 elements, shape [7] has 7"),
    ("reshape %m, shape=[-1,6]", "reshape: (C1): shape=[-1, 6]: shape has a negative extent"),
    (
        "transpose %m, perm=[1,1]",
        "transpose: (C1): perm=[1, 1] does not name each of the 2 dimensions of x f32[2,3] once",
    ),
    ("gather %m, %n, axis=3", "gather: (C1): axis 3 is none of the 2 dimensions of f32[2,3], counted from 0"),
    ("gather %m, %v", "gather: (C2): the indices f32[4] must be i64 or i32"),
    ("gather %e, %n, axis=2", "gather: (C3): x f32[1,4,0,8] has no elements along axis 2"),
    ("resize %m, scales=[1,2]", "resize: (C1): 2 scales and 0 sizes for the 2 dimensions of x f32[2,3]"),
    (
        "resize %m, scales=[1,NaN], sizes=[2,6]",
        "resize: (C1): scales=[1.0, NaN]: all must be finite and positive",
    ),
    (
        "resize %m, scales=[inf,1], sizes=[2,6]",
        "resize: (C1): scales=[inf, 1.0]: all must be finite and positive",
    ),
    ("resize %m, scales=[1,2], sizes=[2,-6]", "resize: (C1): sizes=[2, -6]: shape has a negative extent"),
    (
        "resize %e, scales=[1,1,1,1], sizes=[1,4,1,1]",
        "resize: (C2): x f32[1,4,0,8] has no elements to make [1,4,1,1] from",
    ),
    (
        "resize %n, mode=linear, scales=[1,1], sizes=[2,3]",
        "resize: (C3): x i64[2,3] is not real, mode=linear takes reals",
    ),
    ("depth_to_space %m, block=2", "depth_to_space: (C1): x f32[2,3] must be of rank 4"),
    (
        "depth_to_space %x, block=3",
        "depth_to_space: (C2): 4 channels are no multiple of the square of a positive block=3",
    ),
    (
        "depth_to_space %x, block=-2",
        "depth_to_space: (C2): 4 channels are no multiple of the square of a positive block=-2",
    ),
    ("relu %x |> reshape shape=[256]", "reshape cannot be a stage: it is not element-wise"),
    ("reshape %v, shape=[4,1,1] |> add %x", "add cannot be a stage: it changes f32[4,1,1] to f32[1,4,8,8]"),
    ("cast %x, to=f8", "to must be an element type"),
    (
        "resize %v, mode=linear, antialias=true, scales=[0.5], sizes=[1]",
        "resize: (C4): sizes=[1] are not x f32[4] times scales=[0.5]",
    ),
    (
        "resize %v, coordinate=crop, crop=[0], scales=[0.5], sizes=[2]",
        "resize: (C1): crop=[0.0], cubic=-0.75: there must be 2 corners, all finite",
    ),
    ("top_k %x, axis=1, k=-3", "k must be a count"),
    ("gather_nd %x, %n, batch=-1", "batch must be a count"),
    ("resize %x, mode=sharp", "mode must be one of nearest, linear, cubic"),
    ("expand %m, shape=[2]", "expand: (C1): x f32[2,3] does not broadcast to [2]"),
    (
        "gather_elements %m, %n, axis=2",
        "gather_elements: (C1): axis 2 is none of the 2 dimensions of f32[2,3], counted from 0",
    ),
    (
        "gather_elements %v, %n",
        "gather_elements: (C3): the indices i64[2,3] leave x f32[4] along other dimensions than axis 0",
    ),
    (
        "gather_nd %m, %n, batch=1",
        "gather_nd: (C3): tuples of 3 indices do not name elements of the dimensions [3]",
    ),
    (
        "gather_nd %x, %n, batch=1",
        "gather_nd: (C1): x f32[1,4,8,8] and indices i64[2,3] do not share 1 dimensions",
    ),
    (
        "scatter_elements %m, %n, %n",
        "scatter_elements: (C5): x f32[2,3] cannot be combined with updates i64[2,3] \
     by reduction=replace",
    ),
    (
        "scatter_elements %t, %n, %t, reduction=add",
        "scatter_elements: (C5): x bool[2,3] cannot be combined with \
     updates bool[2,3] by reduction=add",
    ),
    ("scatter_nd %x, %n, %v", "scatter_nd: (C6): the updates are f32[4], they must be f32[2,8]"),
    (
        "grid_sample %x, %x",
        "grid_sample: (C2): grid f32[1,4,8,8] does not give places in the dimensions of \
     x f32[1,4,8,8] behind the first two",
    ),
    ("quantize %m, %n, %n", "quantize: (C1): x f32[2,3] and scale i64[2,3] must be real, of one type"),
    ("quantize %m, %m, %n", "quantize: (C2): zero i64[2,3] must be u8, i8, u16 or i16"),
    (
        "dequantize %n, %m, %n",
        "dequantize: (C1): x i64[2,3] and zero i64[2,3] must be u8, i8, u16, i16 or i32, \
     of one type",
    ),
    ("requantize %m, %m, %n", "requantize: (C1): x f32[2,3] must be i32, and scale f32[2,3] real"),
    (
        "conv_integer %x, %w, %v, %v",
        "conv_integer: (C4): f32[1,4,8,8] and its zero point f32[4] must be u8 or i8, \
     of one type",
    ),
    ("transpose %x, perm=[0,1.5]", "perm must be a list of integers"),
    ("lrn %x, size=18446744073709551616", "size must be a count"),
];

#[test]
fn messages() {
    for (wrong, message) in WRONG {
        let text = format!("{HEAD}  %y: f32[1] = {wrong}\n  return %y\n}}\n");
        let error = text::parse(&text).err().unwrap_or_else(|| panic!("{wrong} is accepted"));
        assert_eq!((error.message.as_str(), error.line), (*message, 4), "{wrong}");
    }
}
