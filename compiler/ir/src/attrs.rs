//! Attributes of operators: one walk over them serves the printer, the parser and the reader of error
//! messages.
//!
//! An operator names its attributes once, in [`Operator::attrs`](crate::Operator::attrs), in the order in
//! which they are printed. The printer leaves out those that equal their default; the parser fills those that
//! it read.

use crate::DType;
use std::fmt;

/// Two extents of a plane: height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hw(pub usize, pub usize);

impl fmt::Display for Hw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.0, self.1)
    }
}

/// Elements added around a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Pad {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Pad {
    /// No padding.
    pub const ZERO: Pad = Pad { top: 0, left: 0, bottom: 0, right: 0 };

    /// Rows and columns the plane grows by.
    pub fn total(&self) -> Hw {
        Hw(self.top.saturating_add(self.bottom), self.left.saturating_add(self.right))
    }
}

/// An attribute with a closed set of words, such as a rounding mode.
pub trait Keyword: Copy + PartialEq + 'static {
    /// Every value and its word.
    const WORDS: &'static [(&'static str, Self)];

    /// The word of this value.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, v)| *v == self).map_or("?", |(w, _)| w)
    }
}

/// A walk over the attributes of an operator: each call names one, gives its place and its default.
pub trait Attrs {
    /// A count.
    fn count(&mut self, name: &'static str, value: &mut usize, default: usize);
    /// An integer that may be negative, such as an index.
    fn int(&mut self, name: &'static str, value: &mut i64, default: i64);
    /// A real number.
    fn float(&mut self, name: &'static str, value: &mut f32, default: f32);
    /// Yes or no, `true` or `false` in the text.
    fn flag(&mut self, name: &'static str, value: &mut bool, default: bool);
    /// Height and width: `3` when equal, else `3x2`.
    fn hw(&mut self, name: &'static str, value: &mut Hw, default: Hw);
    /// Padding: `1`, or `[top,left,bottom,right]`.
    fn pad(&mut self, name: &'static str, value: &mut Pad);
    /// A list; the default is the empty one.
    fn ints(&mut self, name: &'static str, value: &mut Vec<i64>);
    /// A list of reals; the default is the empty one.
    fn floats(&mut self, name: &'static str, value: &mut Vec<f32>);
    /// An element type.
    fn dtype(&mut self, name: &'static str, value: &mut DType, default: DType);
    /// One of a closed set of words, by its index among them; see [`keyword`].
    fn word(&mut self, name: &'static str, words: &[&'static str], index: &mut usize, default: usize);
}

/// Visits an attribute that is a [`Keyword`].
pub fn keyword<K: Keyword>(attrs: &mut dyn Attrs, name: &'static str, value: &mut K, default: K) {
    let words: Vec<&'static str> = K::WORDS.iter().map(|(w, _)| *w).collect();
    let at = |k: K| K::WORDS.iter().position(|(_, v)| *v == k).unwrap_or(0);
    let mut index = at(*value);
    attrs.word(name, &words, &mut index, at(default));
    *value = K::WORDS[index].1;
}
