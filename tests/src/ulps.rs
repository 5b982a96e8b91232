//! Distances in units of the last place.

/// How far `got` is from `want`, in units of the last place of f32 there. Infinity is taken as 2^128.
pub fn ulps(got: f32, want: f64) -> f64 {
    let finite = |x: f64| x.clamp(-(2_f64.powi(128)), 2_f64.powi(128));
    let want = finite(want);
    let exponent = if want == 0.0 { -149 } else { (want.abs().log2().floor() as i32 - 23).max(-149) };
    (finite(got.into()) - want).abs() / 2_f64.powi(exponent.min(104))
}
