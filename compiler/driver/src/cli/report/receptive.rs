//! Receptive fields: what part of the input an element depends on, along height and width.
//!
//! Element i of a value sees the columns `first + i * jump ..= last + i * jump` of the input. What takes the elements
//! `from ..= to` of it for its first, and moves on by a step, sees
//!
//!     first + min(from * jump, to * jump) ..= last + max(from * jump, to * jump),  jump * step
//!
//! A window of k taps at distance d, stride s, padding p takes `-p ..= (k - 1) * d - p` and moves on by s; a transposed
//! one takes every s-th tap of as many and moves on by 1 / s. A sum of two values sees what either does. A matrix
//! product, and what else mixes elements across a plane, sees what all elements of its operands do. Fields count
//! padding: they may be larger than the input. Values that do not come from planes have none.

use std::collections::HashMap;

use cnnc_ir::ops::{
    ArgMax, ConvTranspose, ReduceMax, ReduceMean, ReduceMin, ReduceProd, ReduceSum, ReduceSumSquare, Window,
};
use cnnc_ir::{Graph, NodeId, Op, Type};

/// The part of the input that an element depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Field {
    /// Height and width.
    spans: [Span; 2],
    /// The dimensions of the value that are height and width, as far as they are left.
    axes: [Option<usize>; 2],
}

/// Columns, or rows, that element 0 sees, and how far apart those of its neighbour are.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    first: f64,
    last: f64,
    jump: f64,
}

impl Span {
    /// What the elements `from ..= to` see together, for one that is moved on by `step` of them.
    fn over(self, from: f64, to: f64, step: f64) -> Span {
        let (from, to) = (from * self.jump, to * self.jump);
        Span { first: self.first + from.min(to), last: self.last + from.max(to), jump: self.jump * step }
    }
}

impl Field {
    /// Rows and columns.
    pub(super) fn size(&self) -> [u64; 2] {
        self.spans.map(|span| (span.last - span.first + 1.0).ceil() as u64)
    }

    /// Rows and columns between the fields of neighbours.
    pub(super) fn jump(&self) -> [f64; 2] {
        self.spans.map(|span| span.jump.abs())
    }

    /// The same with each dimension changed that is left; `change` gets the dimension.
    fn along(mut self, change: impl Fn(usize, Span) -> Span) -> Field {
        for (span, axis) in self.spans.iter_mut().zip(self.axes) {
            *span = axis.map_or(*span, |axis| change(axis, *span));
        }
        self
    }

    /// The same, of a value whose dimensions stand elsewhere or are gone.
    fn moved(self, to: impl Fn(usize) -> Option<usize>) -> Field {
        Field { axes: self.axes.map(|axis| axis.and_then(&to)), ..self }
    }

    /// What all elements along some dimensions see together, as each of the result does.
    fn whole(self, x: &Type, of: impl Fn(usize) -> bool) -> Field {
        self.along(|axis, span| match x.dims().get(axis) {
            Some(&extent) if of(axis) => span.over(0.0, extent.saturating_sub(1) as f64, 0.0),
            _ => span,
        })
    }

    /// What all elements see together.
    fn all(self, x: &Type) -> Field {
        self.whole(x, |_| true).moved(|_| None)
    }

    /// What a window sees that slides over the planes.
    fn slide(self, window: &Window) -> Field {
        let Window { kernel, stride, pad, dilation, .. } = *window;
        let over = |span: Span, kernel: usize, dilation: usize, pad: usize, stride: usize| {
            let (reach, pad) = ((kernel as f64 - 1.0) * dilation as f64, pad as f64);
            span.over(-pad, reach - pad, stride as f64)
        };
        self.along(|axis, span| match axis {
            2 => over(span, kernel.0, dilation.0, pad.top, stride.0),
            3 => over(span, kernel.1, dilation.1, pad.left, stride.1),
            _ => span,
        })
    }

    /// What an element sees that planes are spread over.
    fn spread(self, conv: &ConvTranspose, x: &Type, w: &Type) -> Field {
        let spread = conv.spread(x, w);
        self.along(|axis, span| match axis.checked_sub(2).and_then(|plane| spread.get(plane)) {
            Some(s) => {
                let (reach, stride) = ((s.kernel as f64 - 1.0) * s.dilation as f64, s.stride as f64);
                let last = (s.before as f64 / stride).floor();
                span.over(last - (reach / stride).floor(), last, stride.recip())
            }
            None => span,
        })
    }

    /// What the same elements see where x is stretched to the result: its innermost dimensions are those of x.
    fn stretched(self, x: &Type, result: &Type) -> Field {
        let more = result.rank().saturating_sub(x.rank());
        let same = |axis: usize| x.dims().get(axis) == result.dims().get(axis + more);
        let field = self.along(|axis, span| if same(axis) { span } else { Span { jump: 0.0, ..span } });
        field.moved(|axis| Some(axis + more))
    }

    /// What either sees.
    fn join(self, other: Field) -> Field {
        let mut joined = self;
        for (span, other) in joined.spans.iter_mut().zip(other.spans) {
            span.first = span.first.min(other.first);
            span.last = span.last.max(other.last);
            // What is stretched says nothing of neighbours.
            span.jump = if span.jump == 0.0 { other.jump } else { span.jump };
        }
        for (axis, other) in joined.axes.iter_mut().zip(other.axes) {
            *axis = axis.or(other);
        }
        joined
    }
}

