//! pad-into-window: let a convolution or a pool pad its operand itself.
//!
//!     %p = pad %x, before=[0,0,1,1], after=[0,0,1,1]   =>   %y = conv %x, %w, pad=1
//!     %y = conv %p, %w
//!
//! A convolution takes zeros. An avg_pool takes zeros that it counts. A max_pool, whose padding takes no part, takes
//! -inf, and zeros if no element of x is negative and every window holds one.
//!
//! Declines weights that are not finite, another value, a border along other dimensions than the last two, and an
//! avg_pool that would count some zeros and not others. `%p` may have other readers: then it stays for them. (A
//! max_pool window full of NaN beside zeros yields -inf where it was 0. Weights that are not constant are taken to be
//! finite: a zero times an infinite one would be NaN.)

use crate::{Decline, Patch, Rule, facts};
use cnnc_ir::attrs::{Hw, Pad};
use cnnc_ir::ops::Padding;
use cnnc_ir::{Graph, Module, NodeId, Op};

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let mut expr = graph.expr(node);
    let Some(&padded) = expr.operands.first() else { return Err(Decline::NoMatch) };
    let (Op::Padding(padding), true) = (graph[padded].op(), facts::is_bare(graph, padded)) else {
        return Err(Decline::NoMatch);
    };
    let x = graph.operands(padded)[0];
    let because = |why: &str| Err(Decline::Because(format!("%{} {why}", graph[padded].name())));
    let Some(border) = border(padding) else { return because("pads other dimensions than rows and columns") };
    let zeros = padding.value == 0.0;
    match &mut expr.op {
        Op::Conv(_) | Op::AvgPool(_) if !zeros => return because("pads with another value than 0"),
        Op::Conv(_) if !is_finite(module, expr.operands[1]) => {
            return because("pads with zeros, which count beside weights that are not finite");
        }
        Op::Conv(conv) => conv.pad = sum(conv.pad, border),
        Op::AvgPool(pool) => {
            if pool.pad != Pad::ZERO && !pool.count_include_pad {
                return because("has zeros that count, beside padding of the pool that does not");
            }
            pool.pad = sum(pool.pad, border);
            pool.count_include_pad = true;
        }
        Op::MaxPool(pool) => {
            let harmless = zeros && pool.dilation == Hw(1, 1) && is_never_negative(graph, x);
            if padding.value != f32::NEG_INFINITY && !harmless {
                return because("may pad with more than the maximum of a window");
            }
            pool.pad = sum(pool.pad, border);
        }
        _ => return Err(Decline::NoMatch),
    }
    expr.operands[0] = x;
    // A pool cannot pad by a whole window, and one that rounds up drops a last window that starts in its padding.
    match graph.infer(&expr) {
        Ok(ty) if ty == *graph.ty(node) => Ok(Patch::becomes(expr)),
        _ => because("pads by more than the windows can take"),
    }
}

/// The border as padding of a plane, if it is one of `[N, C, H, W]` along H and W alone.
fn border(padding: &Padding) -> Option<Pad> {
    let [0, 0, top, left] = padding.before[..] else { return None };
    let [0, 0, bottom, right] = padding.after[..] else { return None };
    let count = |n: i64| usize::try_from(n).ok();
    Some(Pad { top: count(top)?, left: count(left)?, bottom: count(bottom)?, right: count(right)? })
}

fn sum(a: Pad, b: Pad) -> Pad {
    Pad {
        top: a.top.saturating_add(b.top),
        left: a.left.saturating_add(b.left),
        bottom: a.bottom.saturating_add(b.bottom),
        right: a.right.saturating_add(b.right),
    }
}

/// Whether the elements of a value are finite numbers, as far as constants say.
fn is_finite(module: &Module, id: NodeId) -> bool {
    module.magnitudes(id).is_none_or(|of| of.largest.is_finite() && !of.any_nan)
}

/// Whether the last operator of a node has no negative results.
fn is_never_negative(graph: &Graph, id: NodeId) -> bool {
    match graph[id].stages().last().unwrap_or(graph[id].op()) {
        Op::Relu(_) | Op::Sigmoid(_) | Op::Exp(_) | Op::Sqrt(_) => true,
        Op::Clip(clip) => clip.min >= 0.0 && clip.max >= 0.0,
        _ => false,
    }
}
