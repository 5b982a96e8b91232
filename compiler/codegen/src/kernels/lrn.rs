//! lrn: a run of pixels of one channel block, each channel divided by a power of the squares around it.
//!
//! ```text
//! y[p, c] = x[p, c] / (bias + share * sum over r of x[p, r]^2)^beta,  c - below <= r <= c + above
//! ```
//!
//! A region reaches into the blocks before and behind this one, no further than one block: lane `c` of a shifted
//! vector is channel `c + d`, put together from halves of neighbouring blocks. The power is made of square roots
//! where `beta` is a half, three quarters or one, else of a logarithm and an exponential, for divisors above zero.
//!
//! Arguments: result, input, both at this block.

use crate::vasm::{Bin, Builder, Kernel, LANES, Un, V, math};

/// The facts an lrn kernel is specialised to; reals are held by their bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lrn {
    /// Pixels of the run.
    pub pixels: usize,
    /// Bytes from block to block.
    pub plane: i64,
    /// Channels of the region in front of its own one, up to [`LANES`].
    pub below: usize,
    /// Channels of the region behind its own one, up to [`LANES`].
    pub above: usize,
    /// Whether there is a block before this one.
    pub has_before: bool,
    /// Whether there is a block behind this one.
    pub has_behind: bool,
    /// Lanes that exist; the others are stored as zeros.
    pub lanes: usize,
    /// What the sum is multiplied by.
    pub share: u32,
    /// What is added to it.
    pub bias: u32,
    /// The exponent.
    pub beta: u32,
}

/// The exponents that square roots are enough for.
pub const ROOTS: [f32; 3] = [0.5, 0.75, 1.0];

impl Lrn {
    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let mut k = Builder::new(name);
        let (to, from) = (k.arg(0), k.arg(1));
        let before = k.offset(from, -self.plane);
        let behind = k.offset(from, self.plane);
        k.repeat(self.pixels as u64, |k| {
            let x = k.load(from.at(0));
            let squares =
                [(before, self.has_before), (from, true), (behind, self.has_behind)].map(|(block, there)| {
                    let v = if there { k.load(block.at(0)) } else { k.splat(0.0) };
                    k.bin(Bin::Mul, v, v)
                });
            let sum = self.sum(k, squares);
            let share = k.splat_bits(self.share);
            let bias = k.splat_bits(self.bias);
            k.mul_add(sum, share, bias);
            let divisor = self.power(k, sum);
            let y = k.bin(Bin::Div, x, divisor);
            if self.lanes < LANES {
                let mask = k.lane_mask(self.lanes);
                k.bin_to(Bin::And, y, y, mask);
            }
            k.store(y, to.at(0));
            for p in [to, from, before, behind] {
                k.advance(p, 4 * LANES as i64);
            }
        });
        k.finish()
    }

    /// The sum over the region, in ascending order.
    fn sum(&self, k: &mut Builder, [before, own, behind]: [V; 3]) -> V {
        // Vectors of the channels from -8, -4, 0, 4 and 8 on, seen from the first of this block.
        let halves = [before, k.groups(before, own, 0x21), own, k.groups(own, behind, 0x21), behind];
        let sum = k.splat(0.0);
        for shift in LANES - self.below..=LANES + self.above {
            let (half, lane) = (shift / 4, shift % 4);
            let moved =
                if lane == 0 { halves[half] } else { behind_by(k, halves[half], halves[half + 1], lane) };
            k.bin_to(Bin::Add, sum, sum, moved);
        }
        sum
    }

    fn power(&self, k: &mut Builder, x: V) -> V {
        let beta = f32::from_bits(self.beta);
        if beta == 1.0 {
            return x;
        }
        if ROOTS.contains(&beta) {
            let root = k.un(Un::Sqrt, x);
            if beta == 0.5 {
                return root;
            }
            let fourth = k.un(Un::Sqrt, root);
            return k.bin(Bin::Mul, root, fourth);
        }
        let log = math::log(k, x);
        k.bin_to(Bin::Mul, log, log, beta);
        math::exp(k, log)
    }
}

/// Within each group of four: the lanes of `a` from `lane` on, then those of `b`.
fn behind_by(k: &mut Builder, a: V, b: V, lane: usize) -> V {
    if lane == 2 {
        return k.shuffle(a, b, 0b01_00_11_10);
    }
    // The lanes around the border: the last of a twice, the first of b twice.
    let border = k.shuffle(a, b, 0b00_00_11_11);
    match lane {
        1 => k.shuffle(a, border, 0b10_00_10_01),
        _ => k.shuffle(border, b, 0b10_01_10_00),
    }
}
