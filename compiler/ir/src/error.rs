//! What is wrong with an expression: the one error type of shape inference and of building graphs. Beside it, why there
//! are no elements of a constant.

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

/// Why the elements of a constant cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// They stand nowhere, or do not fit the type.
    Mismatch(Mismatch),
    /// The system has not the memory for so many elements of so many bytes.
    NoMemory(usize, usize),
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueError::Mismatch(mismatch) => mismatch.fmt(f),
            ValueError::NoMemory(count, bytes) => {
                write!(f, "the system has no memory for {count} elements of {bytes} bytes")
            }
        }
    }
}

impl std::error::Error for ValueError {}

impl From<Mismatch> for ValueError {
    fn from(mismatch: Mismatch) -> ValueError {
        ValueError::Mismatch(mismatch)
    }
}

impl From<ValueError> for Mismatch {
    fn from(error: ValueError) -> Mismatch {
        Mismatch(error.to_string())
    }
}

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
