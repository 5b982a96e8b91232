//! reduce: one line folded into an element, or lines side by side, lane by lane.
//!
//! ```text
//! y = fold of x[i] over i, divided by `divisor` if there is one
//! ```
//!
//! Arguments: result, input.

use super::fold::{Fold, Lines, PARTIALS};
use crate::vasm::{Bin, Builder, Kernel, LANES, V};

/// The facts a reduce kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// What is taken of the elements of a line.
    pub fold: Fold,
    /// Elements of a line.
    pub extent: usize,
    /// How its elements lie.
    pub lines: Lines,
    /// Whether the last vector of the result is filled up with zeros.
    pub padded: bool,
    /// What the result is divided by, for a mean.
    pub divisor: Option<usize>,
}

impl Reduce {
    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let mut k = Builder::new(name);
        match self.lines {
            Lines::Along => self.along(&mut k),
            Lines::Across { count, stride } => self.across(&mut k, count, stride),
        }
        k.finish()
    }

    fn along(&self, k: &mut Builder) {
        let (to, from) = (k.arg(0), k.arg(1));
        let y = self.fold.run(k, self.extent, PARTIALS, |k, at, disp, lanes| {
            k.load_lanes(from.indexed(at, 1, disp), lanes)
        });
        self.fold.across(k, y);
        self.divide(k, y);
        k.store_lanes(y, to.at(0), 1);
    }

    fn across(&self, k: &mut Builder, lines: usize, stride: i64) {
        let (to, from) = (k.arg(0), k.arg(1));
        let vectors = lines.div_ceil(LANES);
        let lanes = |v: usize| (lines - v * LANES).min(LANES);
        // Partials beside each other hide the latency of one, where there are few vectors.
        let partials = (PARTIALS / vectors).clamp(1, self.extent);
        let accs: Vec<Vec<V>> = (0..vectors).map(|_| self.fold.starts(k, partials)).collect();
        let elements = |k: &mut Builder, count: usize| {
            for i in 0..count {
                for (v, accs) in accs.iter().enumerate() {
                    let disp = i as i64 * stride + (4 * LANES * v) as i64;
                    let x = k.load_lanes(from.at(disp), lanes(v));
                    self.fold.add(k, accs[i], x);
                }
            }
        };
        k.repeat((self.extent / partials) as u64, |k| {
            elements(k, partials);
            k.advance(from, partials as i64 * stride);
        });
        elements(k, self.extent % partials);
        for (v, accs) in accs.iter().enumerate() {
            let y = self.fold.pairwise(k, accs);
            self.divide(k, y);
            // Lanes that were not loaded fold zeros, which is what they have to be.
            let stored = if self.padded { LANES } else { lanes(v) };
            k.store_lanes(y, to.at((4 * LANES * v) as i64), stored);
        }
    }

    fn divide(&self, k: &mut Builder, y: V) {
        if let Some(divisor) = self.divisor {
            k.bin_to(Bin::Div, y, y, divisor as f32);
        }
    }
}
