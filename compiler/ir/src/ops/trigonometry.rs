//! Trigonometric and hyperbolic functions and their inverses; `tanh` has a file of its own.
//!
//!     sin cos tan asin acos atan sinh cosh asinh acosh atanh
//!
//! Angles are in radians. Where a function is not defined, it is NaN. Compiled, sines, cosines and tangents are right
//! for angles up to 2^36; beyond that they may be those of any angle.
//!
//! (C1) The operand is real.

use super::elementwise::real_functions;

real_functions! {
    /// The sine.
    Sin "sin" = |x| x.sin();
    /// The cosine.
    Cos "cos" = |x| x.cos();
    /// The tangent.
    Tan "tan" = |x| x.tan();
    /// The arc sine, from -pi/2 to pi/2.
    Asin "asin" = |x| x.asin();
    /// The arc cosine, from 0 to pi.
    Acos "acos" = |x| x.acos();
    /// The arc tangent, from -pi/2 to pi/2.
    Atan "atan" = |x| x.atan();
    /// The hyperbolic sine.
    Sinh "sinh" = |x| x.sinh();
    /// The hyperbolic cosine.
    Cosh "cosh" = |x| x.cosh();
    /// The inverse of the hyperbolic sine.
    Asinh "asinh" = |x| x.asinh();
    /// The inverse of the hyperbolic cosine, from 0 on.
    Acosh "acosh" = |x| x.acosh();
    /// The inverse of the hyperbolic tangent.
    Atanh "atanh" = |x| x.atanh();
}
