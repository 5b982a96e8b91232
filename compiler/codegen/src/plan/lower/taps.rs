//! Windows in scalar code: a fold over the taps of the window of one element, for convolutions and pools of any type.

use super::scalar::Element;
use crate::scalar::Value;
use cnnc_ir::ops::Window;

/// One tap of the window of an element.
#[derive(Clone, Copy)]
pub(super) struct Tap<'e> {
    /// The row and the column of the window.
    pub at: [Value<'e>; 2],
    /// The row and the column of the plane, moved inside.
    pub place: [Value<'e>; 2],
    /// Whether it lies inside of the plane.
    pub is_inside: Value<'e>,
    /// Whether it lies inside of the plane or on its padding.
    pub is_padded: Value<'e>,
}

/// What is held after all taps of the window of result element `i, j`, row by row, over a plane of such extents.
pub(super) fn fold<'e, const N: usize>(
    e: &'e Element<'e>,
    window: &Window,
    plane: [usize; 2],
    [i, j]: [Value<'e>; 2],
    first: [Value<'e>; N],
    tap: impl Fn(Tap<'e>, [Value<'e>; N]) -> [Value<'e>; N],
) -> [Value<'e>; N] {
    let sides = window.over(plane[0], plane[1]);
    let place = |side: usize, i: Value<'e>, u: Value<'e>| {
        let of = &sides[side];
        let place = i * of.stride + u * of.dilation - of.before;
        let is_inside = place.ge(0) & place.lt(of.extent);
        (place.max(0).min(of.extent.max(1) - 1), is_inside, place.lt(of.extent + of.after))
    };
    e.fold(sides[0].kernel, first, |u, held| {
        let (row, row_inside, row_padded) = place(0, i, u);
        e.fold(sides[1].kernel, held, |v, held| {
            let (column, column_inside, column_padded) = place(1, j, v);
            let reached = Tap {
                at: [u, v],
                place: [row, column],
                is_inside: row_inside & column_inside,
                is_padded: row_padded & column_padded,
            };
            tap(reached, held)
        })
    })
}
