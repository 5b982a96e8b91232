//! Arithmetic that the IR spells with fewer operators.
//!
//!     Neg(X) = X * -1     Abs(X) = max(X, X * -1)     Reciprocal(X) = 1 / X
//!     Pow(X, Y) = X, X * X, X * X * X, sqrt(X), 1 / X    for Y = 1, 2, 3, 0.5, -1
//!
//! Each keeps NaN, infinities and the sign of 0. Refused: other exponents, and those computed at run time.

use crate::onnx::diagnostic::{ensure, fail};
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::NodeId;
use cnnc_ir::ops::{Div, Identity, Max, Mul, Sqrt};

pub(super) fn neg(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let minus = node.number("minus", &node.ty(x), -1.0)?;
    node.result(Mul, &[x, minus])
}

pub(super) fn abs(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    let minus = node.number("minus", &node.ty(x), -1.0)?;
    let negated = node.step("negated", Mul, &[x, minus])?;
    node.result(Max, &[x, negated])
}

pub(super) fn reciprocal(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    inverse(node, x)
}

pub(super) fn pow(node: &mut Node) -> Outcome {
    let ([x, y], []) = node.inputs(["X", "Y"], [])?;
    let (x_ty, y_ty) = (node.ty(x), node.ty(y));
    let single = y_ty.elements() == 1 && y_ty.rank() <= x_ty.rank();
    ensure!(single, E_UNSUPPORTED, "an exponent {y_ty} is not supported, only one number");
    let exponent = node.scalar("Y", y)?;
    match exponent {
        1.0 => node.result(Identity, &[x]),
        2.0 => node.result(Mul, &[x, x]),
        3.0 => {
            let square = node.step("square", Mul, &[x, x])?;
            node.result(Mul, &[square, x])
        }
        0.5 => node.result(Sqrt, &[x]),
        -1.0 if x_ty.dtype.is_float() => inverse(node, x),
        _ => fail!(E_UNSUPPORTED, "the exponent {exponent} is not supported, only 1, 2, 3, 0.5 and -1"),
    }
}

fn inverse(node: &mut Node, x: NodeId) -> Outcome {
    let one = node.number("one", &node.ty(x), 1.0)?;
    node.result(Div, &[one, x])
}
