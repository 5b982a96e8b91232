//! Activations that the IR spells with several operators.
//!
//!     HardSigmoid(X, alpha=0.2, beta=0.5) = clip(alpha * X + beta, 0, 1)
//!     HardSwish(X)                        = X * HardSigmoid(X, 1/6, 0.5)
//!     PRelu(X, slope)                     = relu(X) + slope * min(0, X)
//!     Selu(X, alpha=1.67.., gamma=1.05..) = gamma * elu(X, alpha)
//!
//! Before opset 7 a `slope` of more than one element has one for each channel.

use crate::onnx::diagnostic::Fault;
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::NodeId;
use cnnc_ir::ops::{Add, Clip, Elu, Min, Mul, Relu};

const UNIT: Clip = Clip { min: 0.0, max: 1.0 };

pub(super) fn hard_sigmoid(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let alpha = node.attributes.float("alpha")?.unwrap_or(0.2);
    let beta = node.attributes.float("beta")?.unwrap_or(0.5);
    let line = line(node, x, alpha, beta)?;
    node.result(UNIT, &[line])
}

pub(super) fn hard_swish(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let line = line(node, x, 1.0 / 6.0, 0.5)?;
    let gate = node.step("gate", UNIT, &[line])?;
    node.result(Mul, &[x, gate])
}

pub(super) fn p_relu(node: &mut Node) -> Outcome {
    let ([x, mut slope], []) = node.inputs(["X", "slope"], [])?;
    let (ty, channels) = (node.ty(x), node.ty(slope).elements());
    if node.opset < 7 && channels > 1 {
        let dims = [vec![channels], vec![1; ty.rank().saturating_sub(2)]].concat();
        slope = node.reshaped("slope", slope, &dims)?;
    }
    let zero = node.number("zero", &ty, 0.0)?;
    let below = node.step("below", Min, &[zero, x])?;
    let scaled = node.step("scaled", Mul, &[below, slope])?;
    let above = node.step("above", Relu, &[x])?;
    node.result(Add, &[above, scaled])
}

pub(super) fn selu(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let alpha = node.attributes.float("alpha")?.unwrap_or(1.673_263_2);
    let gamma = node.attributes.float("gamma")?.unwrap_or(1.050_701);
    let elu = node.step("elu", Elu { alpha }, &[x])?;
    let gamma = node.number("gamma", &node.ty(x), gamma)?;
    node.result(Mul, &[elu, gamma])
}

/// `slope * x + offset`
fn line(node: &mut Node, x: NodeId, slope: f32, offset: f32) -> Result<NodeId, Fault> {
    let ty = node.ty(x);
    let slope = node.number("slope", &ty, slope)?;
    let scaled = node.step("scaled", Mul, &[x, slope])?;
    let offset = node.number("offset", &ty, offset)?;
    node.step("line", Add, &[scaled, offset])
}
