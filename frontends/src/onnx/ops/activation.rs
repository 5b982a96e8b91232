//! Activations with attributes, and those that the IR spells with several operators.
//!
//!     Celu(X, alpha=1)                    = relu(X) + alpha * elu(min(X, 0) / alpha)
//!     Elu(X, alpha=1)   LeakyRelu(X, alpha=0.01)
//!     Gelu(X, approximate="none")         = X / 2 * (1 + erf(X / sqrt 2))
//!     Gelu(X, approximate="tanh")         = X / 2 * (1 + tanh(sqrt(2 / pi) * (X + 0.044715 * X * X * X)))
//!     HardSigmoid(X, alpha=0.2, beta=0.5) = clip(alpha * X + beta, 0, 1)
//!     HardSwish(X)                        = X * HardSigmoid(X, 1/6, 0.5)
//!     Mish(X)                             = X * tanh(softplus(X))
//!     PRelu(X, slope)                     leaky_relu where slope is one constant number
//!     Relu(X)                             = max(X, 0) of integers
//!     Selu(X, alpha=1.67.., gamma=1.05..) = gamma * elu(X, alpha)
//!     Shrink(X, bias=0, lambd=0.5)        = X < -lambd ? X + bias : lambd < X ? X - bias : 0
//!                                           of integers computed in f64, and cut off
//!     Softsign(X)                         = X / (1 + |X|)
//!     Swish(X, alpha=1)                   = X * sigmoid(alpha * X)
//!     ThresholdedRelu(X, alpha=1)         = alpha < X ? X : 0
//!
//! Before opset 7 a `slope` of more than one element has one for each channel. Refused: an alpha of Celu that is not
//! positive.

use crate::onnx::diagnostic::{Fault, ensure};
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::{
    Abs, Add, Clip, Div, Elu, Erf, LeakyRelu, Less, Max, Min, Mul, Prelu, Relu, Select, Sigmoid, Softplus,
    Sub, Tanh,
};
use cnnc_ir::{DType, NodeId};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

const UNIT: Clip = Clip { min: 0.0, max: 1.0 };

pub(super) fn relu(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    if node.ty(x).dtype.is_float() {
        return node.result(Relu, &[x]);
    }
    let zero = node.number("zero", &node.ty(x), 0.0)?;
    node.result(Max, &[x, zero])
}

pub(super) fn leaky_relu(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let alpha = node.attributes.float("alpha")?.unwrap_or(0.01);
    node.result(LeakyRelu { alpha }, &[x])
}

pub(super) fn elu(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let alpha = node.attributes.float("alpha")?.unwrap_or(1.0);
    node.result(Elu { alpha }, &[x])
}

pub(super) fn celu(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let alpha = node.attributes.float("alpha")?.unwrap_or(1.0);
    let is_positive = alpha > 0.0;
    ensure!(is_positive, E_UNSUPPORTED, "alpha={alpha} is not supported, it must be positive");
    let elu = Elu { alpha: 1.0 };
    if alpha == 1.0 {
        return node.result(elu, &[x]);
    }
    let ty = node.ty(x);
    let alpha = node.number("alpha", &ty, alpha)?;
    let zero = node.number("zero", &ty, 0.0)?;
    let below = node.step("below", Min, &[x, zero])?;
    let scaled = node.step("scaled", Div, &[below, alpha])?;
    let curve = node.step("curve", elu, &[scaled])?;
    let curve = node.step("curve", Mul, &[curve, alpha])?;
    let above = node.step("above", Relu, &[x])?;
    node.result(Add, &[above, curve])
}

pub(super) fn gelu(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let by_tanh = node.attributes.word("approximate", &[("none", false), ("tanh", true)])?;
    let curve = if by_tanh {
        let square = node.step("square", Mul, &[x, x])?;
        let cube = node.step("cube", Mul, &[square, x])?;
        let bend = scaled(node, cube, 0.044715)?;
        let sum = node.step("sum", Add, &[x, bend])?;
        let angle = scaled(node, sum, FRAC_2_PI.sqrt())?;
        node.step("curve", Tanh, &[angle])?
    } else {
        let angle = scaled(node, x, FRAC_1_SQRT_2)?;
        node.step("curve", Erf, &[angle])?
    };
    let one = node.number("one", &node.ty(x), 1.0)?;
    let share = node.step("share", Add, &[curve, one])?;
    let half = scaled(node, x, 0.5)?;
    node.result(Mul, &[half, share])
}

pub(super) fn hard_sigmoid(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let alpha = node.attributes.float("alpha")?.unwrap_or(0.2);
    let beta = node.attributes.float("beta")?.unwrap_or(0.5);
    let line = line(node, x, alpha.into(), beta.into())?;
    node.result(UNIT, &[line])
}

