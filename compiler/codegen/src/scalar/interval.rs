//! What a body can read: the bounds of every integer in it, given those of the index.
//!
//! A number that is read, accumulated, or wraps may be anything of its type; sums, products, quotients and remainders
//! of bounded numbers are bounded, and `min` and `max` bound anything. So an affine place is exact, and one that
//! comes from data must be clamped.

use super::{Bin, Body, Node, Un, X};
use cnnc_ir::DType;
use std::ops::Range;

/// The least and the most that an integer can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The least.
    pub least: i64,
    /// The most, not less.
    pub most: i64,
}

/// What a body reads of an operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// The operand.
    pub operand: usize,
    /// The bytes, from its first element on.
    pub bytes: Range<i128>,
}

impl Interval {
    /// From `least` to `most`.
    pub fn new(least: i64, most: i64) -> Interval {
        Interval { least, most }
    }

    /// One number.
    pub(crate) fn only(x: i64) -> Interval {
        Interval::new(x, x)
    }

    /// All numbers of a type. A real has no bounds; nothing reads them.
    pub(super) fn of(dtype: DType) -> Interval {
        match dtype {
            DType::I16 => Interval::new(i16::MIN.into(), i16::MAX.into()),
            DType::U16 => Interval::new(0, u16::MAX.into()),
            DType::I8 => Interval::new(i8::MIN.into(), i8::MAX.into()),
            DType::U8 => Interval::new(0, u8::MAX.into()),
            DType::Bool => Interval::new(0, 1),
            DType::I32 => Interval::new(i32::MIN.into(), i32::MAX.into()),
            DType::I64 | DType::F32 | DType::F64 | DType::F16 => Interval::new(i64::MIN, i64::MAX),
        }
    }

    /// The bounds of numbers that need not fit the type: those that do not wrap to any.
    fn fitting(numbers: &[i128], dtype: DType) -> Interval {
        let all = Interval::of(dtype);
        let least = numbers.iter().min().and_then(|&x| i64::try_from(x).ok());
        let most = numbers.iter().max().and_then(|&x| i64::try_from(x).ok());
        match (least, most) {
            (Some(least), Some(most)) if least >= all.least && most <= all.most => Interval { least, most },
            _ => all,
        }
    }

    /// Both, and what lies between them.
    pub(crate) fn union(self, other: Interval) -> Interval {
        Interval::new(self.least.min(other.least), self.most.max(other.most))
    }

    /// The bounds of a sum, if they have 64 bits.
    pub(crate) fn plus(self, other: Interval) -> Option<Interval> {
        let (least, most) = (self.least.checked_add(other.least)?, self.most.checked_add(other.most)?);
        Some(Interval { least, most })
    }

    /// The bounds of a product, if they have 64 bits.
    pub(crate) fn times(self, other: Interval) -> Option<Interval> {
        let product = |x: i64, y: i64| x.checked_mul(y);
        let first = Interval::only(product(self.least, other.least)?);
        [(self.least, other.most), (self.most, other.least), (self.most, other.most)]
            .into_iter()
            .try_fold(first, |all, (x, y)| Some(all.union(Interval::only(product(x, y)?))))
    }
}

impl Body {
    /// What the body reads for all elements whose place lies in `index`.
    pub fn loads(&self, index: Interval) -> Vec<Load> {
        let bounds = self.bounds(index);
        let bound = self.bound();
        let is_run = |fold: &u32| bounds[self.folds[*fold as usize].trips.0 as usize].most > 0;
        let mut loads = Vec::new();
        for ((node, dtype), folds) in self.nodes.iter().zip(&bound) {
            if let Node::Load(operand, at) = *node
                && folds.iter().all(is_run)
            {
                let (size, at) = (dtype.bytes() as i128, bounds[at.0 as usize]);
                let bytes = i128::from(at.least) * size..(i128::from(at.most) + 1) * size;
                loads.push(Load { operand: operand as usize, bytes });
            }
        }
        loads
    }

