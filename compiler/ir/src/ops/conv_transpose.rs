//! `conv_transpose`: the transpose of 2-D cross-correlation: each element of x spreads the kernel over y.
//!
//!     y[n,o,i,j] = b[o] + sum over c,u,v of x[n, g*C+c, (i+p-u*d)/s, (j+p-v*d)/s] * w[g*C+c, o-g*O, u, v]
//!     g = o / O
//!
//! A term is there where both divisions leave no remainder and x has the element. Operands: x
//! `[N, groups*C, H, W]`, w `[groups*C, O, KH, KW]`, b `[groups*O]` (optional). Result `[N, groups*O, OH, OW]`
//! with `OH = (H - 1) * stride + (KH - 1) * dilation + 1 - top - bottom + extra`.
//!
//! (C1) operands are real, of one type, x and w of rank 4, b of rank 1. (C2) x has as many channels as w, a
//! positive multiple of groups, and b has groups*O elements. (C3) kernel, stride and dilation are positive,
//! and as padding and `extra` at most 2^20. (C4) x has rows and columns, and so has the result.
//!
//! A sum starts from b, or 0, and runs through c, u, v in ascending order; each product is rounded before it
//! is added.

use super::window::LARGEST;
use super::{Cost, Operator};
use crate::attrs::{Attrs, Hw, Pad};
use crate::error::{mismatch, require};
use crate::tensor::with_real;
use crate::{Mismatch, Real, Tensor, Type};
use rayon::prelude::*;

/// The transpose of 2-D cross-correlation.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvTranspose {
    /// Distance in y of neighbouring elements of x.
    pub stride: Hw,
    /// What is cut off around y.
    pub pad: Pad,
    /// Distance of neighbouring taps.
    pub dilation: Hw,
    /// Rows and columns that y has more, behind the others.
    pub extra: Hw,
    /// Independent groups of channels.
    pub groups: usize,
}

impl Default for ConvTranspose {
    fn default() -> ConvTranspose {
        ConvTranspose { stride: Hw(1, 1), pad: Pad::ZERO, dilation: Hw(1, 1), extra: Hw(0, 0), groups: 1 }
    }
}

/// Elements spread along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Elements of x.
    pub extent: usize,
    /// Taps of the kernel.
    pub kernel: usize,
    /// Distance in y of neighbouring elements of x.
    pub stride: usize,
    /// Distance of neighbouring taps.
    pub dilation: usize,
    /// Elements of y cut off in front.
    pub before: usize,
    /// Elements of y cut off behind.
    pub after: usize,
    /// Elements of y added behind.
    pub extra: usize,
}

impl Spread {
    /// How many elements the result has; `None` when there are none or too many to count.
    pub fn count(&self) -> Option<usize> {
        let first = self.extent.checked_sub(1)?.checked_mul(self.stride)?;
        let reach = self.kernel.checked_sub(1)?.checked_mul(self.dilation)?;
        let whole = first.checked_add(reach)?.checked_add(1)?.checked_add(self.extra)?;
        whole.checked_sub(self.before)?.checked_sub(self.after).filter(|&n| n > 0)
    }

    /// The element of x that element i of the result meets through tap u.
    pub fn element(&self, i: usize, u: usize) -> Option<usize> {
        let apart = (i + self.before).checked_sub(u * self.dilation)?;
        (apart % self.stride == 0).then_some(apart / self.stride).filter(|&at| at < self.extent)
    }
}

