//! The two kinds of real number that the evaluator computes in.

/// f32 or f64: what an operator's reference evaluation is generic over.
pub trait Real:
    crate::Element
    + Default
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Rem<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
{
    /// The nearest number of this kind.
    fn from_f64(x: f64) -> Self;
    /// The number, exactly.
    fn to_f64(self) -> f64;
    /// Whether it is no number.
    fn is_nan(self) -> bool;
    /// e to the power of it.
    fn exp(self) -> Self;
    /// e to the power of it, less one, where that is small too.
    fn exp_m1(self) -> Self;
    /// Its natural logarithm.
    fn ln(self) -> Self;
    /// The natural logarithm of one more, where it is small too.
    fn ln_1p(self) -> Self;
    /// Its square root.
    fn sqrt(self) -> Self;
    /// Its size.
    fn abs(self) -> Self;
    /// The greatest integer not above.
    fn floor(self) -> Self;
    /// The least integer not below.
    fn ceil(self) -> Self;
    /// The nearest integer, ties to even.
    fn round_ties_even(self) -> Self;
    /// Its sine.
    fn sin(self) -> Self;
    /// Its cosine.
    fn cos(self) -> Self;
    /// Its tangent.
    fn tan(self) -> Self;
    /// Its arc sine.
    fn asin(self) -> Self;
    /// Its arc cosine.
    fn acos(self) -> Self;
    /// Its arc tangent.
    fn atan(self) -> Self;
    /// Its hyperbolic sine.
    fn sinh(self) -> Self;
    /// Its hyperbolic cosine.
    fn cosh(self) -> Self;
    /// Its hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Its inverse hyperbolic sine.
    fn asinh(self) -> Self;
    /// Its inverse hyperbolic cosine.
    fn acosh(self) -> Self;
    /// Its inverse hyperbolic tangent.
    fn atanh(self) -> Self;
    /// The error function of it.
    fn erf(self) -> Self;
    /// It to the power of `y`.
    fn powf(self, y: Self) -> Self;
}

macro_rules! real {
    ($t:ty, $erf:path, $($function:ident)*) => {
        impl Real for $t {
            fn from_f64(x: f64) -> $t {
                x as $t
            }
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            $(fn $function(self) -> $t {
                self.$function()
            })*
            fn is_nan(self) -> bool {
                self.is_nan()
            }
            fn erf(self) -> $t {
                $erf(self)
            }
            fn powf(self, y: $t) -> $t {
                self.powf(y)
            }
        }
    };
    ($t:ty, $erf:path) => {
        real!($t, $erf, exp exp_m1 ln ln_1p sqrt abs floor ceil round_ties_even
            sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh);
    };
}

real!(f32, libm::erff);
real!(f64, libm::erf);
