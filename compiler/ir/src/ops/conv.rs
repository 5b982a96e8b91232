//! `conv`: 2-D cross-correlation.
//!
//!     y[n,o,i,j] = b[o] + sum over c,u,v of w[o,c,u,v] * x[n, g*C+c, i*s+u*d-p, j*s+v*d-p]
//!     g = o / (O / groups)
//!
//! Operands: x `[N, groups*C, H, W]`, w `[O, C, KH, KW]`, b `[O]` (optional). Result `[N, O, OH, OW]` with
//! `OH = (H + top + bottom - (KH - 1) * dilation - 1) / stride + 1`; terms outside x are no part of a
//! sum: a weight that is infinite or no number counts where it meets an element, not where it meets padding.
//!
//! (C1) operands are real, of one type, x and w of rank 4, b of rank 1. (C2) x has groups*C channels.
//! (C3) O is a positive multiple of groups, and b has O elements. And the rules of [windows](super::Window):
//! (W1) kernel, stride and dilation are positive, (W2) a window fits.
//!
//! A sum starts from b, or 0, and runs through c, u, v in ascending order; each product is rounded before it
//! is added.

use super::product::{LANES, add_product};
use super::{Cost, Operator, Window};
use crate::attrs::{Attrs, Hw, Pad};
use crate::error::require;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Tensor, Type};
use rayon::prelude::*;

/// 2-D cross-correlation.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Distance of neighbouring windows.
    pub stride: Hw,
    /// Zeros around x.
    pub pad: Pad,
    /// Distance of neighbouring taps.
    pub dilation: Hw,
    /// Independent groups of channels.
    pub groups: usize,
}

impl Default for Conv {
    fn default() -> Conv {
        Conv { stride: Hw(1, 1), pad: Pad::ZERO, dilation: Hw(1, 1), groups: 1 }
    }
}

impl Operator for Conv {
    const NAME: &'static str = "conv";
    const ARITY: (usize, usize) = (2, 3);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.hw("stride", &mut self.stride, Hw(1, 1));
        a.pad("pad", &mut self.pad);
        a.hw("dilation", &mut self.dilation, Hw(1, 1));
        a.count("groups", &mut self.groups, 1);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (x, w) = (operands[0], operands[1]);
        let one_type = operands.iter().all(|t| t.dtype == x.dtype && t.dtype.is_float());
        require!(
            one_type && x.rank() == 4 && w.rank() == 4,
            "(C1): x {x} and w {w} must be real and of rank 4"
        );
        let (groups, c) = (self.groups, w.dims()[1]);
        require!(
            groups > 0 && c.checked_mul(groups) == Some(x.dims()[1]),
            "(C2): input {x} has {} channels, weight {w} with groups={groups} expects {}",
            x.dims()[1],
            c.saturating_mul(groups)
        );
        let o = w.dims()[0];
        require!(
            o > 0 && o % groups == 0,
            "(C3): {o} output channels are no positive multiple of groups={groups}"
        );
        if let Some(b) = operands.get(2) {
            require!(b.dims() == [o], "(C3): bias {b} must be [{o}], one element for each output channel");
        }
        let [rows, columns] = self.window(w).infer(x)?;
        x.with_dims([x.dims()[0], o, rows, columns])
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_real!(operands[0], T => self.correlate::<T>(operands, result))
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let taps: usize = operands[1].dims()[1..].iter().product();
        Cost { macs: (result.elements() as u64).saturating_mul(taps as u64), flops: 0 }
    }
}

impl Conv {
    /// The window that slides over each plane of x, for weights of that type.
    pub fn window(&self, w: &Type) -> Window {
        let Conv { stride, pad, dilation, .. } = *self;
        Window { kernel: Hw(w.dims()[2], w.dims()[3]), stride, pad, dilation, ceil: false }
    }

    /// A matrix product for each image and group: rows are output channels, columns are output elements, and
    /// the terms of a sum are the taps of its window.
    fn correlate<T: Real>(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let (x, w) = (operands[0], operands[1]);
        let (xs, ws) = (x.slice::<T>(), w.slice::<T>());
        let bias = operands.get(2).map(|b| b.slice::<T>());
        let [height, width] = [2, 3].map(|d| x.shape()[d]);
        let (o, c) = (w.shape()[0] / self.groups, w.shape()[1]);
        let sides = self.window(&w.ty()).over(height, width);
        let (oh, ow) = (result.dims()[2], result.dims()[3]);
        let taps = sides[0].kernel * sides[1].kernel;
        let depth = c * taps;
        let mut y = vec![T::default(); result.elements()];
        y.par_chunks_mut((o * oh * ow).max(1)).enumerate().for_each(|(block, y)| {
            let image = &xs[block * c * height * width..][..c * height * width];
            let first = block % self.groups * o;
            if let Some(bias) = bias {
                for (y, &bias) in y.chunks_mut(oh * ow).zip(&bias[first..]) {
                    y.fill(bias);
                }
            }
            // The product takes padding as zeros, which only a finite weight makes nothing of.
            let weights = &ws[first * depth..(first + o) * depth];
            let finite = |i: usize, k: usize| Some(weights[i * depth + k]).filter(|&w| is_finite(w));
            let tap = |i: usize, k: usize| finite(i, k).unwrap_or_default();
            add_product(y, oh * ow, depth, tap, |ks, column, panel| {
                // Where each lane's window meets each row and column of the kernel; beyond the plane for
                // padding.
                let windows: [(usize, usize); LANES] = std::array::from_fn(|lane| {
                    let window = (column + lane).min(oh * ow - 1);
                    (window / ow, window % ow)
                });
                let beyond = usize::MAX / 2;
                let row = |u| windows.map(|(i, _)| sides[0].element(i, u).map_or(beyond, |at| at * width));
                let column = |v| windows.map(|(_, j)| sides[1].element(j, v).unwrap_or(beyond));
                let rows: Vec<[usize; LANES]> = (0..sides[0].kernel).map(row).collect();
                let columns: Vec<[usize; LANES]> = (0..sides[1].kernel).map(column).collect();
                for (k, line) in ks.zip(panel) {
                    let (u, v) = (k % taps / columns.len(), k % columns.len());
                    let plane = &image[k / taps * height * width..][..height * width];
                    for lane in 0..LANES {
                        line[lane] = plane.get(rows[u][lane] + columns[v][lane]).copied().unwrap_or_default();
                    }
                }
            });
            for (at, &w) in weights.iter().enumerate().filter(|(_, w)| !is_finite(**w)) {
                let (i, k) = (at / depth, at % depth);
                let (u, v) = (k % taps / sides[1].kernel, k % sides[1].kernel);
                let plane = &image[k / taps * height * width..][..height * width];
                for (window, y) in y[i * oh * ow..(i + 1) * oh * ow].iter_mut().enumerate() {
                    let (row, column) = (sides[0].element(window / ow, u), sides[1].element(window % ow, v));
                    if let (Some(row), Some(column)) = (row, column) {
                        *y += w * plane[row * width + column];
                    }
                }
            }
        });
        Tensor::of(&result.shape, y)
    }
}

fn is_finite<T: Real>(x: T) -> bool {
    x.to_f64().is_finite()
}
