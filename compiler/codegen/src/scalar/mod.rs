//! Scalar code: one element of a result as an expression over any element type, for what is no hot vector loop.
//!
//! ```text
//! y[i] = body(i)            i: the place of the element in row-major order
//! ```
//!
//! A [`Body`] is plain data: a list of nodes, each after its operands, equal nodes once. It is written with a
//! [`Builder`], whose [`Value`]s have the operators of Rust, bounded by [`Body::loads`] and turned into code by
//! [`build`]. Arithmetic is that of the evaluator, bit for bit: integers wrap, `x / 0 = 0`, `MIN / -1 = MIN`, a
//! bool is 0 or 1, conversions are those of `cast`. An f16 is only stored: it is converted, and no more. Nothing
//! traps, and only the iterations of a fold are conditional: both sides of a `select` are computed.
//!
//! The elements of a run are computed one after the other, and a body may carry numbers from each to the next: so it
//! adds up as it goes.
//!
//! INVARIANT: operands stand before what reads them; what a fold binds is read inside of it alone.

mod build;
mod builder;
mod half;
mod interval;
pub mod math;

pub use build::{Run, build, element};
pub use builder::{Builder, Number, Value};
pub use interval::{Interval, Load};

use cnnc_ir::DType;

/// Names a node of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct X(u32);

/// Functions of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Un {
    /// `-x`
    Neg,
    /// The size of x; that of MIN is MIN.
    Abs,
    /// The square root of a real.
    Sqrt,
    /// The greatest whole real not above.
    Floor,
    /// The least whole real not below.
    Ceil,
    /// The whole part of a real.
    Trunc,
    /// The nearest whole real, of two the even one.
    Round,
    /// Every bit the other way, of a bool the only one.
    Not,
}

/// Functions of two numbers of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bin {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`, of integers truncated; `a / 0 = 0`.
    Div,
    /// `a - (a / b) * b` of integers; 0 for b = 0.
    Rem,
    /// `a < b ? a : b`
    Min,
    /// `a > b ? a : b`
    Max,
    /// Bits that both have.
    And,
    /// Bits that one has.
    Or,
    /// Bits that one alone has.
    Xor,
    /// Bits moved up; the distance counts modulo the width.
    Shl,
    /// Bits moved down, filled with the sign of a signed integer; the distance counts modulo the width.
    Shr,
}

/// Comparisons. Of a NaN all but `Ne` are false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// `a = b`
    Eq,
    /// `a != b`
    Ne,
    /// `a < b`
    Lt,
    /// `a <= b`
    Le,
}

/// One node of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// A number by its bits.
    Const(u64),
    /// The place of the element that is computed.
    Index,
    /// The element of an operand that stands so many elements behind its first.
    Load(u32, X),
    /// A function of one number.
    Un(Un, X),
    /// A function of two numbers.
    Bin(Bin, X, X),
    /// `a * b + c` of reals, rounded once.
    Fma(X, X, X),
    /// A comparison.
    Compare(Order, X, X),
    /// The second where the first is true, else the third.
    Select(X, X, X),
    /// The number in the type of this node, as `cast` has it.
    Convert(X),
    /// The bits in the type of this node, of the same size. Those of an f16 are the lower ones of an i32.
    Bits(X),
    /// The number of the iteration of a fold, from 0.
    Counter(u32),
    /// What an accumulator of a fold holds before the iteration.
    Held(u32, u32),
    /// What an accumulator of a fold holds after the last iteration.
    Folded(u32, u32),
    /// What is carried to this element from the one before it in the run.
    Carried(u32),
}

/// A counted loop with accumulators.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fold {
    /// How many iterations; none where it is not positive.
    pub trips: X,
    /// What each accumulator holds first, and what after an iteration.
    pub accumulators: Vec<(X, X)>,
}

/// An expression for one element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Body {
    nodes: Vec<(Node, DType)>,
    folds: Vec<Fold>,
    /// What is carried to the first element of a run, a number that is known, and what from each element to the next.
    carried: Vec<(X, X)>,
    result: X,
}

impl Node {
    /// The nodes that it names, those of a fold not.
    fn operands(&self) -> impl Iterator<Item = X> {
        let (a, b, c) = match *self {
            Node::Const(_)
            | Node::Index
            | Node::Counter(_)
            | Node::Held(..)
            | Node::Folded(..)
            | Node::Carried(_) => (None, None, None),
            Node::Load(_, x) | Node::Un(_, x) | Node::Convert(x) | Node::Bits(x) => (Some(x), None, None),
            Node::Bin(_, x, y) | Node::Compare(_, x, y) => (Some(x), Some(y), None),
            Node::Fma(x, y, z) | Node::Select(x, y, z) => (Some(x), Some(y), Some(z)),
        };
        [a, b, c].into_iter().flatten()
    }

    /// The same node with other names.
    fn renamed(self, x: impl Fn(X) -> X, fold: impl Fn(u32) -> u32) -> Node {
        match self {
            Node::Const(_) | Node::Index | Node::Carried(_) => self,
            Node::Load(operand, at) => Node::Load(operand, x(at)),
            Node::Un(op, a) => Node::Un(op, x(a)),
            Node::Bin(op, a, b) => Node::Bin(op, x(a), x(b)),
            Node::Fma(a, b, c) => Node::Fma(x(a), x(b), x(c)),
            Node::Compare(op, a, b) => Node::Compare(op, x(a), x(b)),
            Node::Select(a, b, c) => Node::Select(x(a), x(b), x(c)),
            Node::Convert(a) => Node::Convert(x(a)),
            Node::Bits(a) => Node::Bits(x(a)),
            Node::Counter(f) => Node::Counter(fold(f)),
            Node::Held(f, k) => Node::Held(fold(f), k),
            Node::Folded(f, k) => Node::Folded(fold(f), k),
        }
    }
}

impl Fold {
    /// The nodes that it names.
    fn operands(&self) -> impl Iterator<Item = X> {
        std::iter::once(self.trips).chain(self.accumulators.iter().flat_map(|&(first, next)| [first, next]))
    }
}

impl Body {
    /// The element type of the result.
    pub fn dtype(&self) -> DType {
        self.nodes[self.result.0 as usize].1
    }

    /// Whether an element needs the one before it in its run: then what a run is enters the result.
    pub fn carries(&self) -> bool {
        !self.carried.is_empty()
    }

    /// How many operands are named: one more than the last of them.
    pub fn operands(&self) -> usize {
        let named = self.nodes.iter().filter_map(|(node, _)| match node {
            Node::Load(operand, _) => Some(*operand as usize + 1),
            _ => None,
        });
        named.max().unwrap_or(0)
    }

    /// For each node, the folds whose counter or accumulators it depends on, in ascending order: an inner fold is
    /// opened after the one around it, so the last one is the innermost.
    fn bound(&self) -> Vec<Vec<u32>> {
        let mut bound: Vec<Vec<u32>> = Vec::with_capacity(self.nodes.len());
        for (node, _) in &self.nodes {
            let mut folds: Vec<u32> = match *node {
                Node::Counter(fold) | Node::Held(fold, _) => vec![fold],
                Node::Folded(fold, _) => {
                    let inside = self.folds[fold as usize].operands().flat_map(|x| &bound[x.0 as usize]);
                    inside.copied().filter(|&f| f != fold).collect()
                }
                _ => node.operands().flat_map(|x| &bound[x.0 as usize]).copied().collect(),
            };
            folds.sort_unstable();
            folds.dedup();
            bound.push(folds);
        }
        bound
    }
}
