//! map: a run of elements, each through a pipe of pointwise functions.
//!
//! ```text
//! y[i] = pipe(x[i])
//! ```
//!
//! With an empty pipe it copies, from a constant it fills. Arguments: result, then the operands that the sources name.

use super::pointwise::{self, Pointwise, Source};
use crate::vasm::{Bin, Builder, Kernel, LANES, Operand, P, V, WIDE};

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
        self.write(name, LANES)
    }

    /// Writes the kernel with wide vectors, two of the run in each. `None`: memory is what it waits for, or some lanes
    /// of its vectors do not exist.
    pub fn generate_wide(&self, name: &str) -> Option<Kernel> {
        let is_worth_it = self.is_heavy() && self.vectors > 1 && self.lanes == LANES;
        is_worth_it.then(|| self.write(name, WIDE))
    }

    fn is_heavy(&self) -> bool {
        self.pipe.iter().any(Pointwise::is_heavy)
    }

    /// Writes it with so many lanes in a register.
    fn write(&self, name: &str, lanes: usize) -> Kernel {
        let mut k = Builder::new(name);
        let at = k.set(0);
        let unroll = if self.is_heavy() { 1 } else { 4 };
        let (vectors, step) = (lanes / LANES, 4 * lanes as i64);
        let full = self.vectors / vectors;
        if full >= unroll {
            k.repeat((full / unroll) as u64, |k| {
                for i in 0..unroll {
                    self.elements(k, at, i as i64 * step, lanes);
                }
                k.advance(at, unroll as i64 * step);
            });
        }
        // What is left, by its lanes: registers, vectors that do not fill one, and lanes that do not fill a vector.
        let registers = std::iter::repeat_n(lanes, full % unroll);
        let single = std::iter::repeat_n(LANES, self.vectors % vectors);
        let rest = Some(self.rest).filter(|&rest| rest > 0);
        let mut disp = 0;
        for lanes in registers.chain(single).chain(rest) {
            self.elements(&mut k, at, disp, lanes);
            disp += 4 * lanes as i64;
        }
        k.finish()
    }

    /// As many elements as a register has lanes, or as its first lanes are.
    fn elements(&self, k: &mut Builder, at: P, disp: i64, lanes: usize) {
        k.with_lanes(lanes.max(LANES), |k| self.register(k, at, disp, lanes));
    }

    fn register(&self, k: &mut Builder, at: P, disp: i64, lanes: usize) {
        let x = match self.from {
            Source::Constant(bits) => k.splat_bits(bits),
            Source::Same(arg) => {
                let p = k.arg(arg);
                k.load_lanes(p.indexed(at, 1, disp), lanes)
            }
            Source::Channel(arg) => channels(k, arg, lanes),
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
                Source::Channel(arg) if lanes == WIDE => Operand::Reg(channels(k, arg, lanes)),
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

/// The vector that belongs to the channel block, twice in a wide register.
fn channels(k: &mut Builder, arg: u32, lanes: usize) -> V {
    let at = k.arg(arg).at(0);
    if lanes == WIDE { k.load_halves([Some(at); 2]) } else { k.load(at) }
}