impl Operator for ConvTranspose {
    const NAME: &'static str = "conv_transpose";
    const ARITY: (usize, usize) = (2, 3);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.hw("stride", &mut self.stride, Hw(1, 1));
        a.pad("pad", &mut self.pad);
        a.hw("dilation", &mut self.dilation, Hw(1, 1));
        a.hw("extra", &mut self.extra, Hw(0, 0));
        a.count("groups", &mut self.groups, 1);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (x, w) = (operands[0], operands[1]);
        let one_type = operands.iter().all(|t| t.dtype == x.dtype && t.dtype.is_float());
        require!(
            one_type && x.rank() == 4 && w.rank() == 4,
            "(C1): x {x} and w {w} must be real and of rank 4"
        );
        let (groups, channels) = (self.groups, w.dims()[0]);
        require!(
            channels == x.dims()[1] && channels > 0 && channels.checked_rem(groups) == Some(0),
            "(C2): x {x} and w {w} must have as many channels, a positive multiple of groups={groups}"
        );
        let Some(o) = w.dims()[1].checked_mul(groups) else {
            mismatch!("(C2): w {w} with groups={groups} makes too many channels")
        };
        if let Some(b) = operands.get(2) {
            require!(b.dims() == [o], "(C2): bias {b} must be [{o}], one element for each output channel");
        }
        let ConvTranspose { stride, pad, dilation, extra, .. } = *self;
        let kernel = Hw(w.dims()[2], w.dims()[3]);
        let positive = [kernel, stride, dilation].iter().all(|&Hw(h, w)| h.min(w) > 0);
        let Pad { top, left, bottom, right } = pad;
        let all = [kernel, stride, dilation, extra, Hw(top, left), Hw(bottom, right)];
        require!(
            positive && all.iter().all(|&Hw(h, w)| h.max(w) <= LARGEST),
            "(C3): kernel {kernel}, stride {stride}, dilation {dilation}: all must be positive, and as extra \
             {extra} and padding {} at most {LARGEST}",
            pad.total()
        );
        let [rows, columns] = self.spread(x, w);
        match (rows.count(), columns.count()) {
            (Some(rows), Some(columns)) => x.with_dims([x.dims()[0], o, rows, columns]),
            _ => mismatch!(
                "(C4): x {x} spread by a {kernel} kernel with stride {stride} less padding {} leaves nothing",
                pad.total()
            ),
        }
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_real!(operands[0], T => self.transpose::<T>(operands, result))
    }

    /// Each element of x meets all taps of its channel, but each of y no more than it has: padding cuts off others.
    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let (x, w) = (operands[0], operands[1].dims());
        let met = |elements: usize, channels: usize| {
            [elements, channels, w[2], w[3]].into_iter().fold(1u64, |all, n| all.saturating_mul(n as u64))
        };
        Cost { macs: met(x.elements(), w[1]).min(met(result.elements(), w[0] / self.groups)), flops: 0 }
    }
}

impl ConvTranspose {
    /// How x is spread along the rows and along the columns, for weights of that type.
    pub fn spread(&self, x: &Type, w: &Type) -> [Spread; 2] {
        let ConvTranspose { stride, pad, dilation, extra, .. } = *self;
        let along = |d: usize, before, after, pick: fn(Hw) -> usize| Spread {
            extent: x.dims()[d],
            kernel: w.dims()[d],
            stride: pick(stride),
            dilation: pick(dilation),
            before,
            after,
            extra: pick(extra),
        };
        [along(2, pad.top, pad.bottom, |hw| hw.0), along(3, pad.left, pad.right, |hw| hw.1)]
    }

    fn transpose<T: Real>(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let (x, w) = (operands[0], operands[1]);
        let (xs, ws) = (x.slice::<T>(), w.slice::<T>());
        let bias = operands.get(2).map(|b| b.slice::<T>());
        let [rows, columns] = self.spread(&x.ty(), &w.ty());
        let [height, width] = [2, 3].map(|d| x.shape()[d]);
        let [kh, kw] = [2, 3].map(|d| w.shape()[d]);
        let (inputs, outputs) = (x.shape()[1] / self.groups, w.shape()[1]);
        let [channels, oh, ow] = [1, 2, 3].map(|d| result.dims()[d]);
        let mut y = vec![T::default(); result.elements()];
        y.par_chunks_mut((oh * ow).max(1)).enumerate().for_each(|(plane, y)| {
            let (n, o) = (plane / channels, plane % channels);
            let first = o / outputs * inputs;
            y.fill(bias.map_or(T::default(), |b| b[o]));
            for c in first..first + inputs {
                let image = &xs[(n * x.shape()[1] + c) * height * width..][..height * width];
                for tap in 0..kh * kw {
                    let (u, v) = (tap / kw, tap % kw);
                    let weight = ws[(c * outputs + o % outputs) * kh * kw + tap];
                    for i in 0..oh {
                        let Some(row) = rows.element(i, u) else { continue };
                        for j in 0..ow {
                            if let Some(column) = columns.element(j, v) {
                                y[i * ow + j] += image[row * width + column] * weight;
                            }
                        }
                    }
                }
            }
        });
        Tensor::of(&result.shape, y)
    }
}
