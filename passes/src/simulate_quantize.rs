//! simulate-quantize: where a value is quantised and at once dequantised, its reals are rounded and clipped.
//!
//!     %q = quantize %x, %s, %z     =>   %y.steps = div %x, %s
//!     %y = dequantize %q, %s, %z        %y.whole = round %y.steps
//!                                       %y.range = clip %y.whole, min=least-z, max=most-z
//!                                       %y = mul %y.range, %s
//!
//! The results are equal, but for the sign of 0 and NaN, which stays. `%q` may have other readers: then it stays for
//! them.
//!
//! Declines other scales and zero points in `%y` than in `%q`, zero points that differ or are computed at run time,
//! integers of 16 bits, and reals of 16 bits: a quantisation computes a quotient of f16 in f32, and here it would be
//! rounded to f16 first, often to a tie that it is not.

use crate::{Decline, New, Patch, Rule, facts};
use cnnc_ir::ops::{Clip, Div, Mul, Round};
use cnnc_ir::{DType, Expr, Module, NodeId, Op};

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let Expr { op: Op::Dequantize(_), operands, stages } = graph.expr(node) else {
        return Err(Decline::NoMatch);
    };
    let quantised = operands[0];
    let Op::Quantize(_) = graph[quantised].op() else { return Err(Decline::NoMatch) };
    let because = |why: String| Err(Decline::Because(why));
    if graph.ty(node).dtype == DType::F16 {
        return because("its steps would be rounded to f16 before they are to whole numbers".into());
    }
    let name = graph[quantised].name();
    let [x, scale, zero] = graph.operands(quantised)[..] else { return Err(Decline::NoMatch) };
    if !stages.is_empty() || !facts::is_bare(graph, quantised) {
        return because(format!("%{name} or its reader is a pipe"));
    }
    if graph.ty(x) != graph.ty(node) {
        return because(format!("%{name} is made of {}, not of {}", graph.ty(x), graph.ty(node)));
    }
    if !equal(module, scale, operands[1])? || !equal(module, zero, operands[2])? {
        return because(format!("%{name} has another scale or zero point"));
    }
    let Some(zero) = number(module, zero)? else {
        return because("its zero point is not one number that is known".into());
    };
    let (least, most) = match graph.ty(quantised).dtype {
        DType::U8 => (0.0, 255.0),
        DType::I8 => (-128.0, 127.0),
        other => return because(format!("%{name} is {other}, of more steps than every real type counts")),
    };
    let mut new = New::default();
    let steps = new.add("steps", Div, [x.into(), scale.into()]);
    let whole = new.add("whole", Round, [steps]);
    let range = new.add("range", Clip { min: least - zero, max: most - zero }, [whole]);
    Ok(new.becomes(Expr::new(Mul, vec![range, scale.into()])))
}

/// Whether two values are the same, or constants of the same elements.
fn equal(module: &Module, a: NodeId, b: NodeId) -> Result<bool, Decline> {
    if a == b {
        return Ok(true);
    }
    match (module.value(a), module.value(b)) {
        (Some(a), Some(b)) => Ok(a? == b?),
        _ => Ok(false),
    }
}

/// The one number that all elements of a constant equal.
fn number(module: &Module, id: NodeId) -> Result<Option<f32>, Decline> {
    let Some(tensor) = module.value(id).transpose()? else { return Ok(None) };
    let elements = tensor.data().to_f64();
    let first = elements.first().copied();
    Ok(first.filter(|first| elements.iter().all(|e| e == first)).map(|first| first as f32))
}
