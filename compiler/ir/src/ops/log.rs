//! `log`: the natural logarithm.
//!
//!     y = ln(x)
//!
//! Either zero gives -inf, a negative number NaN.
//!
//! (C1) The operand is real.

use super::elementwise::real_functions;

real_functions! {
    /// The natural logarithm.
    Log "log" = |x| x.ln();
}