pub(super) fn hard_swish(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let line = line(node, x, 1.0 / 6.0, 0.5)?;
    let gate = node.step("gate", UNIT, &[line])?;
    node.result(Mul, &[x, gate])
}

pub(super) fn mish(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let ramp = node.step("ramp", Softplus, &[x])?;
    let gate = node.step("gate", Tanh, &[ramp])?;
    node.result(Mul, &[x, gate])
}

pub(super) fn p_relu(node: &mut Node) -> Outcome {
    let ([x, mut slope], []) = node.inputs(["X", "slope"], [])?;
    let (ty, slope_ty) = (node.ty(x), node.ty(slope));
    let channels = slope_ty.elements();
    if node.opset < 7 && channels > 1 {
        let dims = [vec![channels], vec![1; ty.rank().saturating_sub(2)]].concat();
        slope = node.reshaped("slope", slope, &dims)?;
    }
    let fits = ty.shape.broadcast(&node.ty(slope).shape).is_ok_and(|shape| shape == ty.shape);
    ensure!(fits, E_MODEL, "slope {slope_ty} does not broadcast to X {ty}");
    if ty.dtype.is_float() && channels == 1 && node.builder.module.graph[slope].is_const() {
        let number = node.scalar("slope", slope)?;
        let alpha = number as f32;
        // One of f64 may have more digits.
        if f64::from(alpha) == number {
            return node.result(LeakyRelu { alpha }, &[x]);
        }
    }
    node.result(Prelu, &[x, slope])
}

pub(super) fn selu(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    // ONNX: opset 6 names more digits.
    let (alpha, gamma) = if node.opset < 6 { (1.6732, 1.0507) } else { (1.673_263_2, 1.050_701) };
    let alpha = node.attributes.float("alpha")?.unwrap_or(alpha);
    let gamma = node.attributes.float("gamma")?.unwrap_or(gamma);
    let elu = node.step("elu", Elu { alpha }, &[x])?;
    let gamma = node.number("gamma", &node.ty(x), gamma)?;
    node.result(Mul, &[elu, gamma])
}

pub(super) fn shrink(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    let bias = node.attributes.float("bias")?.unwrap_or(0.0);
    let reach = node.attributes.float("lambd")?.unwrap_or(0.5);
    let dtype = node.ty(x).dtype;
    let x = if dtype.is_float() { x } else { node.cast("real", x, DType::F64)? };
    let ty = node.ty(x);
    let [bias, above, below, zero] = [("bias", bias), ("above", reach), ("below", -reach), ("zero", 0.0)]
        .map(|(name, value)| node.number(name, &ty, value));
    let (bias, above, below, zero) = (bias?, above?, below?, zero?);
    let lowered = node.step("lowered", Sub, &[x, bias])?;
    let is_above = node.step("is_above", Less, &[above, x])?;
    let upper = node.step("upper", Select, &[is_above, lowered, zero])?;
    let raised = node.step("raised", Add, &[x, bias])?;
    let is_below = node.step("is_below", Less, &[x, below])?;
    let shrunk = node.step("shrunk", Select, &[is_below, raised, upper])?;
    node.narrowed(shrunk, dtype)
}

pub(super) fn softsign(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    let size = node.step("size", Abs, &[x])?;
    let one = node.number("one", &node.ty(x), 1.0)?;
    let below = node.step("below", Add, &[size, one])?;
    node.result(Div, &[x, below])
}

pub(super) fn swish(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let alpha = node.attributes.float("alpha")?.unwrap_or(1.0);
    let inner = if alpha == 1.0 { x } else { scaled(node, x, alpha.into())? };
    let gate = node.step("gate", Sigmoid, &[inner])?;
    node.result(Mul, &[x, gate])
}

pub(super) fn thresholded_relu(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let alpha = node.attributes.float("alpha")?.unwrap_or(1.0);
    let ty = node.ty(x);
    let alpha = node.number("alpha", &ty, alpha)?;
    let zero = node.number("zero", &ty, 0.0)?;
    let is_above = node.step("is_above", Less, &[alpha, x])?;
    node.result(Select, &[is_above, x, zero])
}

/// `x * factor`
fn scaled(node: &mut Node, x: NodeId, factor: f64) -> Result<NodeId, Fault> {
    let factor = node.number("factor", &node.ty(x), factor)?;
    node.step("scaled", Mul, &[x, factor])
}

/// `slope * x + offset`
fn line(node: &mut Node, x: NodeId, slope: f64, offset: f64) -> Result<NodeId, Fault> {
    let scaled = scaled(node, x, slope)?;
    let offset = node.number("offset", &node.ty(x), offset)?;
    node.step("line", Add, &[scaled, offset])
}
