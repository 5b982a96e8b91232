//! fold-linear-chains: a convolution that feeds another and nothing else becomes part of its weights.
//!
//!     %a = conv %x, %v, %c     =>   %y.t = transpose %v, perm=[1,0,2,3]     (%v of kernel 1x1)
//!     %y = conv %a, %w, %b          %y.w = conv %w, %y.t
//!                                   %y.b = conv %c.., %w, %b
//!                                   %y = conv %x, %y.w, %y.b
//!
//!     %a = conv %x, %v, %c     =>   %y.v = reshape %v, shape=[1,M,C,KH*KW]  (%w of kernel 1x1)
//!     %y = conv %a, %w, %b          %y.w = conv %y.v, %w
//!                                   %y.b = conv %c.., %w, %b
//!                                   %y = conv %x, %y.w, %y.b
//!
//! Both, for `y = w (v x + c) + b = (w v) x + (w c + b)`. All but the last are arithmetic on constants, written as
//! convolutions of weights.
//!
//! Declines what would take more multiply-adds, as the thin middle of a bottleneck does; groups; a first convolution
//! with a bias before one that pads, whose border does not see that bias; a stride longer than windows may have;
//! what would take long to fold; and weights that would leave their element type.

use crate::magnitude::{self, Magnitude};
use crate::{Decline, New, Patch, Rule, Value, facts};
use cnnc_ir::attrs::{Hw, Pad};
use cnnc_ir::ops::{Conv, Expand, Reshape, Transpose};
use cnnc_ir::{Expr, Graph, Module, NodeId, Op};

pub(crate) const RULE: Rule = Rule::Node(rule);

/// The most multiply-adds that folding one pair may take: a part of what `fold-constants` grants a network.
const LONGEST: usize = 1 << 24;

/// A convolution of constants.
struct Linear<'g> {
    conv: &'g Conv,
    x: NodeId,
    w: NodeId,
    bias: Option<NodeId>,
    /// O, C, KH, KW.
    dims: [usize; 4],
}

impl Linear<'_> {
    /// Whether it looks at one element of each channel.
    fn is_pointwise(&self) -> bool {
        self.dims[2..] == [1, 1] && self.conv.pad == Pad::ZERO
    }
}

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let second = linear(graph, node)?;
    let first = linear(graph, second.x)?;
    let before_one = first.is_pointwise() && first.conv.stride == Hw(1, 1);
    if !before_one && !second.is_pointwise() || facts::is_constant(graph, first.x) {
        return Err(Decline::NoMatch);
    }
    let because = |why: String| Err(Decline::Because(why));
    let name = graph[second.x].name();
    facts::read_once(graph, second.x)?;
    if [&first, &second].iter().any(|linear| linear.conv.groups != 1) {
        return because(format!("it or %{name} has groups"));
    }
    let mut weights = [Some(first.w), first.bias, Some(second.w), second.bias].into_iter().flatten();
    if !weights.all(|id| facts::is_constant(graph, id)) {
        return because(format!("its weights or those of %{name} are not constant"));
    }
    let [middle, channels, ..] = first.dims;
    let taps: usize = if second.is_pointwise() {
        first.dims[2..].iter().product()
    } else {
        second.dims[2..].iter().product()
    };
    let terms = channels.saturating_mul(taps);
    let folded = (graph.ty(node).elements() as u64).saturating_mul(terms as u64);
    let apart = graph.cost(second.x).macs.saturating_add(graph.cost(node).macs);
    if folded >= apart {
        return because(format!("in one it takes {folded} multiply-adds, with %{name} apart {apart}"));
    }
    let work = second.dims[0].saturating_mul(middle).saturating_mul(terms);
    if work > LONGEST {
        return because(format!("folding %{name} into it takes {work} multiply-adds, more than {LONGEST}"));
    }
    let of = |id| Magnitude::of(module, id);
    let (v, w) = (of(first.w), of(second.w));
    let [b, c] = [second.bias, first.bias].map(|bias| bias.map_or(Magnitude::ZERO, of));
    let seen = second.dims[1..].iter().product();
    magnitude::check(graph.ty(node).dtype, v.times(w).summed(middle), c.times(w).summed(seen).plus(b))?;
    match second.is_pointwise() {
        true => behind(graph, &first, &second),
        false if first.bias.is_some() && second.conv.pad != Pad::ZERO => {
            because(format!("its padding does not see the bias of %{name}"))
        }
        false => Ok(in_front(&first, &second)),
    }
}

/// A node that is a convolution and nothing else.
fn linear(graph: &Graph, id: NodeId) -> Result<Linear<'_>, Decline> {
    let Op::Conv(conv) = graph[id].op() else { return Err(Decline::NoMatch) };
    let Expr { operands, stages, .. } = graph.expr(id);
    match (graph.ty(operands[1]).dims(), stages.is_empty()) {
        (&[o, c, h, w], true) => Ok(Linear {
            conv,
            x: operands[0],
            w: operands[1],
            bias: operands.get(2).copied(),
            dims: [o, c, h, w],
        }),
        _ => Err(Decline::NoMatch),
    }
}

/// The first convolution with a pointwise one behind it.
fn behind(graph: &Graph, first: &Linear, second: &Linear) -> Result<Patch, Decline> {
    let ([middle, c, h, w], [o, ..]) = (first.dims, second.dims);
    let (Hw(rows, columns), Hw(down, right)) = (first.conv.stride, second.conv.stride);
    let conv = Conv { stride: Hw(rows * down, columns * right), ..first.conv.clone() };
    // Two strides may make one that is too long for a window.
    Op::from(conv.clone()).infer(&[graph.ty(first.x), &graph.ty(first.w).with_dims([o, c, h, w])?])?;
    let mut new = New::default();
    let v = reshape(&mut new, "v", first.w.into(), [1, middle, c, h * w]);
    let product = new.add("p", Conv::default(), [v, second.w.into()]);
    let weights = reshape(&mut new, "w", product, [o, c, h, w]);
    Ok(finish(new, conv, weights, first, second))
}

/// The second convolution with a pointwise one in front of it.
fn in_front(first: &Linear, second: &Linear) -> Patch {
    let mut new = New::default();
    let turned = new.add("t", Transpose { perm: vec![1, 0, 2, 3] }, [first.w.into()]);
    let weights = new.add("w", Conv::default(), [second.w.into(), turned]);
    finish(new, second.conv.clone(), weights, first, second)
}

/// The convolution with these weights, and what both add.
fn finish(mut new: New, conv: Conv, weights: Value, first: &Linear, second: &Linear) -> Patch {
    let mut operands = vec![first.x.into(), weights];
    let bias = match first.bias {
        None => second.bias.map(Value::Old),
        Some(bias) => {
            let [o, middle, h, w] = second.dims;
            let mut seen = reshape(&mut new, "c", bias.into(), [1, middle, 1, 1]);
            if (h, w) != (1, 1) {
                let shape = [1, middle, h, w].map(|n| n as i64).to_vec();
                seen = new.add("e", Expand { shape }, [seen]);
            }
            let through = [seen, second.w.into()].into_iter().chain(second.bias.map(Value::Old));
            let sum = new.add("s", Conv::default(), through);
            Some(reshape(&mut new, "b", sum, [o]))
        }
    };
    operands.extend(bias);
    new.becomes(Expr::new(conv, operands))
}

fn reshape<const N: usize>(new: &mut New, suffix: &'static str, value: Value, dims: [usize; N]) -> Value {
    new.add(suffix, Reshape { shape: dims.map(|n| n as i64).to_vec() }, [value])
}
