//! What is wrong with an expression: the one error type of shape inference and of building graphs.

use std::fmt;

/// An expression breaks a rule. The message names the operator, the shapes, the rule and, where there is one,
/// the way out; who holds the node adds its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(pub String);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

/// Returns a [`Mismatch`] with a formatted message.
macro_rules! mismatch {
    ($($arg:tt)*) => { return Err($crate::Mismatch(format!($($arg)*))) };
}
pub(crate) use mismatch;

/// Returns a [`Mismatch`] unless the condition holds.
macro_rules! require {
    ($cond:expr, $($arg:tt)*) => { if !$cond { $crate::error::mismatch!($($arg)*) } };
}
pub(crate) use require;
