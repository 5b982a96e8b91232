//! softmax: one line, or as many lines side by side as there are lanes.
//!
//! ```text
//! y[i] = exp(x[i] - m) / sum over j of exp(x[j] - m),  m = max over j of x[j]
//! ```
//!
//! A line whose elements are neighbours is taken by vectors, else a vector holds one element of each line. Three
//! passes: the maximum, the exponentials with their sum, the quotients. Arguments: result, input, which may be the
//! same.

use super::fold::{Fold, Lines, PARTIALS};
use crate::vasm::{Bin, Builder, Kernel, LANES, P, V, math};

/// The facts a softmax kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Softmax {
    /// Elements of a line.
    pub extent: usize,
    /// How its elements lie; no more lines than lanes.
    pub lines: Lines,
}

impl Softmax {
    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let mut k = Builder::new(name);
        let (to, from) = (k.arg(0), k.arg(1));
        match self.lines {
            Lines::Along => self.along(&mut k, to, from),
            Lines::Across { count, stride } => self.across(&mut k, to, from, count, stride),
        }
        k.finish()
    }

    fn along(&self, k: &mut Builder, to: P, from: P) {
        let max = Fold::Max.run(k, self.extent, PARTIALS, |k, at, disp, lanes| {
            k.load_lanes(from.indexed(at, 1, disp), lanes)
        });
        Fold::Max.across(k, max);
        let sum = Fold::Sum.run(k, self.extent, 1, |k, at, disp, lanes| {
            let x = k.load_lanes(from.indexed(at, 1, disp), lanes);
            let y = exponential(k, x, max);
            k.store_lanes(y, to.indexed(at, 1, disp), lanes);
            y
        });
        Fold::Sum.across(k, sum);
        let quotient = |k: &mut Builder, lanes: usize| {
            let y = k.load_lanes(to.at(0), lanes);
            k.bin_to(Bin::Div, y, y, sum);
            k.store_lanes(y, to.at(0), lanes);
        };
        if self.extent >= LANES {
            k.repeat((self.extent / LANES) as u64, |k| {
                quotient(k, LANES);
                k.advance(to, 4 * LANES as i64);
            });
        }
        if !self.extent.is_multiple_of(LANES) {
            quotient(k, self.extent % LANES);
        }
    }

    fn across(&self, k: &mut Builder, to: P, from: P, lines: usize, stride: i64) {
        let max = k.splat(Fold::Max.start());
        let sum = k.splat(Fold::Sum.start());
        let line = |k: &mut Builder, element: &dyn Fn(&mut Builder, P)| {
            let at = k.set(0);
            k.repeat(self.extent as u64, |k| {
                element(k, at);
                k.advance(at, stride);
            });
        };
        line(k, &|k, at| {
            let x = k.load_lanes(from.indexed(at, 1, 0), lines);
            Fold::Max.add(k, max, x);
        });
        line(k, &|k, at| {
            let x = k.load_lanes(from.indexed(at, 1, 0), lines);
            let y = exponential(k, x, max);
            k.store_lanes(y, to.indexed(at, 1, 0), lines);
            Fold::Sum.add(k, sum, y);
        });
        line(k, &|k, at| {
            let y = k.load_lanes(to.indexed(at, 1, 0), lines);
            k.bin_to(Bin::Div, y, y, sum);
            k.store_lanes(y, to.indexed(at, 1, 0), lines);
        });
    }
}

/// `exp(x - max)`
fn exponential(k: &mut Builder, x: V, max: V) -> V {
    let below = k.bin(Bin::Sub, x, max);
    math::exp(k, below)
}
