//! `depth_to_space`: blocks of channels spread over the plane.
//!
//!     y[n, c, h*b + u, w*b + v] = x[n, (u*b + v)*C + c, h, w]   (dcr)
//!     y[n, c, h*b + u, w*b + v] = x[n, (c*b + u)*b + v, h, w]   (crd)
//!
//! Operand: x `[N, C*b*b, H, W]` of every element type. Result `[N, C, H*b, W*b]`.
//!
//! (C1) x is of rank 4. (C2) block, b, is positive, and x has a multiple of b*b channels. (C3) The result is
//! a shape.

use super::view::View;
use super::{Cost, Operator};
use crate::attrs::{Attrs, Keyword, keyword};
use crate::error::{mismatch, require};
use crate::{Mismatch, Tensor, Type};

/// Blocks of channels spread over the plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DepthToSpace {
    /// Rows and columns of a block; it has no default.
    pub block: i64,
    /// How the channels of a block are numbered.
    pub mode: DepthMode,
}

/// How the channels of a block are numbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DepthMode {
    /// Depth, column, row: the place in the block before the channel.
    #[default]
    Dcr,
    /// Column, row, depth: the channel before the place in the block.
    Crd,
}

impl Keyword for DepthMode {
    const WORDS: &'static [(&'static str, DepthMode)] = &[("dcr", DepthMode::Dcr), ("crd", DepthMode::Crd)];
}

impl Operator for DepthToSpace {
    const NAME: &'static str = "depth_to_space";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        a.int("block", &mut self.block, 0);
        keyword(a, "mode", &mut self.mode, DepthMode::Dcr);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        require!(x.rank() == 4, "(C1): x {x} must be of rank 4");
        let [n, channels, h, w] = [0, 1, 2, 3].map(|d| x.dims()[d]);
        let block = usize::try_from(self.block).unwrap_or(0);
        let legal = block.checked_mul(block).is_some_and(|area| area > 0 && channels % area == 0);
        require!(
            legal,
            "(C2): {channels} channels are no multiple of the square of a positive block={}",
            self.block
        );
        match (h.checked_mul(block), w.checked_mul(block)) {
            (Some(h), Some(w)) => x.with_dims([n, channels / (block * block), h, w]),
            _ => mismatch!("(C3): x {x} in blocks of {block} is too large"),
        }
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let x = operands[0];
        let b = self.block as usize;
        let [n, c, h, w] = [result.dims()[0], result.dims()[1], x.shape()[2], x.shape()[3]];
        let plane = h * w;
        // Along u, v and c, in elements of x.
        let (u, v, channel) = match self.mode {
            DepthMode::Dcr => (b * c * plane, c * plane, plane),
            DepthMode::Crd => (b * plane, plane, b * b * plane),
        };
        let strides = [c * b * b * plane, channel, w, u, 1, v];
        let mut places = View::new(0, &[n, c, h, b, w, b], |d| strides[d] as isize).places();
        x.gathered(&result.shape, 0.0, |_| places.next())
    }

    fn cost(&self, _: &[&Type], _: &Type) -> Cost {
        Cost::default()
    }
}
