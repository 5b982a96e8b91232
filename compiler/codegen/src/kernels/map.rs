//! map: a run of elements, each through a pipe of pointwise functions.
//!
//! ```text
//! y[i] = pipe(x[i])
//! ```
//!
//! With an empty pipe it copies, from a constant it fills. Arguments: result, then the operands that the sources name.

use super::pointwise::{self, Pointwise, Source};
use crate::vasm::{Bin, Builder, Kernel, LANES, Operand, P};

/// The facts a map kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Map {
    /// Full vectors of the run.
    pub vectors: usize,
    /// Lanes behind them.
    pub rest: usize,
    /// Lanes of every vector that exist; the others are stored as zeros. Only for runs of whole channel blocks.
    pub lanes: usize,
    /// Where the pipe starts.
    pub from: Source,
    /// What is applied.
    pub pipe: Vec<Pointwise>,
}

impl Map {
    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let mut k = Builder::new(name);
        let at = k.set(0);
        let light = !self.pipe.iter().any(Pointwise::is_heavy);
        let unroll = if light { 4 } else { 1 };
        let step = 4 * LANES as i64;
        if self.vectors >= unroll {
            k.repeat((self.vectors / unroll) as u64, |k| {
                for i in 0..unroll {
                    self.vector(k, at, i as i64 * step, LANES);
                }
                k.advance(at, unroll as i64 * step);
            });
        }
        for i in 0..self.vectors % unroll {
            self.vector(&mut k, at, i as i64 * step, LANES);
        }
        if self.rest > 0 {
            self.vector(&mut k, at, (self.vectors % unroll) as i64 * step, self.rest);
        }
        k.finish()
    }

    /// One vector, or the first lanes of one.
    fn vector(&self, k: &mut Builder, at: P, disp: i64, lanes: usize) {
        let x = match self.from {
            Source::Constant(bits) => k.splat_bits(bits),
            Source::Same(arg) => {
                let p = k.arg(arg);
                k.load_lanes(p.indexed(at, 1, disp), lanes)
            }
            Source::Channel(arg) => {
                let p = k.arg(arg);
                k.load(p.at(0))
            }
            Source::Scalar(arg) => {
                let p = k.arg(arg);
                k.broadcast(p.at(0))
            }
        };
        for stage in &self.pipe {
            stage.apply(k, x, &mut |k, source| match source {
                Source::Same(arg) => {
                    let p = k.arg(arg);
                    pointwise::operand(k, p.indexed(at, 1, disp), lanes)
                }
                Source::Channel(arg) => Operand::Mem(k.arg(arg).at(0)),
                Source::Scalar(arg) => {
                    let p = k.arg(arg);
                    Operand::Reg(k.broadcast(p.at(0)))
                }
                Source::Constant(_) => unreachable!("a constant is no memory"),
            });
        }
        if self.lanes < LANES {
            let mask = k.lane_mask(self.lanes);
            k.bin_to(Bin::And, x, x, mask);
        }
        let to = k.arg(0);
        k.store_lanes(x, to.indexed(at, 1, disp), lanes);
    }
}
