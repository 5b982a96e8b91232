//! reorder: one channel block of a plane, from row-major planes to pixels of neighbouring channels, or back.
//!
//! ```text
//! into blocks: y[p][c] = x[c][p], channels that do not exist become zero
//! from blocks: y[c][p] = x[p][c]
//! ```
//!
//! Arguments: result, input.

use crate::vasm::{Bin, Builder, Kernel, LANES, P, V};

/// The facts a reorder kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reorder {
    /// Whether the result is the blocked side.
    pub into_blocks: bool,
    /// Pixels of the unit.
    pub pixels: usize,
    /// Channels of the block that exist.
    pub channels: usize,
    /// Bytes from plane to plane on the row-major side.
    pub plane: i64,
}

impl Reorder {
    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let mut k = Builder::new(name);
        let to = k.arg(0);
        let from = k.arg(1);
        let (planes, blocks) = if self.into_blocks { (from, to) } else { (to, from) };
        if self.pixels >= LANES {
            k.repeat((self.pixels / LANES) as u64, |k| {
                self.square(k, planes, blocks, LANES);
                k.advance(planes, 4 * LANES as i64);
                k.advance(blocks, 4 * (LANES * LANES) as i64);
            });
        }
        if !self.pixels.is_multiple_of(LANES) {
            self.square(&mut k, planes, blocks, self.pixels % LANES);
        }
        k.finish()
    }

    /// Up to as many pixels as there are lanes.
    fn square(&self, k: &mut Builder, planes: P, blocks: P, pixels: usize) {
        let plane = |c: usize| planes.at(c as i64 * self.plane);
        let block = |p: usize| blocks.at((4 * LANES * p) as i64);
        if self.into_blocks {
            let rows = (0..LANES)
                .map(|c| if c < self.channels { k.load_lanes(plane(c), pixels) } else { k.splat(0.0) })
                .collect();
            for (p, v) in transpose(k, rows).into_iter().enumerate().take(pixels) {
                k.store(v, block(p));
            }
        } else {
            let rows = (0..LANES).map(|p| if p < pixels { k.load(block(p)) } else { k.splat(0.0) }).collect();
            for (c, v) in transpose(k, rows).into_iter().enumerate().take(self.channels) {
                k.store_lanes(v, plane(c), pixels);
            }
        }
    }
}

/// Transposes a square of lanes: element j of result i is element i of operand j.
pub(crate) fn transpose(k: &mut Builder, rows: Vec<V>) -> Vec<V> {
    // Pairs of rows interleaved, then pairs of pairs: columns of four within each group of four lanes.
    let pairs: Vec<(V, V)> = rows
        .chunks(2)
        .map(|r| (k.bin(Bin::UnpackLo, r[0], r[1]), k.bin(Bin::UnpackHi, r[0], r[1])))
        .collect();
    let fours: Vec<[V; 4]> = pairs
        .chunks(2)
        .map(|p| {
            let ((al, ah), (bl, bh)) = (p[0], p[1]);
            [
                k.shuffle(al, bl, 0x44),
                k.shuffle(al, bl, 0xEE),
                k.shuffle(ah, bh, 0x44),
                k.shuffle(ah, bh, 0xEE),
            ]
        })
        .collect();
    let low: Vec<V> = (0..4).map(|i| k.groups(fours[0][i], fours[1][i], 0x20)).collect();
    let high: Vec<V> = (0..4).map(|i| k.groups(fours[0][i], fours[1][i], 0x31)).collect();
    low.into_iter().chain(high).collect()
}
