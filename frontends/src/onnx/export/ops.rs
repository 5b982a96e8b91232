//! How ONNX spells each operator: the inverse of [`ops`](crate::onnx::ops), for one operator set.
//!
//! An operator becomes calls that run one behind the other: the first takes its operands, each other one the
//! result before it, and all of them the constants that they name.

use super::call::Call;
use crate::onnx::diagnostic::{Fault, ensure, fail, fault};
use crate::onnx::tensor;
use cnnc_ir::attrs::Keyword;
use cnnc_ir::ops::{Beyond, Clip, Coordinate, DepthMode, GridSample, Padding, Reduction, Resize, Slice};
use cnnc_ir::{DType, Op, Type};

/// What is said of forms that ONNX has, but not in the operator set that is written.
const NEWER: &str = "has a form in ONNX from opset 28 on, which is newer than what is written";

/// Operators without attributes: our word, and that of ONNX.
const PLAIN: [(&str, &str); 41] = [
    ("abs", "Abs"),
    ("acos", "Acos"),
    ("acosh", "Acosh"),
    ("add", "Add"),
    ("asin", "Asin"),
    ("asinh", "Asinh"),
    ("atan", "Atan"),
    ("atanh", "Atanh"),
    ("ceil", "Ceil"),
    ("cos", "Cos"),
    ("cosh", "Cosh"),
    ("div", "Div"),
    ("dropout", "Dropout"),
    ("equal", "Equal"),
    ("erf", "Erf"),
    ("exp", "Exp"),
    ("floor", "Floor"),
    ("identity", "Identity"),
    ("is_nan", "IsNaN"),
    ("less", "Less"),
    ("less_equal", "LessOrEqual"),
    ("log", "Log"),
    ("matmul", "MatMul"),
    ("max", "Max"),
    ("min", "Min"),
    ("mul", "Mul"),
    ("neg", "Neg"),
    ("pow", "Pow"),
    ("prelu", "PRelu"),
    ("relu", "Relu"),
    ("round", "Round"),
    ("select", "Where"),
    ("sigmoid", "Sigmoid"),
    ("sign", "Sign"),
    ("sin", "Sin"),
    ("sinh", "Sinh"),
    ("softplus", "Softplus"),
    ("sqrt", "Sqrt"),
    ("sub", "Sub"),
    ("tan", "Tan"),
    ("tanh", "Tanh"),
];

