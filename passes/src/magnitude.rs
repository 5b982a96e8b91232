//! How large the weights would be that a rule makes of others, before it makes them.
//!
//! A product of weights may leave its element type where the network, which multiplies by one after the other, does
//! not: of f32 1e10 * 1e30 is infinite, though `1e-20 * 1e10 * 1e30` is not. A rule asks for bounds of what it would
//! make, and declines unless the largest element lies where the type counts in full precision:
//!
//!     smallest normal number / epsilon <= largest element <= largest number * epsilon
//!
//! Then a sum of as many products as a type tells apart stays finite, and an element that is too small for full
//! precision is too small to count beside the largest. That is 1e-31 to 4e31 of f32, and 0.0625 to 64 of f16.

use crate::Decline;
use cnnc_ir::eval::{Precision, apply};
use cnnc_ir::{DType, Expr, Magnitudes, Mismatch, Module, NodeId, Op, Tensor, ValueError, f16};

/// The most operations for evaluating constants that no rule has made.
const WORK: u64 = 1 << 24;

/// Bounds of the magnitudes of a value's elements: none is smaller than one, none larger than the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Magnitude {
    least: f64,
    most: f64,
}

impl Magnitude {
    /// Of 0 alone.
    pub(crate) const ZERO: Magnitude = Magnitude { least: 0.0, most: 0.0 };

    /// Nothing is known; elements may be no numbers.
    const UNKNOWN: Magnitude = Magnitude { least: 0.0, most: f64::INFINITY };

    /// Of a value that depends on constants alone. What rules leave of them is bounded, what else stands there is
    /// evaluated.
    pub(crate) fn of(module: &Module, id: NodeId) -> Magnitude {
        let graph = &module.graph;
        if let Some(magnitudes) = module.magnitudes(id) {
            return magnitudes.into();
        }
        let Expr { op, operands, stages } = graph.expr(id);
        let of = |place: usize| Magnitude::of(module, operands[place]);
        match op {
            _ if !stages.is_empty() => Magnitude::evaluated(module, id),
            Op::Reshape(_) | Op::Transpose(_) | Op::Expand(_) => of(0),
            Op::Padding(pad) => of(0).or(Magnitudes::of([pad.value.into()]).into()),
            Op::Mul(_) => of(0).times(of(1)),
            Op::Div(_) => of(0).times(of(1).inverse()),
            Op::Add(_) | Op::Sub(_) => of(0).plus(of(1)),
            Op::Rsqrt(op) => of(0).inverse_root(op.eps),
            Op::Conv(_) => {
                let terms = graph.ty(operands[1]).dims()[1..].iter().product();
                let products = of(0).times(of(1)).summed(terms);
                if operands.len() > 2 { products.plus(of(2)) } else { products }
            }
            _ => Magnitude::evaluated(module, id),
        }
    }

    fn evaluated(module: &Module, id: NodeId) -> Magnitude {
        let mut work = WORK;
        match evaluated(module, id, &mut work) {
            Ok(tensor) => Magnitudes::of(tensor.data().to_f64()).into(),
            Err(_) => Magnitude::UNKNOWN,
        }
    }

    /// Of elements of either.
    fn or(self, other: Magnitude) -> Magnitude {
        Magnitude { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    /// Of products.
    pub(crate) fn times(self, other: Magnitude) -> Magnitude {
        Magnitude { least: self.least * other.least, most: self.most * other.most }
    }

    /// Of 1 divided by it.
    pub(crate) fn inverse(self) -> Magnitude {
        Magnitude { least: self.most.recip(), most: self.least.recip() }
    }

    /// Of 1 divided by its root.
    pub(crate) fn inverse_root(self, eps: f32) -> Magnitude {
        let root = |x: f64| (x + f64::from(eps)).sqrt();
        Magnitude { least: root(self.least), most: root(self.most) }.inverse()
    }

    /// Of sums and differences of two.
    pub(crate) fn plus(self, other: Magnitude) -> Magnitude {
        Magnitude { least: 0.0, most: self.most + other.most }
    }

    /// Of sums of so many.
    pub(crate) fn summed(self, terms: usize) -> Magnitude {
        Magnitude { least: 0.0, most: self.most * terms as f64 }
    }
}

impl From<Magnitudes> for Magnitude {
    fn from(Magnitudes { least, largest, any_nan }: Magnitudes) -> Magnitude {
        if any_nan { Magnitude::UNKNOWN } else { Magnitude { least, most: largest } }
    }
}

/// Declines unless weights and biases of these magnitudes lie where an element type is precise. A small bias counts as
/// little as it is, beside what it is added to.
pub(crate) fn check(dtype: DType, weights: Magnitude, biases: Magnitude) -> Result<(), Decline> {
    let (smallest, epsilon, largest) = match dtype {
        DType::F16 => (f16::MIN_POSITIVE.to_f64(), f16::EPSILON.to_f64(), f16::MAX.to_f64()),
        DType::F32 => (f32::MIN_POSITIVE.into(), f32::EPSILON.into(), f32::MAX.into()),
        DType::F64 => (f64::MIN_POSITIVE, f64::EPSILON, f64::MAX),
        // Integers are not rounded.
        _ => return Ok(()),
    };
    let (low, high) = (smallest / epsilon, largest * epsilon);
    let is_precise = weights.most == 0.0 || (low..=high).contains(&weights.most);
    if is_precise && biases.most <= high {
        return Ok(());
    }
    let most = if is_precise { biases.most } else { weights.most };
    Err(Decline::Because(format!(
        "in one its largest weight may be {most:.1e}, {dtype} is precise from {low:.1e} to {high:.1e}"
    )))
}

/// The value of a node that depends on constants alone, reals in f64, if that takes no more than the work that is left.
fn evaluated(module: &Module, id: NodeId, work: &mut u64) -> Result<Tensor, ValueError> {
    let graph = &module.graph;
    let cost = graph.cost(id);
    let takes = cost.macs.saturating_add(cost.flops).saturating_add(graph.ty(id).elements() as u64);
    *work = work.checked_sub(takes).ok_or_else(|| Mismatch("it takes long".into()))?;
    let held = |dtype| Precision::F64.dtype(dtype);
    match module.value(id) {
        Some(tensor) => tensor.map(|tensor| tensor.cast(held(tensor.data().dtype()))),
        None => {
            let expr = graph.expr(id).map(|&operand| evaluated(module, operand, work))?;
            let ty = graph.ty(id);
            Ok(apply(&expr, &ty.with_dtype(held(ty.dtype))))
        }
    }
}
