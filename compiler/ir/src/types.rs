//! Types of values: element type and static shape. Where a value lies in memory is no part of its type.
//!
//! INVARIANT: a [`Shape`] has at most [`Shape::MAX_RANK`] extents and its tensor of any element type fits in
//! `isize::MAX` bytes, so products of extents never overflow after construction.

use crate::Mismatch;
use crate::error::{mismatch, require};
use std::fmt;

/// An element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// IEEE 754 binary16, a format of storage: what is computed of it is computed in f32 and rounded.
    F16,
    /// Signed, 64 bits.
    I64,
    /// Signed, 32 bits.
    I32,
    /// Signed, 16 bits.
    I16,
    /// Unsigned, 16 bits.
    U16,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 8 bits.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 10] = [
        DType::F32,
        DType::F64,
        DType::F16,
        DType::I64,
        DType::I32,
        DType::I16,
        DType::U16,
        DType::I8,
        DType::U8,
        DType::Bool,
    ];

    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::I32 => 4,
            DType::F16 | DType::I16 | DType::U16 => 2,
            DType::I8 | DType::U8 | DType::Bool => 1,
        }
    }

    /// Its word in the text form.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::F16 => "f16",
            DType::I64 => "i64",
            DType::I32 => "i32",
            DType::I16 => "i16",
            DType::U16 => "u16",
            DType::I8 => "i8",
            DType::U8 => "u8",
            DType::Bool => "bool",
        }
    }

    /// The element type of that word.
    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL.into_iter().find(|d| d.name() == name)
    }

    /// Whether its elements are floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64 | DType::F16)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The extents of a tensor, outermost first. A scalar has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// The most extents a shape may have.
    pub const MAX_RANK: usize = 8;

    /// A shape, or why there is none: too many extents, or more bytes than an address can count.
    pub fn new(dims: impl Into<Vec<usize>>) -> Result<Shape, Mismatch> {
        let dims = dims.into();
        require!(
            dims.len() <= Shape::MAX_RANK,
            "a shape of {} extents: at most {} are supported",
            dims.len(),
            Shape::MAX_RANK
        );
        // Extents of 0 must not hide an overflow of the others: strides are products of these too.
        let bytes = dims.iter().try_fold(8usize, |n, &d| n.checked_mul(d.max(1)));
        match bytes {
            Some(n) if n <= isize::MAX as usize => Ok(Shape(dims)),
            _ => mismatch!("shape {dims:?} has more elements than memory can hold"),
        }
    }

    /// A shape from signed extents; negative ones are refused.
    pub fn from_signed(dims: &[i64]) -> Result<Shape, Mismatch> {
        let dims: Result<Vec<usize>, _> = dims.iter().map(|&d| usize::try_from(d)).collect();
        match dims {
            Ok(dims) => Shape::new(dims),
            Err(_) => mismatch!("shape has a negative extent"),
        }
    }

    /// The shape without extents.
    pub fn scalar() -> Shape {
        Shape(Vec::new())
    }

    /// The extents.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// How many extents there are.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Whether a tensor of this shape has no elements.
    pub fn is_empty(&self) -> bool {
        self.0.contains(&0)
    }

    /// How many elements a tensor of this shape has.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// Distances between neighbours along each extent in a row-major tensor, in elements.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        for i in (1..self.rank()).rev() {
            strides[i - 1] = strides[i] * self.0[i].max(1);
        }
        strides
    }

    /// The shape that both broadcast to, by the rules of ONNX and numpy: extents align at the innermost, an
    /// extent of 1 stretches.
    pub fn broadcast(&self, other: &Shape) -> Result<Shape, Mismatch> {
        let rank = self.rank().max(other.rank());
        let at = |s: &Shape, i: usize| (i + s.rank()).checked_sub(rank).map_or(1, |k| s.0[k]);
        let mut dims = Vec::with_capacity(rank);
        for i in 0..rank {
            dims.push(match (at(self, i), at(other, i)) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => mismatch!("shapes {self} and {other} do not broadcast: extents differ and neither is 1"),
            });
        }
        Shape::new(dims)
    }
}

impl std::ops::Index<usize> for Shape {
    type Output = usize;
    fn index(&self, i: usize) -> &usize {
        &self.0[i]
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, d) in self.0.iter().enumerate() {
            write!(f, "{}{d}", if i > 0 { "," } else { "" })?;
        }
        f.write_str("]")
    }
}

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// What its elements are.
    pub dtype: DType,
    /// Its extents.
    pub shape: Shape,
}

impl Type {
    /// A type of checked shape.
    pub fn new(dtype: DType, dims: impl Into<Vec<usize>>) -> Result<Type, Mismatch> {
        Ok(Type { dtype, shape: Shape::new(dims)? })
    }

    /// The same shape of another element type.
    pub fn with_dtype(&self, dtype: DType) -> Type {
        Type { dtype, shape: self.shape.clone() }
    }

    /// The same element type in another shape.
    pub fn with_dims(&self, dims: impl Into<Vec<usize>>) -> Result<Type, Mismatch> {
        Type::new(self.dtype, dims)
    }

    /// The extents.
    pub fn dims(&self) -> &[usize] {
        self.shape.dims()
    }

    /// How many extents there are.
    pub fn rank(&self) -> usize {
        self.shape.rank()
    }

    /// How many elements.
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// How many bytes, densely packed.
    pub fn bytes(&self) -> usize {
        self.elements() * self.dtype.bytes()
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}
