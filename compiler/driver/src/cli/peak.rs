//! How fast this machine multiplies and adds: a loop of FMA on registers alone.
//!
//! Twelve chains of eight lanes hide the latency of two FMA units. It is the roof that a step's speed is held
//! against; where a machine is busy it sinks with everything else.

use std::time::Instant;

/// Most GFLOP/s of one core, over a few short loops; `None` where the processor has no AVX2 and FMA.
pub(crate) fn gflops() -> Option<f64> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        let measure = || {
            let start = Instant::now();
            // SAFETY: the processor has the features.
            let result = unsafe { chains(TRIPS) };
            std::hint::black_box(result);
            (TRIPS * CHAINS * 8 * 2) as f64 / start.elapsed().as_secs_f64() / 1e9
        };
        return (0..5).map(|_| measure()).reduce(f64::max);
    }
    None
}

/// Trips of the loop, a few milliseconds.
#[cfg(target_arch = "x86_64")]
const TRIPS: usize = 1 << 20;

/// Independent sums.
#[cfg(target_arch = "x86_64")]
const CHAINS: usize = 12;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn chains(trips: usize) -> f32 {
    use std::arch::x86_64::{_mm256_cvtss_f32, _mm256_fmadd_ps, _mm256_set1_ps};
    let (scale, shift) = (std::hint::black_box(0.999), std::hint::black_box(0.001));
    let (scale, shift) = (_mm256_set1_ps(scale), _mm256_set1_ps(shift));
    let mut sums = [_mm256_set1_ps(1.0); CHAINS];
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum = _mm256_set1_ps(i as f32);
    }
    for _ in 0..trips {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, scale, shift);
        }
    }
    sums.into_iter().map(|sum| _mm256_cvtss_f32(sum)).sum()
}