/// The calls of an operator, for operands of these types.
pub(super) fn calls(op: &Op, operands: &[&Type]) -> Result<Vec<Call>, Fault> {
    let x = *operands.first().ok_or_else(|| fault!(E_MODEL, "it has no operands"))?;
    let call = match op {
        Op::And(_) => logic("And", "BitwiseAnd", x),
        Op::ArgMax(a) => {
            let call = Call::new(if a.least { "ArgMin" } else { "ArgMax" }).int("axis", a.axis);
            call.flag("keepdims", a.keep).flag("select_last_index", a.last)
        }
        Op::ArgMaxPool(p) => {
            let pool = Call::new("MaxPool").window(&p.pool.window(), x);
            pool.flag("storage_order", p.column_major).output(1)
        }
        Op::AvgPool(p) => {
            let pool = Call::new("AveragePool").window(&p.window(), x);
            pool.flag("count_include_pad", p.count_include_pad)
        }
        Op::BatchNorm(b) => Call::new("BatchNormalization").float("epsilon", b.eps),
        Op::Cast(c) => Call::new("Cast").int("to", tensor::number(c.to).into()),
        Op::Clip(c) => clip(c, x),
        Op::Concat(c) => Call::new("Concat").int("axis", c.axis),
        Op::Conv(c) => {
            let conv = Call::new("Conv").hw("strides", c.stride).pads(c.pad).hw("dilations", c.dilation);
            conv.int("group", c.groups as i64)
        }
        Op::ConvInteger(c) => {
            let call = Call::new("ConvInteger").hw("strides", c.conv.stride).pads(c.conv.pad);
            call.hw("dilations", c.conv.dilation).int("group", c.conv.groups as i64).flat(&[2, 3])
        }
        Op::ConvTranspose(c) => {
            let call = Call::new("ConvTranspose").hw("strides", c.stride).pads(c.pad);
            let call = call.hw("dilations", c.dilation).hw("output_padding", c.extra);
            call.int("group", c.groups as i64)
        }
        Op::CumSum(c) => {
            let call = Call::new("CumSum").flag("exclusive", c.exclusive).flag("reverse", c.reverse);
            call.index("axis", c.axis)
        }
        Op::Dequantize(_) => along(Call::new("DequantizeLinear"), operands)?,
        Op::DepthToSpace(d) => {
            let mode = if d.mode == DepthMode::Dcr { "DCR" } else { "CRD" };
            Call::new("DepthToSpace").int("blocksize", d.block).word("mode", mode)
        }
        Op::Elu(e) => Call::new("Elu").float("alpha", e.alpha),
        Op::Expand(e) => Call::new("Expand").list("shape", &e.shape),
        Op::Gather(g) => Call::new("Gather").int("axis", g.axis),
        Op::GatherElements(g) => Call::new("GatherElements").int("axis", g.axis),
        Op::GatherNd(g) => Call::new("GatherND").int("batch_dims", g.batch as i64),
        Op::Gemm(g) => Call::new("Gemm").flag("transA", g.trans_a).flag("transB", g.trans_b),
        Op::GridSample(g) => grid_sample(g),
        Op::IsInf(i) => {
            Call::new("IsInf").flag("detect_negative", i.negative).flag("detect_positive", i.positive)
        }
        Op::LeakyRelu(l) => Call::new("LeakyRelu").float("alpha", l.alpha),
        Op::Lrn(l) => {
            let lrn = Call::new("LRN").int("size", l.size as i64);
            lrn.float("alpha", l.alpha).float("beta", l.beta).float("bias", l.bias)
        }
        Op::MatmulInteger(_) => Call::new("MatMulInteger").flat(&[2, 3]),
        Op::MaxPool(p) => Call::new("MaxPool").window(&p.window(), x),
        Op::Modulo(m) => {
            let since_28 = x.dtype.is_float() && !m.truncated;
            ensure!(!since_28, E_UNSUPPORTED, "a remainder of reals that is not truncated {NEWER}");
            Call::new("Mod").flag("fmod", m.truncated)
        }
        Op::Not(_) => logic("Not", "BitwiseNot", x),
        Op::Or(_) => logic("Or", "BitwiseOr", x),
        Op::Padding(p) => padding(p, x),
        Op::Quantize(_) => along(Call::new("QuantizeLinear"), operands)?,
        Op::ReduceMax(r) => Call::new("ReduceMax").flag("keepdims", r.keep).list("axes", &r.axes),
        Op::ReduceMean(r) => Call::new("ReduceMean").flag("keepdims", r.keep).list("axes", &r.axes),
        Op::ReduceMin(r) => Call::new("ReduceMin").flag("keepdims", r.keep).list("axes", &r.axes),
        Op::ReduceProd(r) => Call::new("ReduceProd").flag("keepdims", r.keep).list("axes", &r.axes),
        Op::ReduceSum(r) => Call::new("ReduceSum").flag("keepdims", r.keep).list("axes", &r.axes),
        Op::ReduceSumSquare(r) => Call::new("ReduceSumSquare").flag("keepdims", r.keep).list("axes", &r.axes),
        Op::Reshape(r) => {
            Call::new("Reshape").flag("allowzero", r.shape.contains(&0)).list("shape", &r.shape)
        }
        Op::Resize(r) => resize(r, x)?,
        Op::Rsqrt(r) => {
            let moved = Call::new("Add").number("eps", x.dtype, r.eps);
            return Ok(vec![moved, Call::new("Sqrt"), Call::new("Reciprocal")]);
        }
        Op::ScatterElements(s) => {
            Call::new("ScatterElements").int("axis", s.axis).word("reduction", reduction(s.reduction))
        }
        Op::ScatterNd(s) => Call::new("ScatterND").word("reduction", reduction(s.reduction)),
        Op::Shift(s) => {
            let is_unsigned = matches!(x.dtype, DType::U8 | DType::U16);
            ensure!(is_unsigned, E_UNSUPPORTED, "a shift of signed integers {NEWER}");
            Call::new("BitShift").word("direction", if s.right { "RIGHT" } else { "LEFT" })
        }
        Op::Slice(s) => slice(s),
        Op::Softmax(s) => Call::new("Softmax").int("axis", s.axis),
        Op::TopK(t) => {
            let call = Call::new("TopK").int("axis", t.axis).flag("largest", !t.least).flag("sorted", true);
            call.list("K", &[t.k as i64]).output(t.places.into())
        }
        Op::Transpose(t) => Call::new("Transpose").ints("perm", &t.perm),
        Op::Xor(_) => logic("Xor", "BitwiseXor", x),
        op => match PLAIN.iter().find(|(word, _)| *word == op.name()) {
            Some((_, name)) => Call::new(name),
            None => fail!(E_UNSUPPORTED, "the operator has no form in ONNX"),
        },
    };
    Ok(vec![call])
}

