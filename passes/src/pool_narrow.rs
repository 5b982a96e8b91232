//! pool-narrow: an average pool in front of a pointwise convolution that narrows goes behind it.
//!
//!     %p = avg_pool %x, ..    =>   %y.c = conv %x, %w
//!     %y = conv %p, %w, %b         %y.p = avg_pool %y.c, ..
//!                                  %y.b = reshape %b, shape=[1,O,1,1]
//!                                  %y = add %y.p, %y.b
//!
//! Both are linear and one works along planes, the other across channels: they commute, and the mean of O channels
//! costs less than that of C > O. The bias stays behind, where no padding dilutes it.
//!
//! Declines for f16, whose largest number, 65504, the sum over channels of an element may pass where that of means does
//! not; when the pool has another reader or is a result; when it leaves fewer elements than it reads, for then the
//! convolution would have more of them; when it reads a border that is a node of its own; and when it reads a
//! convolution, with which the other would be a chain that has to be looked at again.

use crate::{Decline, New, Patch, Rule, facts};
use cnnc_ir::ops::{Add, Conv, Reshape};
use cnnc_ir::{DType, Expr, Module, NodeId, Op};

pub(crate) const RULE: Rule = Rule::Node(rule);

fn rule(module: &Module, node: NodeId) -> Result<Patch, Decline> {
    let graph = &module.graph;
    let Expr { op: Op::Conv(conv), operands, stages } = graph.expr(node) else {
        return Err(Decline::NoMatch);
    };
    let (pool, w) = (operands[0], operands[1]);
    let (Op::AvgPool(_), true) = (graph[pool].op(), facts::is_bare(graph, pool)) else {
        return Err(Decline::NoMatch);
    };
    let [o, c, 1, 1] = graph.ty(w).dims()[..] else { return Err(Decline::NoMatch) };
    if conv != Conv::default() || o >= c || !stages.is_empty() {
        return Err(Decline::NoMatch);
    }
    if graph.ty(node).dtype == DType::F16 {
        return Err(Decline::Because("a sum that is not yet a mean may be too large for f16".into()));
    }
    facts::read_once(graph, pool)?;
    let x = graph.operands(pool)[0];
    let name = graph[x].name();
    match graph[x].op() {
        Op::Padding(_) => {
            let why = format!("%{name} is a border that the convolution would have to read");
            return Err(Decline::Because(why));
        }
        Op::Conv(_) if facts::is_bare(graph, x) => {
            return Err(Decline::Because(format!("%{name} is a convolution, two of them are a chain")));
        }
        _ => {}
    }
    let plane = |id: NodeId| graph.ty(id).dims()[2..].iter().product::<usize>();
    if plane(x) > plane(pool) {
        let name = graph[pool].name();
        return Err(Decline::Because(format!(
            "%{name} leaves {} of {} elements of a plane",
            plane(pool),
            plane(x)
        )));
    }
    let mut new = New::default();
    let narrow = new.add("c", conv, [x.into(), w.into()]);
    let pool = graph[pool].op().clone();
    Ok(match operands.get(2) {
        None => new.becomes(Expr::new(pool, vec![narrow])),
        Some(&bias) => {
            let mean = new.add("p", pool, [narrow]);
            let bias = new.add("b", Reshape { shape: vec![1, o as i64, 1, 1] }, [bias.into()]);
            new.becomes(Expr::new(Add, vec![mean, bias]))
        }
    })
}
