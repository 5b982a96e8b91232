//! Folding many elements into one, in registers: sums, products, extremes.
//!
//! ```text
//! sum: acc + x, from 0              max: x > acc ? x : acc, from -inf
//! squares: acc + x * x, from 0      min: x < acc ? x : acc, from inf
//! product: acc * x, from 1
//! ```
//!
//! INVARIANT: the order depends on nothing but the number of elements: element i goes into partial i mod n in
//! ascending order, and partials are combined pairwise at the end. NaN never wins a maximum or a minimum.

use crate::vasm::{Bin, Builder, LANES, P, Un, V};

/// How two become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fold {
    /// Their sum.
    Sum,
    /// The sum of their squares.
    Squares,
    /// Their product.
    Product,
    /// The greater one.
    Max,
    /// The lesser one.
    Min,
}

/// How the elements of lines lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lines {
    /// One line, its elements neighbours.
    Along,
    /// Lines that are neighbours, their elements apart.
    Across {
        /// How many lines.
        count: usize,
        /// Bytes from element to element of a line.
        stride: i64,
    },
}

/// Registers that a run is folded into side by side, which hides the latency of one.
pub(super) const PARTIALS: usize = 4;

impl Fold {
    /// The fold of nothing.
    pub(super) fn start(self) -> f32 {
        match self {
            Fold::Sum | Fold::Squares => 0.0,
            Fold::Product => 1.0,
            Fold::Max => f32::NEG_INFINITY,
            Fold::Min => f32::INFINITY,
        }
    }

    /// Takes an element in: `acc = fold(acc, x)`.
    pub(super) fn add(self, k: &mut Builder, acc: V, x: V) {
        match self {
            Fold::Squares => k.fma(acc, x, x),
            _ => self.combine(k, acc, x),
        }
    }

    /// Takes in what was folded of other elements.
    fn combine(self, k: &mut Builder, acc: V, other: V) {
        match self {
            Fold::Sum | Fold::Squares => k.bin_to(Bin::Add, acc, acc, other),
            Fold::Product => k.bin_to(Bin::Mul, acc, acc, other),
            Fold::Max => k.bin_to(Bin::Max, acc, other, acc),
            Fold::Min => k.bin_to(Bin::Min, acc, other, acc),
        }
    }

    /// As many registers that fold nothing yet.
    pub(super) fn starts(self, k: &mut Builder, count: usize) -> Vec<V> {
        (0..count).map(|_| k.splat(self.start())).collect()
    }

    /// Folds all lanes of a register: every lane becomes the result.
    pub(super) fn across(self, k: &mut Builder, acc: V) {
        for un in [Un::SwapHalves, Un::Permute(0b01_00_11_10), Un::Permute(0b10_11_00_01)] {
            let other = k.un(un, acc);
            self.combine(k, acc, other);
        }
    }

    /// Folds a run of `count` neighbouring elements, lane by lane, into a register.
    ///
    /// `load` gives the lanes that lie some bytes behind an index register; `partials` registers are used at once.
    pub(super) fn run(
        self,
        k: &mut Builder,
        count: usize,
        partials: usize,
        load: impl Fn(&mut Builder, P, i64, usize) -> V,
    ) -> V {
        let (vectors, rest) = (count / LANES, count % LANES);
        let partials = partials.min(vectors).max(1);
        let accs = self.starts(k, partials);
        let at = k.set(0);
        let disp = |i: usize| (4 * LANES * i) as i64;
        if vectors >= partials {
            k.repeat((vectors / partials) as u64, |k| {
                for (i, &acc) in accs.iter().enumerate() {
                    let x = load(k, at, disp(i), LANES);
                    self.add(k, acc, x);
                }
                k.advance(at, (4 * LANES * partials) as i64);
            });
        }
        let left = vectors % partials;
        for (i, &acc) in accs.iter().enumerate().take(left) {
            let x = load(k, at, disp(i), LANES);
            self.add(k, acc, x);
        }
        if rest > 0 {
            let acc = accs[left];
            let x = load(k, at, disp(left), rest);
            let mask = k.lane_mask(rest);
            let start = k.splat(self.start());
            let x = k.select(mask, x, start);
            self.add(k, acc, x);
        }
        self.pairwise(k, &accs)
    }

    /// Combines partials, neighbours first.
    pub(super) fn pairwise(self, k: &mut Builder, accs: &[V]) -> V {
        let mut step = 1;
        while step < accs.len() {
            for pair in accs.chunks(2 * step).filter(|c| c.len() > step) {
                self.combine(k, pair[0], pair[step]);
            }
            step *= 2;
        }
        accs[0]
    }
}
