//! How fast this machine multiplies and adds: a loop of FMA on registers alone.
//!
//! Twelve chains of eight lanes, or of sixteen, hide the latency of two FMA units. It is the roof that a step's speed
//! is held against; where a machine is busy it sinks with everything else.

use std::time::Instant;

#[cfg(target_arch = "x86_64")]
use cnnc_codegen::Machine;

/// Most GFLOP/s of one core, over a few short loops, with the wide vectors of AVX-512 if the code has them and so does
/// the processor; `None` where it has no AVX2 and FMA.
pub(crate) fn gflops(wide: bool) -> Option<f64> {
    #[cfg(target_arch = "x86_64")]
    {
        if wide && Machine::host_is_wide() {
            // SAFETY: the processor has the features.
            return most(16, || unsafe { wide_chains(TRIPS) });
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the features.
            return most(8, || unsafe { chains(TRIPS) });
        }
    }
    let _ = wide;
    None
}

/// The most over a few runs of chains of so many lanes.
#[cfg(target_arch = "x86_64")]
fn most(lanes: usize, chains: impl Fn() -> f32) -> Option<f64> {
    let measure = || {
        let start = Instant::now();
        std::hint::black_box(chains());
        (TRIPS * CHAINS * lanes * 2) as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..5).map(|_| measure()).reduce(f64::max)
}

/// Trips of the loop, a few milliseconds.
#[cfg(target_arch = "x86_64")]
const TRIPS: usize = 1 << 20;

/// Independent sums.
#[cfg(target_arch = "x86_64")]
const CHAINS: usize = 12;

#[cfg(target_arch = "x86_64")]
macro_rules! chains {
    ($name:ident $features:literal $set:ident $fma:ident $first:ident) => {
        #[target_feature(enable = $features)]
        fn $name(trips: usize) -> f32 {
            use std::arch::x86_64::{$first, $fma, $set};
            let (scale, shift) = (std::hint::black_box(0.999), std::hint::black_box(0.001));
            let (scale, shift) = ($set(scale), $set(shift));
            let mut sums = [$set(1.0); CHAINS];
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = $set(i as f32);
            }
            for _ in 0..trips {
                for sum in &mut sums {
                    *sum = $fma(*sum, scale, shift);
                }
            }
            sums.into_iter().map(|sum| $first(sum)).sum()
        }
    };
}

#[cfg(target_arch = "x86_64")]
chains!(chains "avx2,fma" _mm256_set1_ps _mm256_fmadd_ps _mm256_cvtss_f32);
#[cfg(target_arch = "x86_64")]
chains!(wide_chains "avx512f" _mm512_set1_ps _mm512_fmadd_ps _mm512_cvtss_f32);
