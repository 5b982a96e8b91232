//! `max_pool`: the greatest element under each window.
//!
//!     y[n,c,i,j] = max over u,v of x[n, c, i*s+u*d-p, j*s+v*d-p]
//!
//! The maximum is taken in ascending order by `acc = x > acc ? x : acc`, from -inf or the least
//! integer: NaN never wins, and padding takes no part.
//!
//! Operand: x `[N, C, H, W]`. Result `[N, C, OH, OW]`, one element for each window.
//!
//! (C1) x is of numbers and of rank 4. (C2) H and W are positive. And the rules of [windows](super::Window): (W1)
//! kernel, stride and dilation are positive, (W2) a window fits, (W3) the padding on each side is smaller
//! than what a window spans.

use super::elementwise::with_scalar;
use super::window::pool;
use super::{Cost, Operator, Window};
use crate::attrs::{Attrs, Hw, Pad};
use crate::error::require;
use crate::scalar::Scalar;
use crate::{DType, Mismatch, Tensor, Type};

/// The greatest element under each window.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxPool {
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
}

impl Default for MaxPool {
    fn default() -> MaxPool {
        MaxPool { kernel: Hw(0, 0), stride: Hw(1, 1), pad: Pad::ZERO, dilation: Hw(1, 1), ceil: false }
    }
}

impl Operator for MaxPool {
    const NAME: &'static str = "max_pool";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.hw("kernel", &mut self.kernel, Hw(0, 0));
        a.hw("stride", &mut self.stride, Hw(1, 1));
        a.pad("pad", &mut self.pad);
        a.hw("dilation", &mut self.dilation, Hw(1, 1));
        a.flag("ceil", &mut self.ceil, false);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        require!(x.dtype != DType::Bool, "(C1): x {x} is not of numbers");
        self.window().infer_pool(x)
    }

    #[allow(clippy::bool_comparison, reason = "one of the types is bool, whose order is as good as any")]
    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_scalar!(operands[0], T => {
            let greater = |acc: T, x: T, _| if x > acc { x } else { acc };
            pool(&self.window(), operands[0], T::LEAST, greater, |max, _, _| max, result)
        })
    }

    fn cost(&self, _: &[&Type], result: &Type) -> Cost {
        self.window().pool_cost(result)
    }
}

impl MaxPool {
    /// The window that slides over each plane.
    pub fn window(&self) -> Window {
        let MaxPool { kernel, stride, pad, dilation, ceil, .. } = *self;
        Window { kernel, stride, pad, dilation, ceil }
    }
}
