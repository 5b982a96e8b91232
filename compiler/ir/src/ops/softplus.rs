//! `softplus`: a smooth ramp.
//!
//!     y = ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)
//!
//! The second form, which is computed, overflows nowhere.
//!
//! (C1) The operand is real.

use super::elementwise::real_functions;

real_functions! {
    /// A smooth ramp.
    Softplus "softplus" = |x| (if x > T::default() { x } else { T::default() }) + (-x.abs()).exp().ln_1p();
}
