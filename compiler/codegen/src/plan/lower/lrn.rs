//! `lrn`: channel block by channel block, a run of pixels a unit.
//!
//! A region reaches into the neighbouring blocks, so the first and the last block, which lack one, have kernels of
//! their own. Regions that reach further, divisors that may not be positive, and other element types than f32 are
//! computed element by element.

use super::pieces::pieces;
use super::pipe::{read, write};
use super::scalar;
use crate::kernels::lrn::{Lrn, ROOTS};
use crate::plan::{Call, Layout, Planner, Term};
use crate::scalar::math;
use cnnc_ir::{NodeId, ops};

/// Pixels of a unit.
const PIXELS: usize = 256;

/// Lowers an lrn and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, lrn: &ops::Lrn) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let lanes = p.target.lanes;
    let (below, above) = ((lrn.size - 1) / 2, lrn.size / 2);
    let is_positive = lrn.alpha >= 0.0 && lrn.bias > 0.0;
    if above > lanes || !ROOTS.contains(&lrn.beta) && !is_positive {
        return lower_each(p, id, lrn);
    }
    let [n, channels, ref image @ ..] = *p.ty(id).dims() else {
        return Err("lrn takes channels".into());
    };
    let pixels: usize = image.iter().product();
    let from = p.operand(expr.operands[0], Layout::Blocked)?;
    let to = p.result(id, Layout::Blocked);
    let blocks = channels.div_ceil(lanes);
    let vector = 4 * lanes as i64;
    let plane = pixels as i64 * vector;
    let terms = |image: i64| {
        vec![
            Term::Index { dim: 0, stride: image },
            Term::Index { dim: 1, stride: plane },
            Term::Index { dim: 2, stride: PIXELS as i64 * vector },
        ]
    };
    let mut calls = Vec::new();
    let mut call = |first: usize, count: usize| {
        let has_before = below > 0 && first > 0;
        let has_behind = above > 0 && first + count < blocks;
        let last = first + count == blocks && !channels.is_multiple_of(lanes);
        for (start, runs, pixels) in pieces(pixels, PIXELS) {
            let kernel = Lrn {
                pixels,
                plane,
                below,
                above,
                has_before,
                has_behind,
                lanes: if last { channels % lanes } else { lanes },
                share: (lrn.alpha / lrn.size as f32).to_bits(),
                bias: lrn.bias.to_bits(),
                beta: lrn.beta.to_bits(),
            };
            let run = pixels as i64 * vector;
            let span = if has_before { -plane } else { 0 }..run + if has_behind { plane } else { 0 };
            let args = [write(to.place, terms(to.image), 0..run), read(from.place, terms(from.image), span)];
            calls.push(Call {
                kernel: kernel.into(),
                extents: vec![n as u64, count as u64, runs as u64],
                window: None,
                args: args.iter().map(|arg| arg.skipping(1, first).skipping(2, start)).collect(),
            });
        }
    };
    match blocks {
        1 => call(0, 1),
        _ => {
            call(0, 1);
            call(1, blocks - 2);
            call(blocks - 1, 1);
        }
    }
    p.step(&p.name(id), "lrn", format!("{} channels", lrn.size), calls, 0);
    super::finish(p, id, to, expr.stages)
}

/// Lowers an lrn of any element type and the pipe behind it, element by element.
pub(super) fn lower_each(p: &mut Planner, id: NodeId, lrn: &ops::Lrn) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let x = e.operand(0);
        let at = e.coordinates();
        let across = |c| {
            let mut at = at.clone();
            at[1] = c;
            x.at(&at)
        };
        let channels = x.dims()[1];
        let (below, above) = (((lrn.size - 1) / 2).min(channels), (lrn.size / 2).min(channels));
        let first = (at[1] - below).max(0);
        let behind = (at[1] + above + 1).min(channels);
        let [sum] = e.fold(behind - first, [e.number(x.dtype(), 0)], |r, [sum]| {
            let element = across((first + r).min(channels.max(1) - 1));
            [sum + element * element]
        });
        let share = f64::from(lrn.alpha) / lrn.size as f64;
        let divisor = sum * share + f64::from(lrn.bias);
        Ok(x.here() / math::pow(divisor, divisor.like(f64::from(lrn.beta))))
    })
}
