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
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
{
    /// The nearest number of this kind.
    fn from_f64(x: f64) -> Self;
    /// The number, exactly.
    fn to_f64(self) -> f64;
    /// e to the power of it.
    fn exp(self) -> Self;
    /// Its hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Its square root.
    fn sqrt(self) -> Self;
    /// It to the power of `y`.
    fn powf(self, y: Self) -> Self;
}

macro_rules! real {
    ($t:ty) => {
        impl Real for $t {
            fn from_f64(x: f64) -> $t {
                x as $t
            }
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            fn exp(self) -> $t {
                self.exp()
            }
            fn tanh(self) -> $t {
                self.tanh()
            }
            fn sqrt(self) -> $t {
                self.sqrt()
            }
            fn powf(self, y: $t) -> $t {
                self.powf(y)
            }
        }
    };
}

real!(f32);
real!(f64);
