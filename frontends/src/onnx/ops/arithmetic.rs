//! Arithmetic that the IR spells with other operators.
//!
//!     Reciprocal(X) = 1 / X
//!     Pow(X, Y)     = X, X * X, 1 / X where Y is the constant 1, 2, -1, else pow(X, Y) in a type that holds both:
//!         that of X if X is real; i64 if Y is of integers, or of whole numbers that are known; f64 otherwise, and
//!         what is an integer but for rounding becomes one
//!
//! Each keeps NaN, infinities and the sign of 0.

use super::elementwise::pair;
use crate::onnx::diagnostic::Fault;
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::ops::{Cast, Div, Equal, Floor, Identity, Mul, Pow, Select};
use cnnc_ir::{DType, NodeId, Tensor};

pub(super) fn reciprocal(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["X"], [])?;
    inverse(node, x)
}

pub(super) fn pow(node: &mut Node) -> Outcome {
    let [x, y] = pair(node)?;
    let (x_ty, y_ty) = (node.ty(x), node.ty(y));
    let is_one_number = y_ty.elements() == 1 && y_ty.rank() <= x_ty.rank();
    if is_one_number && node.builder.module.graph[y].is_const() {
        match node.scalar("Y", y)? {
            1.0 => return node.result(Identity, &[x]),
            2.0 => return node.result(Mul, &[x, x]),
            -1.0 if x_ty.dtype.is_float() => return inverse(node, x),
            _ => {}
        }
    }
    let is_whole = |y: &Tensor| y.data().to_f64().iter().all(|y| y.fract() == 0.0 && y.abs() < 2f64.powi(31));
    let common = match (x_ty.dtype, y_ty.dtype) {
        (x, y) if x == y || x.is_float() => x,
        (_, real) if real.is_float() => match node.builder.value(y)? {
            Some(y) if is_whole(&y) => DType::I64,
            _ => DType::F64,
        },
        _ => DType::I64,
    };
    let base = converted(node, x, common)?;
    let exponent = converted(node, y, common)?;
    if common == x_ty.dtype {
        return node.result(Pow, &[base, exponent]);
    }
    let mut power = node.step("power", Pow, &[base, exponent])?;
    if common.is_float() {
        // The cast truncates: a power that rounding left just below an integer must not fall to the next. With a whole
        // exponent it is exact.
        let floor = node.step("floor", Floor, &[exponent])?;
        let is_whole = node.step("whole", Equal, &[floor, exponent])?;
        let ty = node.ty(exponent);
        let factors = [node.number("exact", &ty, 1.0)?, node.number("up", &ty, 1.0 + 2f64.powi(-46))?];
        let factor = node.step("factor", Select, &[is_whole, factors[0], factors[1]])?;
        power = node.step("raised", Mul, &[power, factor])?;
    }
    node.result(Cast { to: x_ty.dtype }, &[power])
}

/// A value in that element type.
fn converted(node: &mut Node, x: NodeId, to: DType) -> Result<NodeId, Fault> {
    if node.ty(x).dtype == to { Ok(x) } else { node.step("converted", Cast { to }, &[x]) }
}

fn inverse(node: &mut Node, x: NodeId) -> Outcome {
    let one = node.number("one", &node.ty(x), 1.0)?;
    node.result(Div, &[one, x])
}
