//! `conv`: 2-D cross-correlation.
//!
//!     y[n,o,i,j] = b[o] + sum over c,u,v of w[o,c,u,v] * x[n, g*C+c, i*s+u*d-p, j*s+v*d-p],  g = o / (O / groups)
//!
//! Operands: x `[N, groups*C, H, W]`, w `[O, C, KH, KW]`, b `[O]` (optional). Result `[N, O, OH, OW]` with
//! `OH = (H + top + bottom - (KH - 1) * dilation - 1) / stride + 1`; elements outside x count as zero.
//!
//! (C1) operands are real, of one type, x and w of rank 4, b of rank 1. (C2) x has groups*C channels.
//! (C3) O is a positive multiple of groups, and b has O elements. (C4) strides, dilations and kernel are positive.
//! (C5) OH and OW are positive.

use super::{Cost, Operator};
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

/// The extent of a sliding window's results: `(extent + pad - (kernel - 1) * dilation - 1) / stride + 1`, rounded
/// down; `None` when it is not positive or too large to count.
pub(crate) fn windows(extent: usize, pad: usize, kernel: usize, dilation: usize, stride: usize) -> Option<usize> {
    let reach = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
    extent.checked_add(pad)?.checked_sub(reach)?.checked_div(stride)?.checked_add(1)
}

impl Operator for Conv {
    const NAME: &'static str = "conv";
    const ARITY: (usize, usize) = (2, 3);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.hw("stride", &mut self.stride, Hw(1, 1));
        a.pad("pad", &mut self.pad);
        a.hw("dilation", &mut self.dilation, Hw(1, 1));
        let mut groups = self.groups as i64;
        a.int("groups", &mut groups, 1);
        self.groups = usize::try_from(groups).unwrap_or(0);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (x, w) = (operands[0], operands[1]);
        let one_type = operands.iter().all(|t| t.dtype == x.dtype && t.dtype.is_float());
        require!(one_type && x.rank() == 4 && w.rank() == 4, "(C1): x {x} and w {w} must be real and of rank 4");
        let (groups, c) = (self.groups, w.dims()[1]);
        require!(
            groups > 0 && c.checked_mul(groups) == Some(x.dims()[1]),
            "(C2): input {x} has {} channels, weight {w} with groups={groups} expects {}",
            x.dims()[1],
            c.saturating_mul(groups)
        );
        let o = w.dims()[0];
        require!(o > 0 && o % groups == 0, "(C3): {o} output channels are no positive multiple of groups={groups}");
        if let Some(b) = operands.get(2) {
            require!(b.dims() == [o], "(C3): bias {b} must be [{o}], one element for each output channel");
        }
        let Hw(kh, kw) = Hw(w.dims()[2], w.dims()[3]);
        let positive = [kh, kw, self.stride.0, self.stride.1, self.dilation.0, self.dilation.1];
        require!(
            positive.iter().all(|&n| n > 0),
            "(C4): kernel {kh}x{kw}, stride {}x{}, dilation {}x{}: all must be positive",
            self.stride.0,
            self.stride.1,
            self.dilation.0,
            self.dilation.1
        );
        let Hw(ph, pw) = self.pad.total();
        let oh = windows(x.dims()[2], ph, kh, self.dilation.0, self.stride.0);
        let ow = windows(x.dims()[3], pw, kw, self.dilation.1, self.stride.1);
        match (oh, ow) {
            (Some(oh), Some(ow)) => x.with_dims([x.dims()[0], o, oh, ow]),
            _ => Err(Mismatch(format!(
                "(C5): a {kh}x{kw} kernel with dilation {}x{} does not fit into {x} padded by {ph}x{pw}",
                self.dilation.0, self.dilation.1
            ))),
        }
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
    /// Plain loops, the innermost along a row, so that a compiler makes vectors of it; output planes in parallel.
    fn correlate<T: Real>(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let (x, w) = (operands[0], operands[1]);
        let (xs, ws) = (x.slice::<T>(), w.slice::<T>());
        let bias = operands.get(2).map(|b| b.slice::<T>());
        let [_, xc, h, width] = [0, 1, 2, 3].map(|i| x.shape()[i]);
        let [o, c, kh, kw] = [0, 1, 2, 3].map(|i| w.shape()[i]);
        let (oh, ow) = (result.dims()[2], result.dims()[3]);
        let mut y = vec![T::default(); result.elements()];
        y.par_chunks_mut((oh * ow).max(1)).enumerate().for_each(|(plane, out)| {
            let (n, oc) = (plane / o, plane % o);
            out.fill(bias.map_or(T::default(), |b| b[oc]));
            let first = oc / (o / self.groups) * c;
            for ic in 0..c {
                let image = &xs[(n * xc + first + ic) * h * width..][..h * width];
                for u in 0..kh {
                    for v in 0..kw {
                        let tap = ws[((oc * c + ic) * kh + u) * kw + v];
                        let (j0, j1) = self.columns(v, width, ow);
                        for i in 0..oh {
                            let Some(row) = (i * self.stride.0 + u * self.dilation.0).checked_sub(self.pad.top)
                            else {
                                continue;
                            };
                            if row >= h || j0 >= j1 {
                                continue;
                            }
                            let from = row * width + j0 * self.stride.1 + v * self.dilation.1 - self.pad.left;
                            let line = &mut out[i * ow + j0..i * ow + j1];
                            if self.stride.1 == 1 {
                                let count = line.len();
                                for (y, &x) in line.iter_mut().zip(&image[from..from + count]) {
                                    *y += tap * x;
                                }
                            } else {
                                for (y, &x) in line.iter_mut().zip(image[from..].iter().step_by(self.stride.1)) {
                                    *y += tap * x;
                                }
                            }
                        }
                    }
                }
            }
        });
        Tensor::of(&result.shape, y)
    }

    /// The output columns whose tap `v` lies inside a row of `width` elements.
    fn columns(&self, v: usize, width: usize, ow: usize) -> (usize, usize) {
        let (s, shift) = (self.stride.1, v * self.dilation.1);
        let first = self.pad.left.saturating_sub(shift).div_ceil(s);
        let end = (width + self.pad.left).saturating_sub(shift).div_ceil(s);
        (first.min(ow), end.min(ow))
    }
}
