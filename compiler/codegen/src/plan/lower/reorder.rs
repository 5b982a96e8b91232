//! Reorder steps: a value from plain to blocked layout, or back.

use super::pieces::pieces;
use super::pipe::{read, write};
use crate::kernels::reorder::Reorder;
use crate::plan::{Call, Home, Layout, Planner, Term};
use cnnc_ir::Type;

/// What such a step is called.
pub(in crate::plan) const REORDER: &str = "reorder";

/// Pixels of a unit.
const PIXELS: usize = 512;

/// Appends a step that moves a value of this type from one layout to the other.
pub(in crate::plan) fn reorder(
    p: &mut Planner,
    name: &str,
    ty: &Type,
    from: Home,
    to: Home,
) -> Result<(), String> {
    let [n, c, ref image @ ..] = *ty.dims() else {
        return Err(format!("a value of type {ty} has no channels to put into blocks"));
    };
    let plane: usize = image.iter().product();
    let into_blocks = to.layout == Layout::Blocked;
    let lanes = p.target.lanes;
    let mut calls = Vec::new();
    for (first, count, channels) in pieces(c, lanes) {
        for (start, runs, pixels) in pieces(plane, PIXELS) {
            let side = |Home { place, layout, image }: Home| {
                let blocked = layout == Layout::Blocked;
                let pixel = if blocked { 4 * lanes } else { 4 };
                let block = plane * 4 * lanes;
                let place = place.moved((first * block + start * PIXELS * pixel) as i64);
                let terms = vec![
                    Term::Index { dim: 0, stride: image },
                    Term::Index { dim: 1, stride: block as i64 },
                    Term::Index { dim: 2, stride: (PIXELS * pixel) as i64 },
                ];
                let span = if blocked { pixels * pixel } else { ((channels - 1) * plane + pixels) * 4 };
                (place, terms, 0..span as i64)
            };
            let (to, to_terms, to_span) = side(to);
            let (from, from_terms, from_span) = side(from);
            let kernel = Reorder { into_blocks, pixels, channels, plane: 4 * plane as i64 };
            calls.push(Call {
                kernel: kernel.into(),
                extents: vec![n as u64, count as u64, runs as u64],
                window: None,
                args: vec![write(to, to_terms, to_span), read(from, from_terms, from_span)],
            });
        }
    }
    let algorithm = if into_blocks { "plain to blocked" } else { "blocked to plain" };
    p.step(name, REORDER, algorithm.into(), calls, 0);
    Ok(())
}
