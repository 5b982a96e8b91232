//! Element-wise operators as formulas, for every element type that they have a meaning for.
//!
//! The arithmetic is that of the evaluator, operator by operator: see the files of the same names there.

use crate::scalar::{Value, math};
use cnnc_ir::Op;

/// The operator's value for these operands, the piped one first.
///
/// # Errors
/// An operator that has no formula.
pub(super) fn function<'k>(op: &Op, x: &[Value<'k>]) -> Result<Value<'k>, String> {
    let a = *x.first().ok_or("an operator without operands")?;
    Ok(match (op, x) {
        (Op::Add(_), &[a, b]) => a + b,
        (Op::Sub(_), &[a, b]) => a - b,
        (Op::Mul(_), &[a, b]) => a * b,
        (Op::Div(_), &[a, b]) => a / b,
        (Op::Max(_), &[a, b]) => a.max(b),
        (Op::Min(_), &[a, b]) => a.min(b),
        (Op::Relu(_), _) => a.lt(0).select(a.like(0), a),
        (Op::Clip(c), _) => {
            let above = a.lt(c.min).select(a.like(c.min), a);
            above.gt(c.max).select(a.like(c.max), above)
        }
        (Op::LeakyRelu(l), _) => a.lt(0).select(a * l.alpha, a),
        (Op::Elu(e), _) => a.lt(0).select((math::exp(a) - 1) * e.alpha, a),
        (Op::Sigmoid(_), _) => a.like(1) / (math::exp(-a) + 1),
        (Op::Tanh(_), _) => math::tanh(a),
        (Op::Exp(_), _) => math::exp(a),
        (Op::Sqrt(_), _) => a.sqrt(),
        (Op::Rsqrt(r), _) => a.like(1) / (a + r.eps).sqrt(),
        (op, _) => return Err(format!("{} of {} is not compiled yet", op.name(), a.dtype())),
    })
}
