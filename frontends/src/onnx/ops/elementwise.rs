//! Element-wise operators of one operand, of two, and of any number.
//!
//!     Relu Sigmoid Tanh Exp Sqrt (X)     LeakyRelu(X, alpha=0.01)     Elu(X, alpha=1)
//!     Add Sub Mul Div (A, B)             operands broadcast
//!     Max Min Sum Mean (X, ...)          a chain: ((a + b) + c) + ...
//!
//! Before opset 7, operands of `Add`, `Sub`, `Mul` and `Div` broadcast only where `broadcast=1`, and then B
//! lies along A from `axis` on, or at its end.
//!
//! Refused: a constant integer divisor of 0.

use crate::onnx::diagnostic::{Fault, ensure};
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::NodeId;
use cnnc_ir::ops::{Add, Div, Elu, Exp, LeakyRelu, Max, Min, Mul, Op, Relu, Sigmoid, Sqrt, Sub, Tanh};

pub(super) fn relu(node: &mut Node) -> Outcome {
    unary(node, Relu)
}

pub(super) fn sigmoid(node: &mut Node) -> Outcome {
    unary(node, Sigmoid)
}

pub(super) fn tanh(node: &mut Node) -> Outcome {
    unary(node, Tanh)
}

pub(super) fn exp(node: &mut Node) -> Outcome {
    unary(node, Exp)
}

pub(super) fn sqrt(node: &mut Node) -> Outcome {
    unary(node, Sqrt)
}

pub(super) fn leaky_relu(node: &mut Node) -> Outcome {
    let alpha = node.attributes.float("alpha")?.unwrap_or(0.01);
    unary(node, LeakyRelu { alpha })
}

pub(super) fn elu(node: &mut Node) -> Outcome {
    let alpha = node.attributes.float("alpha")?.unwrap_or(1.0);
    unary(node, Elu { alpha })
}

pub(super) fn add(node: &mut Node) -> Outcome {
    binary(node, Add)
}

pub(super) fn sub(node: &mut Node) -> Outcome {
    binary(node, Sub)
}

pub(super) fn mul(node: &mut Node) -> Outcome {
    binary(node, Mul)
}

pub(super) fn div(node: &mut Node) -> Outcome {
    if let Some(&Some(b)) = node.operands.get(1)
        && !node.ty(b).dtype.is_float()
        && let Some(divisor) = node.builder.value(b)?
    {
        let zero = divisor.data().to_f64().contains(&0.0);
        ensure!(!zero, E_MODEL, "an integer is divided by the constant 0");
    }
    binary(node, Div)
}

pub(super) fn max(node: &mut Node) -> Outcome {
    chain(node, Max)
}

pub(super) fn min(node: &mut Node) -> Outcome {
    chain(node, Min)
}

pub(super) fn sum(node: &mut Node) -> Outcome {
    chain(node, Add)
}

pub(super) fn mean(node: &mut Node) -> Outcome {
    let operands = node.variadic()?;
    let sum = fold(node, &Add.into(), &operands)?;
    let share = node.number("share", &node.ty(sum), 1.0 / operands.len() as f32)?;
    node.result(Mul, &[sum, share])
}

fn unary(node: &mut Node, op: impl Into<Op>) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    node.result(op, &[x])
}

fn binary(node: &mut Node, op: impl Into<Op>) -> Outcome {
    let ([a, mut b], []) = node.inputs(["A", "B"], [])?;
    if node.opset < 7 {
        b = aligned(node, a, b)?;
    }
    node.result(op, &[a, b])
}

/// B in the shape in which it broadcasts to A by the rules of today.
fn aligned(node: &mut Node, a: NodeId, b: NodeId) -> Result<NodeId, Fault> {
    let broadcast = node.attributes.flag("broadcast")?.unwrap_or(false);
    let from = node.attributes.int("axis")?;
    let (a_ty, b_ty) = (node.ty(a), node.ty(b));
    if !broadcast {
        ensure!(a_ty.shape == b_ty.shape, E_MODEL, "A {a_ty} and B {b_ty} differ, and broadcast=0");
        return Ok(b);
    }
    let Some(from) = from else { return Ok(b) };
    let from = axis("axis", from, a_ty.rank())?;
    let fits = a_ty.rank().checked_sub(from + b_ty.rank());
    let behind =
        fits.ok_or_else(|| crate::onnx::diagnostic::fault!(E_MODEL, "B {b_ty} from axis={from} leaves A"))?;
    let dims = [b_ty.dims(), &vec![1; behind]].concat();
    node.reshaped("b", b, &dims)
}

fn chain(node: &mut Node, op: impl Into<Op>) -> Outcome {
    let op = op.into();
    match &node.variadic()?[..] {
        [x] => node.result(cnnc_ir::ops::Identity, &[*x]),
        [front @ .., last] => {
            let front = fold(node, &op, front)?;
            node.result(op, &[front, *last])
        }
        [] => Ok(Vec::new()),
    }
}

/// The operands combined one after the other.
fn fold(node: &mut Node, op: &Op, operands: &[NodeId]) -> Result<NodeId, Fault> {
    let mut value = operands[0];
    for &operand in &operands[1..] {
        value = node.step("part", op.clone(), &[value, operand])?;
    }
    Ok(value)
}
