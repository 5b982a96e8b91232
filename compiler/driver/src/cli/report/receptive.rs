//! Receptive fields: what part of the input an element depends on, along height and width.
//!
//! Element i of a value sees the columns `first + i * jump ..= last + i * jump` of the input. A window of k taps at
//! distance d, stride s, padding p makes of that
//!
//!     first - p * jump,  last + ((k - 1) * d - p) * jump,  jump * s
//!
//! A sum of two values sees what either does. A matrix product, and what mixes elements across a plane, sees what all
//! elements of its operand do. Fields count padding: they may be larger than the input. Values that do not come from
//! planes have none.

use std::collections::HashMap;

use cnnc_ir::ops::{ResizeMode, Window};
use cnnc_ir::{Graph, NodeId, Op};

/// The part of the input that an element depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Field {
    /// Height and width.
    spans: [Span; 2],
    /// The dimensions of the value that are height and width; none are left in a vector.
    axes: Option<[usize; 2]>,
}

/// Columns, or rows, that element 0 sees, and how far apart those of its neighbour are.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    first: f64,
    last: f64,
    jump: f64,
}

impl Field {
    /// Rows and columns.
    pub(super) fn size(&self) -> [u64; 2] {
        self.spans.map(|span| (span.last - span.first + 1.0).ceil() as u64)
    }

    /// Rows and columns between the fields of neighbours.
    pub(super) fn jump(&self) -> [f64; 2] {
        self.spans.map(|span| span.jump)
    }

    /// The same with each dimension changed; `change` gets the place among height and width and the dimension.
    fn along(mut self, change: impl Fn(usize, usize, Span) -> Span) -> Field {
        for (k, &axis) in self.axes.iter().flatten().enumerate() {
            self.spans[k] = change(k, axis, self.spans[k]);
        }
        self
    }

    /// What a window sees that slides over the value.
    fn slide(self, window: &Window) -> Field {
        let kernel = [window.kernel.0, window.kernel.1];
        let dilation = [window.dilation.0, window.dilation.1];
        let (stride, pad) = ([window.stride.0, window.stride.1], [window.pad.top, window.pad.left]);
        self.along(|k, _, span| {
            let reach = (kernel[k] as f64 - 1.0) * dilation[k] as f64;
            let pad = pad[k] as f64;
            Span {
                first: span.first - pad * span.jump,
                last: span.last + (reach - pad) * span.jump,
                jump: span.jump * stride[k] as f64,
            }
        })
    }

    /// What all elements along some dimensions see together; `extents` are those of the value.
    fn whole(self, extents: &[usize], of: impl Fn(usize) -> bool) -> Field {
        self.along(|_, axis, span| match of(axis) {
            true => {
                let extent = extents[axis] as f64;
                Span { last: span.last + (extent - 1.0) * span.jump, jump: span.jump * extent, ..span }
            }
            false => span,
        })
    }

    /// What either sees. Neighbours are as far apart as in `self`.
    fn join(self, other: Field) -> Field {
        let mut joined = self;
        for (span, other) in joined.spans.iter_mut().zip(other.spans) {
            span.first = span.first.min(other.first);
            span.last = span.last.max(other.last);
        }
        joined
    }
}

/// The fields of all values that come from planes.
pub(super) fn fields(graph: &Graph) -> HashMap<NodeId, Field> {
    let mut fields: HashMap<NodeId, Field> = HashMap::new();
    for &id in graph.order() {
        if let Some(field) = field(graph, id, &fields) {
            fields.insert(id, field);
        }
    }
    fields
}

fn field(graph: &Graph, id: NodeId, fields: &HashMap<NodeId, Field>) -> Option<Field> {
    let ty = graph.ty(id);
    if let Op::Input(_) = graph[id].op() {
        let span = Span { first: 0.0, last: 0.0, jump: 1.0 };
        return (ty.rank() == 4).then_some(Field { spans: [span; 2], axes: Some([2, 3]) });
    }
    let operands = graph.operands(id);
    // Operands of the result's own extents come first: others are stretched to it.
    let stretched = |&&operand: &&NodeId| graph.ty(operand).dims() != ty.dims();
    let (alike, others): (Vec<_>, Vec<_>) = operands.iter().partition(|operand| !stretched(operand));
    let seen = alike.iter().chain(&others).filter_map(|operand| fields.get(operand).copied());
    let x = seen.reduce(Field::join)?;
    let extents = operands.first().map(|&x| graph.ty(x).dims()).unwrap_or_default();
    let on = |axis: i64| move |d: usize| d as i64 == axis;
    Some(match graph[id].op() {
        Op::Conv(conv) => x.slide(&conv.window(graph.ty(*operands.get(1)?))),
        Op::MaxPool(pool) => x.slide(&pool.window()),
        Op::AvgPool(pool) => x.slide(&pool.window()),
        Op::ReduceMean(r) => reduced(x, extents, &r.axes, r.keep),
        Op::ReduceMax(r) => reduced(x, extents, &r.axes, r.keep),
        Op::ReduceSum(r) => reduced(x, extents, &r.axes, r.keep),
        Op::Slice(s) => x.along(|_, axis, span| {
            let moved = s.starts[axis] as f64 * span.jump;
            let step = s.steps.get(axis).copied().unwrap_or(1) as f64;
            Span { first: span.first + moved, last: span.last + moved, jump: span.jump * step }
        }),
        Op::Padding(p) => x.along(|_, axis, span| {
            let moved = p.before[axis] as f64 * span.jump;
            Span { first: span.first - moved, last: span.last - moved, ..span }
        }),
        Op::Resize(r) => x.along(|_, axis, span| {
            let between = if r.mode == ResizeMode::Linear { span.jump } else { 0.0 };
            Span { last: span.last + between, jump: span.jump / f64::from(r.scales[axis]), ..span }
        }),
        Op::DepthToSpace(d) => x.along(|_, _, span| Span { jump: span.jump / d.block as f64, ..span }),
        Op::Transpose(t) => {
            let new = |old: usize| t.perm.iter().position(|&axis| axis == old as i64);
            let axes = x.axes.and_then(|[h, w]| Some([new(h)?, new(w)?]));
            Field { axes, ..x }
        }
        Op::Reshape(_) => match x.axes {
            // Planes that stay planes, whatever becomes of the channels.
            Some([h, _])
                if extents.len() == h + 2 && ty.rank() >= 2 && ty.dims()[ty.rank() - 2..] == extents[h..] =>
            {
                Field { axes: Some([ty.rank() - 2, ty.rank() - 1]), ..x }
            }
            _ => Field { axes: None, ..x.whole(extents, |_| true) },
        },
        Op::Concat(c) => x.whole(extents, on(c.axis)),
        Op::Gather(g) => x.whole(extents, on(g.axis)),
        Op::Softmax(s) => x.whole(extents, on(s.axis)),
        Op::Gemm(_) | Op::Matmul(_) => Field { axes: None, ..x.whole(extents, |_| true) },
        _ => x,
    })
}

fn reduced(x: Field, extents: &[usize], axes: &[i64], keep: bool) -> Field {
    let is_reduced = |d: usize| axes.contains(&(d as i64));
    let whole = x.whole(extents, is_reduced);
    let gone = |before: usize| (0..before).filter(|&d| is_reduced(d)).count();
    let axes = match keep {
        true => whole.axes,
        false => whole.axes.filter(|a| !a.iter().any(|&d| is_reduced(d))).map(|a| a.map(|d| d - gone(d))),
    };
    Field { axes, ..whole }
}
