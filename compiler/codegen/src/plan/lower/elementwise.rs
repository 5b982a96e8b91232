//! Element-wise operators as formulas, for every element type that they have a meaning for.
//!
//! The arithmetic is that of the evaluator, operator by operator: see the files of the same names there.

use crate::scalar::{Value, math};
use cnnc_ir::{DType, Op};

/// The operator's value for these operands, the piped one first.
///
/// # Errors
/// An operator that has no formula.
pub(super) fn function<'k>(op: &Op, x: &[Value<'k>]) -> Result<Value<'k>, String> {
    let a = *x.first().ok_or("an operator without operands")?;
    let is_real = a.dtype().is_float();
    Ok(match (op, x) {
        (Op::Add(_), &[a, b]) => a + b,
        (Op::Sub(_), &[a, b]) => a - b,
        (Op::Mul(_), &[a, b]) => a * b,
        (Op::Div(_), &[a, b]) => a / b,
        (Op::Max(_), &[a, b]) if is_real => (a.gt(b) | a.differs(a)).select(a, b),
        (Op::Min(_), &[a, b]) if is_real => (a.lt(b) | a.differs(a)).select(a, b),
        (Op::Max(_), &[a, b]) => a.max(b),
        (Op::Min(_), &[a, b]) => a.min(b),
        (Op::Modulo(m), &[a, b]) => modulo(a, b, m.truncated),
        (Op::Pow(_), &[a, b]) if is_real => math::pow(a, b),
        (Op::Pow(_), &[a, b]) => integer_pow(a, b),
        (Op::Shift(s), &[a, b]) => {
            let (wide, steps) = (a.to(DType::I64), b.to(DType::I64));
            // Of the steps that leave no bit, those to the right leave its sign.
            let leaves_some = steps.ge(0) & steps.lt(64);
            let steps = leaves_some.select(steps, 63);
            if s.right { wide >> steps } else { leaves_some.select(wide << steps, 0) }.to(a.dtype())
        }
        (Op::And(_), &[a, b]) => a & b,
        (Op::Or(_), &[a, b]) => a | b,
        (Op::Xor(_), &[a, b]) => a ^ b,
        (Op::Not(_), _) => !a,
        (Op::Equal(_), &[a, b]) => a.equals(b),
        (Op::Less(_), &[a, b]) => a.lt(b),
        (Op::LessEqual(_), &[a, b]) => a.le(b),
        (Op::Select(_), &[condition, then, otherwise]) => condition.select(then, otherwise),
        (Op::IsNan(_), _) => a.differs(a),
        (Op::IsInf(i), _) => {
            let side = |counts: bool, bound: f64| {
                a.equals(bound) & a.builder().number(DType::Bool, i32::from(counts))
            };
            side(i.positive, f64::INFINITY) | side(i.negative, f64::NEG_INFINITY)
        }
        (Op::Abs(_), _) => a.abs(),
        (Op::Neg(_), _) => -a,
        (Op::Sign(_), _) => a.gt(0).select(a.like(1), a.lt(0).select(a.like(-1), a)),
        (Op::Relu(_), _) => a.lt(0).select(a.like(0), a),
        (Op::Clip(c), _) => {
            let above = a.lt(c.min).select(a.like(c.min), a);
            above.gt(c.max).select(a.like(c.max), above)
        }
        (Op::LeakyRelu(l), _) => a.lt(0).select(a * l.alpha, a),
        (Op::Prelu(_), &[a, slope]) => a.lt(0).select(slope * a, a),
        (Op::Elu(e), _) => a.lt(0).select(math::exp_m1(a) * e.alpha, a),
        (Op::Sigmoid(_), _) => a.like(1) / (math::exp(-a) + 1),
        (Op::Softplus(_), _) => a.gt(0).select(a, a.like(0)) + math::log_1p(math::exp(-a.abs())),
        (Op::Floor(_), _) => a.floor(),
        (Op::Ceil(_), _) => a.ceil(),
        (Op::Round(_), _) => a.round_even(),
        (Op::Sqrt(_), _) => a.sqrt(),
        (Op::Rsqrt(r), _) => a.like(1) / (a + r.eps).sqrt(),
        (Op::Exp(_), _) => math::exp(a),
        (Op::Log(_), _) => math::log(a),
        (Op::Erf(_), _) => math::erf(a),
        (Op::Sin(_), _) => math::sin(a),
        (Op::Cos(_), _) => math::cos(a),
        (Op::Tan(_), _) => math::tan(a),
        (Op::Asin(_), _) => math::asin(a),
        (Op::Acos(_), _) => math::acos(a),
        (Op::Atan(_), _) => math::atan(a),
        (Op::Sinh(_), _) => math::sinh(a),
        (Op::Cosh(_), _) => math::cosh(a),
        (Op::Tanh(_), _) => math::tanh(a),
        (Op::Asinh(_), _) => math::asinh(a),
        (Op::Acosh(_), _) => math::acosh(a),
        (Op::Atanh(_), _) => math::atanh(a),
        (op, _) => return Err(format!("{} of {} is not compiled yet", op.name(), a.dtype())),
    })
}

/// The rest of a division: of the sign of `a` when truncated, else of that of `b`.
fn modulo<'k>(a: Value<'k>, b: Value<'k>, truncated: bool) -> Value<'k> {
    if a.dtype().is_float() {
        let rest = math::remainder(a, b);
        let fits = !(rest.lt(0) ^ b.lt(0));
        let zero = b.lt(0).select(-rest.abs(), rest.abs());
        let moved = rest.equals(0).select(zero, fits.select(rest, rest + b));
        return if truncated { rest } else { moved };
    }
    let rest = a % b;
    let fits = rest.equals(0) | !(rest.lt(0) ^ b.lt(0));
    if truncated { rest } else { fits.select(rest, rest + b) }
}

/// `a^b`, wrapped: by squaring, and for a negative power 0 unless a is 1 or -1.
fn integer_pow<'k>(a: Value<'k>, b: Value<'k>) -> Value<'k> {
    let (x, y) = (a.to(DType::I64), b.to(DType::I64));
    let is_unit = x.abs().equals(1);
    let power = y.lt(0).select(is_unit.select(y & 1, y.like(0)), y);
    let product = math::whole_power(x, power, 63);
    (y.ge(0) | is_unit).select(product, product.like(0)).to(a.dtype())
}
