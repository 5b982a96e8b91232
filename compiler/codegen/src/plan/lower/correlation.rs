//! `conv` in scalar code: of any element type, and by weights that are computed.
//!
//! A sum runs over rows and columns of the window first and over channels innermost: what lies on the padding is left
//! out as a whole.

use super::scalar::{self, Element};
use super::taps;
use crate::plan::Planner;
use crate::scalar::Value;
use cnnc_ir::NodeId;
use cnnc_ir::ops::Conv;

/// Lowers a convolution and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, conv: &Conv) -> Result<(), String> {
    let has_bias = p.module.graph.expr(id).operands.len() > 2;
    scalar::lower(p, id, |e| {
        let (x, w) = (e.operand(0), e.operand(1));
        let [_, o, ..] = e.at::<4>()?;
        let bias = if has_bias { e.operand(2).at(&[o]) } else { e.number(x.dtype(), 0) };
        correlate(e, conv, bias, |sum, x_at, w_at| x.at(x_at).mul_add(w.at(w_at), sum))
    })
}

/// The sum over all taps of a window that lie in the plane and all channels of a group: `term` adds what an element of
/// x and one of w, given by their coordinates, make.
pub(super) fn correlate<'e>(
    e: &'e Element<'e>,
    conv: &Conv,
    start: Value<'e>,
    term: impl Fn(Value<'e>, &[Value<'e>], &[Value<'e>]) -> Value<'e>,
) -> Result<Value<'e>, String> {
    let (x, w) = (e.operand(0), e.operand(1));
    let [n, o, i, j] = e.at()?;
    let &[outputs, inputs, ..] = w.dims() else { return Err("the weights are no filters".into()) };
    let &[_, _, height, width] = x.dims() else { return Err("the operand is no image".into()) };
    let first = o / (outputs / conv.groups) * inputs;
    // No tap is inside a plane without elements.
    let terms = if height * width == 0 { 0 } else { inputs };
    let [sum] = taps::fold(e, &conv.window(w.ty()), [height, width], [i, j], [start], |tap, [sum]| {
        let ([u, v], [row, column]) = (tap.at, tap.place);
        e.fold(tap.is_inside.select(e.i64(terms), 0), [sum], |c, [sum]| {
            [term(sum, &[n, first + c, row, column], &[o, c, u, v])]
        })
    });
    Ok(sum)
}