/// The fields of all values that come from planes.
pub(super) fn fields(graph: &Graph) -> HashMap<NodeId, Field> {
    let mut fields: HashMap<NodeId, Field> = HashMap::new();
    for &id in graph.order() {
        let operands = graph.operands(id).into_iter().enumerate();
        let seen = operands.filter_map(|(slot, x)| Some(through(graph, id, slot, fields.get(&x).copied()?)));
        let field = match graph[id].op() {
            Op::Input(_) => input(graph.ty(id)),
            _ => seen.reduce(Field::join),
        };
        fields.extend(field.map(|field| (id, field)));
    }
    fields
}

/// Elements of a plane see themselves.
fn input(ty: &Type) -> Option<Field> {
    let span = Span { first: 0.0, last: 0.0, jump: 1.0 };
    (ty.rank() == 4).then_some(Field { spans: [span; 2], axes: [Some(2), Some(3)] })
}

/// What the result of a node sees through the operand in that place; what is not known to see less sees all of it.
fn through(graph: &Graph, id: NodeId, slot: usize, field: Field) -> Field {
    let (op, result, operands) = (graph[id].op(), graph.ty(id), graph.operands(id));
    let types: Vec<&Type> = operands.iter().map(|&operand| graph.ty(operand)).collect();
    let x = types[slot];
    let on = |axis: i64| move |d: usize| d as i64 == axis;
    let channels = || field.whole(x, |d| d == 1);
    match op {
        op if op.is_elementwise() => field.stretched(x, result),
        Op::Quantize(_) | Op::Dequantize(_) | Op::Requantize(_) => field.stretched(x, result),
        Op::Concat(c) => field.whole(x, on(c.axis)),
        _ if slot > 0 => field.all(x),
        Op::Cast(_) | Op::Expand(_) | Op::BatchNorm(_) | Op::Identity(_) | Op::Dropout(_) => {
            field.stretched(x, result)
        }
        Op::Conv(conv) => channels().slide(&conv.window(types[1])),
        Op::ConvInteger(c) => channels().slide(&c.conv.window(types[1])),
        Op::ConvTranspose(conv) => channels().spread(conv, x, types[1]),
        Op::MaxPool(pool) => field.slide(&pool.window()),
        Op::ArgMaxPool(arg) => field.slide(&arg.pool.window()),
        Op::AvgPool(pool) => field.slide(&pool.window()),
        Op::ReduceSum(ReduceSum { axes, keep })
        | Op::ReduceSumSquare(ReduceSumSquare { axes, keep })
        | Op::ReduceMean(ReduceMean { axes, keep })
        | Op::ReduceProd(ReduceProd { axes, keep })
        | Op::ReduceMax(ReduceMax { axes, keep })
        | Op::ReduceMin(ReduceMin { axes, keep }) => reduced(field, x, axes, *keep),
        Op::ArgMax(ArgMax { axis, keep, .. }) => reduced(field, x, &[*axis], *keep),
        Op::Lrn(_) => channels(),
        Op::Softmax(s) => field.whole(x, on(s.axis)),
        Op::CumSum(s) => field.whole(x, on(s.axis)),
        Op::TopK(k) => field.whole(x, on(k.axis)),
        Op::GatherElements(g) => field.whole(x, on(g.axis)),
        // Dimensions behind the axis stand behind those of the indices.
        Op::Gather(g) => reduced(field, x, &[g.axis], false)
            .moved(|axis| Some(axis + if axis as i64 >= g.axis { types[1].rank() } else { 0 })),
        Op::Slice(s) => field.along(|axis, span| {
            let [start, step] = [(&s.starts, 0), (&s.steps, 1)]
                .map(|(all, default)| all.get(axis).copied().unwrap_or(default) as f64);
            span.over(start, start, step)
        }),
        Op::Padding(p) => field.along(|axis, span| {
            let before = p.before.get(axis).map_or(0.0, |&before| before as f64);
            span.over(-before, -before, 1.0)
        }),
        Op::Resize(r) => {
            let resized = r.order(x.dims());
            field.along(|axis, span| match resized.contains(&axis) {
                true => {
                    let taps = r.count(axis);
                    let (before, behind) = (taps.saturating_sub(1) / 2, taps / 2);
                    span.over(-(before as f64), behind as f64, f64::from(r.scales[axis]).recip())
                }
                false => span,
            })
        }
        Op::DepthToSpace(d) => channels().along(|axis, span| match axis {
            2 | 3 => span.over(0.0, 0.0, (d.block as f64).recip()),
            _ => span,
        }),
        Op::Transpose(t) => field.moved(|axis| t.perm.iter().position(|&old| old == axis as i64)),
        Op::Reshape(_) if is_plane(field, x, result) => {
            field.moved(|axis| (axis + result.rank()).checked_sub(x.rank()))
        }
        _ => field.all(x),
    }
}

/// Whether a value of another shape still ends in the planes of x, whatever becomes of the channels.
fn is_plane(field: Field, x: &Type, result: &Type) -> bool {
    let last = |ty: &Type| ty.dims().last_chunk::<2>().copied();
    last(x).is_some()
        && last(x) == last(result)
        && field.axes.iter().flatten().all(|axis| axis + 2 >= x.rank())
}

/// What folds some dimensions of x sees; they go away unless they are kept.
fn reduced(field: Field, x: &Type, axes: &[i64], keep: bool) -> Field {
    let is_reduced = |d: usize| axes.contains(&(d as i64));
    let gone = |before: usize| (0..before).filter(|&d| is_reduced(d)).count();
    field.whole(x, is_reduced).moved(|axis| match keep {
        true => Some(axis),
        false => (!is_reduced(axis)).then(|| axis - gone(axis)),
    })
}