    /// About how many operations an element takes.
    pub fn cost(&self, index: Interval) -> u64 {
        let bounds = self.bounds(index);
        let trips = |fold: &u32| bounds[self.folds[*fold as usize].trips.0 as usize].most.max(0) as u64;
        let times = |folds: &Vec<u32>| folds.iter().map(trips).fold(1, u64::saturating_mul);
        self.bound().iter().map(times).fold(0, u64::saturating_add)
    }

    /// The bounds of every node.
    fn bounds(&self, index: Interval) -> Vec<Interval> {
        let mut bounds: Vec<Interval> = Vec::with_capacity(self.nodes.len());
        for &(node, dtype) in &self.nodes {
            let of = |x: X| bounds[x.0 as usize];
            let ty = |x: X| self.nodes[x.0 as usize].1;
            let all = Interval::of(dtype);
            let bound = match node {
                _ if dtype.is_float() => all,
                Node::Const(bits) => Interval::only(integer(bits, dtype)),
                Node::Index => index,
                Node::Un(op, a) => unary(op, of(a), dtype),
                Node::Bin(op, a, b) => binary(op, of(a), of(b), dtype),
                Node::Select(_, a, b) => of(a).union(of(b)),
                Node::Convert(a) if !ty(a).is_float() && dtype != DType::Bool => {
                    Interval::fitting(&[of(a).least.into(), of(a).most.into()], dtype)
                }
                // A fold that runs at all counts from 0 to its last iteration.
                Node::Counter(fold) => Interval::new(0, of(self.folds[fold as usize].trips).most.max(1) - 1),
                Node::Convert(_)
                | Node::Bits(_)
                | Node::Compare(..)
                | Node::Load(..)
                | Node::Fma(..)
                | Node::Held(..)
                | Node::Folded(..)
                | Node::Carried(_) => all,
            };
            bounds.push(bound);
        }
        bounds
    }
}

/// An integer by its bits.
pub(super) fn integer(bits: u64, dtype: DType) -> i64 {
    match dtype {
        DType::I16 => i64::from(bits as u16 as i16),
        DType::U16 => i64::from(bits as u16),
        DType::I8 => i64::from(bits as u8 as i8),
        DType::U8 | DType::Bool => i64::from(bits as u8),
        DType::I32 => i64::from(bits as u32 as i32),
        DType::I64 | DType::F32 | DType::F64 | DType::F16 => bits as i64,
    }
}

fn unary(op: Un, x: Interval, dtype: DType) -> Interval {
    let (least, most) = (i128::from(x.least), i128::from(x.most));
    match op {
        Un::Neg => Interval::fitting(&[-least, -most], dtype),
        Un::Abs if least >= 0 => x,
        Un::Abs => Interval::fitting(&[0, -least, most.abs()], dtype),
        _ => Interval::of(dtype),
    }
}

fn binary(op: Bin, a: Interval, b: Interval, dtype: DType) -> Interval {
    let sides = |i: Interval| [i128::from(i.least), i128::from(i.most)];
    // Monotone in both: the bounds lie at the corners.
    let corners = |f: fn(i128, i128) -> i128| {
        let [c, d] = sides(b);
        let all: Vec<i128> = sides(a).iter().flat_map(|&x| [f(x, c), f(x, d)]).collect();
        Interval::fitting(&all, dtype)
    };
    match op {
        // A bool is 0 or 1 whatever is done to it.
        _ if dtype == DType::Bool => Interval::of(dtype),
        Bin::Add => corners(|x, y| x + y),
        Bin::Sub => corners(|x, y| x - y),
        Bin::Mul => corners(|x, y| x * y),
        Bin::Div if b.least > 0 => corners(|x, y| x / y),
        Bin::Rem if b.least > 0 && a.least >= 0 => Interval::new(0, a.most.min(b.most - 1)),
        Bin::Rem if b.least > 0 => Interval::new((1 - b.most).max(a.least), (b.most - 1).min(a.most.max(0))),
        Bin::Min => Interval::new(a.least.min(b.least), a.most.min(b.most)),
        Bin::Max => Interval::new(a.least.max(b.least), a.most.max(b.most)),
        Bin::And if b.least >= 0 => Interval::new(0, b.most),
        Bin::And if a.least >= 0 => Interval::new(0, a.most),
        _ => Interval::of(dtype),
    }
}
