//! The target: every fact of an instruction set that planning and kernels depend on.

use crate::vasm::{Emitter, LANES};

/// What code is generated for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How kernels become code.
    pub emitter: Emitter,
    /// f32 lanes of a vector, which is also the channel block of [`Blocked`](crate::plan::Layout::Blocked).
    pub lanes: usize,
    /// Sums that a register tile holds at once.
    pub accumulators: usize,
    /// Whether convolutions may be transformed, see [`winograd`](crate::kernels::winograd): the same function with
    /// other rounding errors.
    pub winograd: bool,
}

impl Target {
    /// The profile `x86-64-v3`: AVX2 and FMA, sixteen registers of eight lanes.
    pub fn x86_64_v3() -> Target {
        Target { emitter: Emitter::X64, lanes: LANES, accumulators: 12, winograd: true }
    }

    /// The name of the profile.
    pub fn name(&self) -> &'static str {
        "x86-64-v3"
    }

    /// The same profile through 128-bit CLIF: slower, and the oracle of the other.
    pub fn clif() -> Target {
        Target { emitter: Emitter::Clif, accumulators: 6, ..Target::x86_64_v3() }
    }

    /// Cycles that a register tile of `pixels` x `vectors` takes for one term of the sum, measured on Zen 4 with
    /// weights in the second cache level. Two FMA a cycle bound it below, the latency of a chain from four.
    pub fn tile_cycles(pixels: usize, vectors: usize) -> f64 {
        let accumulators = (pixels * vectors) as f64;
        let loads = (pixels + vectors) as f64;
        (accumulators / 2.0).max(loads / 2.0 + 0.4).max(3.7)
    }
}
