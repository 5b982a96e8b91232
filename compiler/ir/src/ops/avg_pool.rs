//! `avg_pool`: the mean of the elements under each window.
//!
//!     y[n,c,i,j] = (sum over u,v of x[n, c, i*s+u*d-p, j*s+v*d-p]) / count
//!
//! The sum is taken in ascending order. `count` is the number of elements of x under the window; with
//! `count_include_pad` the taps on the padding count too, but never those beyond it, where `ceil` lets the
//! last window reach. A window of spread taps that all miss x has the mean 0 / 0, NaN.
//!
//! Operand: x `[N, C, H, W]`. Result `[N, C, OH, OW]`, one element for each window.
//!
//! (C1) x is real and of rank 4. (C2) H and W are positive. And the rules of [windows](super::Window): (W1)
//! kernel, stride and dilation are positive, (W2) a window fits, (W3) the padding on each side is smaller
//! than what a window spans.

use super::window::pool;
use super::{Cost, Operator, Window};
use crate::attrs::{Attrs, Hw, Pad};
use crate::error::require;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Tensor, Type};

/// The mean of the elements under each window.
#[derive(Clone, Debug, PartialEq)]
pub struct AvgPool {
    /// Taps of the window.
    pub kernel: Hw,
    /// Distance of neighbouring windows.
    pub stride: Hw,
    /// Elements around x.
    pub pad: Pad,
    /// Distance of neighbouring taps.
    pub dilation: Hw,
    /// Whether the number of windows is rounded up.
    pub ceil: bool,
    /// Whether padding counts as elements that are zero.
    pub count_include_pad: bool,
}

impl Default for AvgPool {
    fn default() -> AvgPool {
        AvgPool {
            kernel: Hw(0, 0),
            stride: Hw(1, 1),
            pad: Pad::ZERO,
            dilation: Hw(1, 1),
            ceil: false,
            count_include_pad: false,
        }
    }
}

impl Operator for AvgPool {
    const NAME: &'static str = "avg_pool";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.hw("kernel", &mut self.kernel, Hw(0, 0));
        a.hw("stride", &mut self.stride, Hw(1, 1));
        a.pad("pad", &mut self.pad);
        a.hw("dilation", &mut self.dilation, Hw(1, 1));
        a.flag("ceil", &mut self.ceil, false);
        a.flag("count_include_pad", &mut self.count_include_pad, false);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        require!(x.dtype.is_float(), "(C1): x {x} is not real");
        self.window().infer_pool(x)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let x = operands[0];
        let sides = self.window().over(x.shape()[2], x.shape()[3]);
        let taps = |side: usize, i: usize| match self.count_include_pad {
            true => sides[side].padded_taps(i) as f64,
            false => sides[side].taps(i).len() as f64,
        };
        with_real!(x, T => {
            let mean = |sum: T, _, [i, j]: [usize; 2]| sum / T::from_f64(taps(0, i) * taps(1, j));
            pool(&self.window(), x, T::default(), |sum: T, x: T, _| sum + x, mean, result)
        })
    }

    fn cost(&self, _: &[&Type], result: &Type) -> Cost {
        self.window().pool_cost(result)
    }
}

impl AvgPool {
    /// The window that slides over each plane.
    pub fn window(&self) -> Window {
        let AvgPool { kernel, stride, pad, dilation, ceil, .. } = *self;
        Window { kernel, stride, pad, dilation, ceil }
    }
}
