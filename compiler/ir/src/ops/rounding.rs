//! `floor`, `ceil`, `round`: integers near a real number.
//!
//!     floor(x)   the greatest integer not above
//!     ceil(x)    the least integer not below
//!     round(x)   the nearest integer, of two the even one
//!
//! Infinities and NaN stay, and so does the sign where the result is 0.
//!
//! (C1) The operand is real.

use super::elementwise::real_functions;

real_functions! {
    /// The greatest integer not above.
    Floor "floor" = |x| x.floor();
    /// The least integer not below.
    Ceil "ceil" = |x| x.ceil();
    /// The nearest integer, ties to even.
    Round "round" = |x| x.round_ties_even();
}
