//! Element-wise operators of one operand, of two, and of any number.
//!
//!     Abs Acos .. Tanh (X)               the rows of the table that name an operator of the IR
//!     Add Sub Mul Div Mod (A, B)         operands broadcast
//!     Max Min Sum Mean (X, ...)          a chain: ((a + b) + c) + ..., of Mean in f32 where it is of f16
//!     Where(condition, X, Y)             operands broadcast
//!
//! Before opset 7, operands of an operator of two broadcast only where `broadcast=1`, and then B lies along A from
//! `axis` on, or at its end.
//!
//! Refused: a constant integer divisor of 0.

use crate::onnx::diagnostic::{Fault, ensure, fault};
use crate::onnx::node::{Node, Outcome, axis};
use cnnc_ir::NodeId;
use cnnc_ir::ops::{Add, Div, Identity, IsInf, Modulo, Mul, Op, Select, Shift};

pub(super) fn unary(node: &mut Node, op: impl Into<Op>) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    node.result(op, &[x])
}

pub(super) fn is_inf(node: &mut Node) -> Outcome {
    let negative = node.attributes.flag("detect_negative")?.unwrap_or(true);
    let positive = node.attributes.flag("detect_positive")?.unwrap_or(true);
    unary(node, IsInf { negative, positive })
}

pub(super) fn binary(node: &mut Node, op: impl Into<Op>) -> Outcome {
    let [a, b] = pair(node)?;
    node.result(op, &[a, b])
}

/// Like [`binary`], with the operands exchanged.
pub(super) fn exchanged(node: &mut Node, op: impl Into<Op>) -> Outcome {
    let [a, b] = pair(node)?;
    node.result(op, &[b, a])
}

/// Two operands that broadcast by the rules of today.
pub(super) fn pair(node: &mut Node) -> Result<[NodeId; 2], Fault> {
    let ([a, b], []) = node.inputs(["A", "B"], [])?;
    let b = if node.opset < 7 { aligned(node, a, b)? } else { b };
    Ok([a, b])
}

pub(super) fn div(node: &mut Node) -> Outcome {
    let [a, b] = divisible(node)?;
    node.result(Div, &[a, b])
}

pub(super) fn modulo(node: &mut Node) -> Outcome {
    let [a, b] = divisible(node)?;
    let truncated = node.attributes.flag("fmod")?.unwrap_or(false);
    let real = node.ty(a).dtype.is_float();
    ensure!(
        truncated || !real || node.opset >= 28,
        E_MODEL,
        "fmod=0 is for integers before opset 28, A is {}",
        node.ty(a)
    );
    node.result(Modulo { truncated }, &[a, b])
}

/// A dividend and a divisor; an integer one is not 0 as far as is known.
fn divisible(node: &mut Node) -> Result<[NodeId; 2], Fault> {
    let [a, b] = pair(node)?;
    if !node.ty(b).dtype.is_float()
        && let Some(divisor) = node.builder.value(b)?
    {
        let zero = divisor.data().to_f64().contains(&0.0);
        ensure!(!zero, E_MODEL, "an integer is divided by the constant 0");
    }
    Ok([a, b])
}

pub(super) fn bit_shift(node: &mut Node) -> Outcome {
    let words = [("LEFT", Shift { right: false }), ("RIGHT", Shift { right: true })];
    let direction = node.attributes.string("direction")?;
    let found = words.iter().find(|(word, _)| direction.as_deref() == Some(word));
    let (_, shift) = found.ok_or_else(|| fault!(E_MODEL, "direction must be LEFT or RIGHT"))?;
    binary(node, shift.clone())
}

pub(super) fn where_(node: &mut Node) -> Outcome {
    let ([condition, x, y], []) = node.inputs(["condition", "X", "Y"], [])?;
    node.result(Select, &[condition, x, y])
}

pub(super) fn mean(node: &mut Node) -> Outcome {
    let operands = node.variadic()?;
    let dtype = node.ty(operands[0]).dtype;
    let alike = operands.iter().all(|&x| node.ty(x).dtype == dtype);
    ensure!(alike, E_MODEL, "the operands are not of one type");
    let operands = operands.into_iter().map(|x| node.wide(x)).collect::<Result<Vec<_>, _>>()?;
    let sum = fold(node, &Add.into(), &operands)?;
    let share = node.number("share", &node.ty(sum), 1.0 / operands.len() as f64)?;
    let mean = node.step("mean", Mul, &[sum, share])?;
    node.narrowed(mean, dtype)
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
    let behind = fits.ok_or_else(|| fault!(E_MODEL, "B {b_ty} from axis={from} leaves A"))?;
    let dims = [b_ty.dims(), &vec![1; behind]].concat();
    node.reshaped("b", b, &dims)
}

pub(super) fn chain(node: &mut Node, op: impl Into<Op>) -> Outcome {
    let op = op.into();
    match &node.variadic()?[..] {
        [x] => node.result(Identity, &[*x]),
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