/// Scale and zero point, which are one number, or a list along the one dimension where they change.
fn along(call: Call, operands: &[&Type]) -> Result<Call, Fault> {
    let [x, scale, ..] = operands else { fail!(E_MODEL, "it has no scale") };
    let missing = x.rank().saturating_sub(scale.rank());
    let changing: Vec<usize> = (0..scale.rank()).filter(|&d| scale.dims()[d] != 1).collect();
    let call = call.flat(&[1, 2]);
    match changing[..] {
        [] => Ok(call),
        [d] => Ok(call.int("axis", (missing + d) as i64)),
        _ => {
            fail!(E_UNSUPPORTED, "a scale {scale} that changes along several dimensions has no form in ONNX")
        }
    }
}

/// ONNX has one operator for truth values and one for integers.
fn logic(of_bool: &'static str, of_bits: &'static str, x: &Type) -> Call {
    Call::new(if x.dtype == DType::Bool { of_bool } else { of_bits })
}

fn clip(clip: &Clip, x: &Type) -> Call {
    let bound = |call: Call, name, bound: f32, none: f32| match bound == none {
        true => call.without(name),
        false => call.number(name, x.dtype, bound),
    };
    let above = bound(Call::new("Clip"), "min", clip.min, f32::NEG_INFINITY);
    bound(above, "max", clip.max, f32::INFINITY)
}

fn padding(padding: &Padding, x: &Type) -> Call {
    let pads = [&padding.before[..], &padding.after[..]].concat();
    Call::new("Pad").list("pads", &pads).number("constant_value", x.dtype, padding.value)
}

/// ONNX computes the sizes from the scales or the scales from the sizes; which of them says what ours are is
/// found by doing the same.
fn resize(resize: &Resize, x: &Type) -> Result<Call, Fault> {
    let Resize { mode, coordinate, nearest, scales, sizes, .. } = resize;
    let along = || x.dims().iter().map(|&n| n as f32).zip(scales.iter().zip(sizes));
    let call = Call::new("Resize").word("mode", mode.word());
    let coordinate_word = match coordinate {
        Coordinate::Crop => "tf_crop_and_resize",
        Coordinate::HalfPixelForNn => {
            fail!(E_UNSUPPORTED, "coordinate=half_pixel_for_nn has no form in opset 21")
        }
        coordinate => coordinate.word(),
    };
    let call = call.word("coordinate_transformation_mode", coordinate_word);
    let call = call.word("nearest_mode", nearest.word()).float("cubic_coeff_a", resize.cubic);
    let call = call.flag("antialias", resize.antialias).flag("exclude_outside", resize.exclude_outside);
    let call = call.float("extrapolation_value", resize.value);
    let call = if resize.crop.is_empty() { call.without("roi") } else { call.reals("roi", &resize.crop) };
    if along().all(|(n, (&scale, &size))| (n * scale).floor() as i64 == size) {
        return Ok(call.reals("scales", scales));
    }
    let follows = along().all(|(n, (&scale, &size))| size as f32 / n == scale);
    ensure!(
        follows,
        E_UNSUPPORTED,
        "sizes={sizes:?} of {x} do not follow from scales={scales:?}, nor those from them"
    );
    Ok(call.without("scales").list("sizes", sizes))
}

fn reduction(reduction: Reduction) -> &'static str {
    if reduction == Reduction::Replace { "none" } else { reduction.word() }
}

fn grid_sample(sample: &GridSample) -> Call {
    let beyond = match sample.beyond {
        Beyond::Zero => "zeros",
        Beyond::Border => "border",
        Beyond::Mirror => "reflection",
    };
    let call = Call::new("GridSample").word("mode", sample.mode.word()).word("padding_mode", beyond);
    call.flag("align_corners", sample.corners)
}

fn slice(slice: &Slice) -> Call {
    let step = |d: usize| slice.steps.get(d).copied().unwrap_or(1);
    // ONNX: an end of -1 is the last element; in front of the first lies whatever is small enough.
    let end = |(d, &end): (usize, &i64)| if step(d) < 0 && end < 0 { i64::MIN } else { end };
    let ends: Vec<i64> = slice.ends.iter().enumerate().map(end).collect();
    let axes: Vec<i64> = (0..slice.starts.len() as i64).collect();
    let call = Call::new("Slice").list("starts", &slice.starts).list("ends", &ends).list("axes", &axes);
    if slice.steps.is_empty() { call } else { call.list("steps", &slice.steps) }
}
