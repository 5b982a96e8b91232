//! Winograd's transforms as code: what their matrices multiply are vectors, and so is what comes of it.
//!
//! ```text
//! B' d:  0, row by row: sums of d          A' m:  sums and differences of pairs of m, then
//!        pairs: one half more, one less           row by row: sums of those
//! ```

use super::winograd::{Axis, Phase};
use crate::vasm::{Bin, Builder, LANES, V};

impl Axis {
    /// Writes `B' d` for one line of a tile, of which elements may be zero for certain; `out` takes the elements of the
    /// result one by one.
    pub(super) fn spread(
        self,
        k: &mut Builder,
        d: &[Option<V>],
        mut out: impl FnMut(&mut Builder, usize, V),
    ) {
        let mut before = 0;
        for (first, phase) in self.phases().enumerate() {
            let d: Vec<Option<V>> = d.iter().copied().skip(first).step_by(self.stride).collect();
            phase.spread(k, &d, |k, j, v| out(k, before + j, v));
            before += phase.size();
        }
    }

    /// Writes the first `count` elements of `A' m` for one line of products.
    pub(super) fn gather(self, k: &mut Builder, m: &[V], count: usize) -> Vec<V> {
        let mut rest = m;
        let mut sums: Vec<V> = Vec::new();
        for phase in self.phases() {
            let (of_phase, behind) = rest.split_at(phase.size());
            rest = behind;
            let results = phase.gather(k, of_phase, count);
            for (&sum, &x) in sums.iter().zip(&results) {
                k.bin_to(Bin::Add, sum, sum, x);
            }
            if sums.is_empty() {
                sums = results;
            }
        }
        sums
    }
}

impl Phase {
    fn spread(self, k: &mut Builder, d: &[Option<V>], mut out: impl FnMut(&mut Builder, usize, V)) {
        if self.taps == 1 {
            for (i, &v) in d.iter().enumerate() {
                let v = v.unwrap_or_else(|| k.splat(0.0));
                out(k, i, v);
            }
            return;
        }
        let rows = self.input();
        let terms = |c: &dyn Fn(usize) -> f64| -> Vec<(f64, Option<V>)> {
            d.iter().enumerate().map(|(i, &v)| (c(i), v)).collect()
        };
        let behind_pairs = 1 + 2 * self.pairs().count();
        for row in std::iter::once(0).chain(behind_pairs..rows.len()) {
            let x = linear(k, &terms(&|i| rows[row][i]));
            let x = x.unwrap_or_else(|| k.splat(0.0));
            out(k, row, x);
        }
        for plus in self.pairs() {
            // Without a single point these are every other element.
            let same = linear(k, &terms(&|i| (rows[plus][i] + rows[plus + 1][i]) / 2.0));
            let opposite = linear(k, &terms(&|i| (rows[plus][i] - rows[plus + 1][i]) / 2.0));
            let (x, y) = match (same, opposite) {
                (Some(same), Some(opposite)) => {
                    (k.bin(Bin::Add, same, opposite), k.bin(Bin::Sub, same, opposite))
                }
                (Some(same), None) => (same, same),
                (None, opposite) => {
                    let zero = k.splat(0.0);
                    let opposite = opposite.unwrap_or(zero);
                    (opposite, k.bin(Bin::Sub, zero, opposite))
                }
            };
            out(k, plus, x);
            out(k, plus + 1, y);
        }
    }

    fn gather(self, k: &mut Builder, m: &[V], count: usize) -> Vec<V> {
        if self.taps == 1 {
            return m[..count].to_vec();
        }
        let behind_pairs = 1 + 2 * self.pairs().count();
        let pairs: Vec<[V; 2]> = self
            .pairs()
            .map(|i| [k.bin(Bin::Add, m[i], m[i + 1]), k.bin(Bin::Sub, m[i], m[i + 1])])
            .collect();
        let mut results = Vec::with_capacity(count);
        for (i, row) in self.output().iter().enumerate().take(count) {
            let alone = std::iter::once(0).chain(behind_pairs..m.len());
            let mut terms: Vec<(f64, Option<V>)> = alone.map(|p| (row[p], Some(m[p]))).collect();
            terms.extend(pairs.iter().enumerate().map(|(p, pair)| (row[1 + 2 * p], Some(pair[i % 2]))));
            results.extend(linear(k, &terms));
        }
        results
    }
}

/// The sum of vectors times constants in a new register, of which those that are not there are zeros; `None`: none is
/// there. Their order is that of all terms, so that a zero in a register gives the same bits as none.
fn linear(k: &mut Builder, terms: &[(f64, Option<V>)]) -> Option<V> {
    let terms = terms.iter().map(|&(c, v)| (c as f32, v)).filter(|t| t.0 != 0.0);
    let mut terms: Vec<(f32, Option<V>)> = terms.collect();
    // One that needs no product comes first.
    let first = terms.iter().position(|t| t.0 == 1.0).unwrap_or(0);
    if let Some(terms) = terms.get_mut(..first + 1) {
        terms.rotate_right(1);
    }
    let mut terms = terms.into_iter().filter_map(|(c, v)| v.map(|v| (c, v))).peekable();
    let (c, v) = terms.next()?;
    let sum = match c {
        1.0 => match terms.next_if(|next| next.0 == 1.0) {
            Some((_, other)) => k.bin(Bin::Add, v, other),
            None => k.mov(v),
        },
        _ => k.bin(Bin::Mul, v, c),
    };
    for (c, v) in terms {
        match c {
            1.0 => k.bin_to(Bin::Add, sum, sum, v),
            -1.0 => k.bin_to(Bin::Sub, sum, sum, v),
            _ => k.fma(sum, v, c),
        }
    }
    Some(sum)
}

/// Tiles of a row that are transformed side by side, in registers of as many vectors.
#[derive(Clone, Copy)]
pub(super) struct Abreast {
    /// The first one, or `None` in the loop over those that are alike.
    pub first: Option<usize>,
    /// How many: one, or two in wide vectors.
    pub count: usize,
}

impl Abreast {
    /// Lanes of the registers that they take.
    pub(super) fn lanes(self) -> usize {
        self.count * LANES
    }

    /// Their numbers, where they are known.
    pub(super) fn tiles(self) -> impl Iterator<Item = Option<usize>> {
        (0..self.count).map(move |i| self.first.map(|first| first + i))
    }
}

/// Calls `tile` for `count` tiles of a row, `abreast` of them at once as long as there are so many: those that are
/// alike, one behind the other, as a loop.
pub(super) fn tiles(
    k: &mut Builder,
    count: usize,
    abreast: usize,
    is_whole: impl Fn(usize) -> bool,
    mut tile: impl FnMut(&mut Builder, Abreast),
) {
    let mut t = 0;
    while t < count {
        let abreast = abreast.min(count - t);
        let run = (t..count).take_while(|&t| is_whole(t)).count() / abreast;
        if run > 1 {
            k.repeat(run as u64, |k| tile(k, Abreast { first: None, count: abreast }));
        } else {
            tile(k, Abreast { first: Some(t), count: abreast });
        }
        t += run.max(1) * abreast;
    }
}
