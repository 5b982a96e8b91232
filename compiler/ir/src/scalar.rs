//! The arithmetic that every element type has: what sums, products and extremes of the evaluator are made of.
//!
//! Integers wrap. Of truth values the sum is `or`, the product `and`, and false is less than true.

use crate::Element;

/// An element type, as something to count with.
pub(crate) trait Scalar: Element + Default + PartialOrd {
    /// One.
    const ONE: Self;
    /// What no element is less than; of reals -inf.
    const LEAST: Self;
    /// What no element is greater than; of reals inf.
    const GREATEST: Self;
    /// The sum.
    fn plus(self, other: Self) -> Self;
    /// The product.
    fn times(self, other: Self) -> Self;
    /// The number divided by a count; of integers towards zero, and 0 where there is nothing to divide by.
    fn over(self, count: usize) -> Self;
}

macro_rules! real {
    ($t:ty) => {
        impl Scalar for $t {
            const ONE: $t = 1.0;
            const LEAST: $t = <$t>::NEG_INFINITY;
            const GREATEST: $t = <$t>::INFINITY;
            fn plus(self, other: $t) -> $t {
                self + other
            }
            fn times(self, other: $t) -> $t {
                self * other
            }
            fn over(self, count: usize) -> $t {
                self / count as $t
            }
        }
    };
}

macro_rules! integer {
    ($t:ty) => {
        impl Scalar for $t {
            const ONE: $t = 1;
            const LEAST: $t = <$t>::MIN;
            const GREATEST: $t = <$t>::MAX;
            fn plus(self, other: $t) -> $t {
                self.wrapping_add(other)
            }
            fn times(self, other: $t) -> $t {
                self.wrapping_mul(other)
            }
            fn over(self, count: usize) -> $t {
                i128::from(self).checked_div(count as i128).unwrap_or(0) as $t
            }
        }
    };
}

real!(f32);
real!(f64);
integer!(i64);
integer!(i32);
integer!(i8);
integer!(i16);
integer!(u16);
integer!(u8);

impl Scalar for bool {
    const ONE: bool = true;
    const LEAST: bool = false;
    const GREATEST: bool = true;
    fn plus(self, other: bool) -> bool {
        self || other
    }
    fn times(self, other: bool) -> bool {
        self && other
    }
    fn over(self, count: usize) -> bool {
        self && count > 0
    }
}
