//! `erf`: the error function.
//!
//!     y = 2 / sqrt(pi) * integral of e^(-t^2) for t from 0 to x
//!
//! (C1) The operand is real.

use super::elementwise::real_functions;

real_functions! {
    /// The error function.
    Erf "erf" = |x| x.erf();
}
