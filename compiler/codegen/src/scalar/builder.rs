//! Writing a body: values with the operators of Rust.
//!
//! A [`Value`] is `Copy` and knows its builder, so formulas read as such: `(x - mean) * scale + 1.0`. A plain number in
//! a formula takes the type of the value that it meets. What does not fit (an i64 added to an f32, the square root of
//! an integer) is noted and told by [`Builder::finish`]: lowering needs no error handling of its own.

use super::{Bin, Body, Fold, Node, Order, Un, X, half};
use cnnc_ir::{DType, Data};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

/// A body under construction.
#[derive(Default)]
pub struct Builder {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    nodes: Vec<(Node, DType)>,
    names: HashMap<(Node, DType), X>,
    folds: Vec<Fold>,
    carried: Vec<(X, X)>,
    fault: Option<String>,
}

/// A number of the body: the element type is known, the value is not.
#[derive(Clone, Copy)]
pub struct Value<'k> {
    builder: &'k Builder,
    x: X,
    dtype: DType,
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.x, self.dtype)
    }
}

/// What can stand beside a value in a formula: another value, or a plain number that takes its type.
pub trait Number<'k> {
    /// The number as a value of that type.
    fn of(self, builder: &'k Builder, dtype: DType) -> Value<'k>;
}

impl<'k> Number<'k> for Value<'k> {
    fn of(self, _: &'k Builder, _: DType) -> Value<'k> {
        self
    }
}

macro_rules! numbers {
    ($($t:ty => $data:expr),*) => { $(impl<'k> Number<'k> for $t {
        fn of(self, builder: &'k Builder, dtype: DType) -> Value<'k> {
            builder.constant(&$data(self).cast(dtype))
        }
    })* };
}

numbers!(
    i32 => |x| Data::I32(vec![x]),
    i64 => |x| Data::I64(vec![x]),
    usize => |x| Data::I64(vec![x as i64]),
    f32 => |x| Data::F32(vec![x]),
    f64 => |x| Data::F64(vec![x])
);

impl Builder {
    /// A builder of an empty body.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// The place of the element that is computed, an i64.
    pub fn index(&self) -> Value<'_> {
        self.node(Node::Index, DType::I64)
    }

    /// A number of that type, converted as `cast` has it.
    pub fn number<'k>(&'k self, dtype: DType, number: impl Number<'k>) -> Value<'k> {
        number.of(self, dtype)
    }

    /// The first element.
    pub fn constant(&self, data: &Data) -> Value<'_> {
        let mut bits = [0; 8];
        let bytes = data.to_le_bytes();
        let size = data.dtype().bytes();
        match bytes.get(..size) {
            Some(first) => bits[..size].copy_from_slice(first),
            None => self.fault("a constant has no elements"),
        }
        self.node(Node::Const(u64::from_le_bytes(bits)), data.dtype())
    }

    /// The element of an operand, of that type, that stands so many elements behind its first.
    pub fn load<'k>(&'k self, operand: usize, dtype: DType, at: Value<'k>) -> Value<'k> {
        if at.dtype != DType::I64 {
            self.fault(&format!("a place of type {}", at.dtype));
        }
        self.node(Node::Load(operand as u32, at.x), dtype)
    }

    /// A counted loop: `next` gets the number of the iteration, from 0, and what the accumulators hold, and answers
    /// what they hold then. The result is what they hold at the end; without iterations, `first`. There are as many as
    /// `trips`, which may be computed, says, and none where it is negative.
    pub fn fold<'k, const N: usize>(
        &'k self,
        trips: impl Number<'k>,
        first: [Value<'k>; N],
        next: impl FnOnce(Value<'k>, [Value<'k>; N]) -> [Value<'k>; N],
    ) -> [Value<'k>; N] {
        let trips = trips.of(self, DType::I64);
        if trips.dtype != DType::I64 {
            self.fault(&format!("iterations counted in {}", trips.dtype));
        }
        let fold = {
            let mut state = self.state.borrow_mut();
            state.folds.push(Fold { trips: trips.x, accumulators: Vec::new() });
            state.folds.len() - 1
        };
        let name = fold as u32;
        let held = std::array::from_fn(|k| self.node(Node::Held(name, k as u32), first[k].dtype));
        let after = next(self.node(Node::Counter(name), DType::I64), held);
        for (first, after) in first.iter().zip(&after) {
            if first.dtype != after.dtype {
                self.fault(&format!("an accumulator of {} is given {}", first.dtype, after.dtype));
            }
        }
        self.state.borrow_mut().folds[fold].accumulators =
            first.iter().zip(&after).map(|(first, after)| (first.x, after.x)).collect();
        std::array::from_fn(|k| self.node(Node::Folded(name, k as u32), first[k].dtype))
    }

    /// `first + term(0) + term(1) + ..`, in that order.
    pub fn sum<'k>(
        &'k self,
        trips: impl Number<'k>,
        first: Value<'k>,
        term: impl FnOnce(Value<'k>) -> Value<'k>,
    ) -> Value<'k> {
        self.fold(trips, [first], |i, [sum]| [sum + term(i)])[0]
    }

    /// A number that is carried along the run: `next` gets what it is at an element, `first` at the first of a run,
    /// and answers what it is at the next. The result is both.
    pub fn carry<'k>(
        &'k self,
        dtype: DType,
        first: impl Number<'k>,
        next: impl FnOnce(Value<'k>) -> Value<'k>,
    ) -> [Value<'k>; 2] {
        let first = first.of(self, dtype);
        let number = {
            let mut state = self.state.borrow_mut();
            state.carried.push((first.x, first.x));
            state.carried.len() - 1
        };
        let held = self.node(Node::Carried(number as u32), dtype);
        let after = next(held);
        let mut state = self.state.borrow_mut();
        if first.dtype != dtype || after.dtype != dtype {
            state.fault.get_or_insert_with(|| format!("{dtype} is carried, {} given", after.dtype));
        }
        if !matches!(state.nodes[first.x.0 as usize].0, Node::Const(_)) {
            state.fault.get_or_insert_with(|| "what is carried starts with no number".into());
        }
        state.carried[number].1 = after.x;
        [held, after]
    }

    /// Whether all are true.
    pub fn all<'k>(&'k self, conditions: impl IntoIterator<Item = Value<'k>>) -> Value<'k> {
        let all = conditions.into_iter().reduce(|all, condition| all & condition);
        all.unwrap_or_else(|| self.number(DType::Bool, 1))
    }

    /// Notes what is wrong; the first is told.
    pub fn fault(&self, message: &str) {
        self.state.borrow_mut().fault.get_or_insert_with(|| message.to_string());
    }

    /// The body that computes `result`, without what it does not need.
    ///
    /// # Errors
    /// The first thing in the formulas that does not fit.
    pub fn finish(&self, result: Value) -> Result<Body, String> {
        let state = self.state.borrow();
        if let Some(fault) = &state.fault {
            return Err(fault.clone());
        }
        let mut needed = vec![false; state.nodes.len()];
        let mut folds = vec![false; state.folds.len()];
        let carried = state.carried.iter().flat_map(|&(first, after)| [first, after]);
        carried.chain([result.x]).for_each(|x| needed[x.0 as usize] = true);
        for at in (0..state.nodes.len()).rev() {
            if !needed[at] {
                continue;
            }
            let (node, _) = state.nodes[at];
            if let Node::Folded(fold, _) = node {
                folds[fold as usize] = true;
                state.folds[fold as usize].operands().for_each(|x| needed[x.0 as usize] = true);
            }
            node.operands().for_each(|x| needed[x.0 as usize] = true);
        }
        let rank = |of: &[bool], at: u32| of[..at as usize].iter().filter(|&&n| n).count() as u32;
        let x = |x: X| X(rank(&needed, x.0));
        let kept = state.nodes.iter().zip(&needed).filter(|(_, needed)| **needed);
        let body = Body {
            nodes: kept
                .map(|(&(node, dtype), _)| (node.renamed(x, |fold| rank(&folds, fold)), dtype))
                .collect(),
            folds: state
                .folds
                .iter()
                .zip(&folds)
                .filter(|(_, needed)| **needed)
                .map(|(fold, _)| Fold {
                    trips: x(fold.trips),
                    accumulators: fold.accumulators.iter().map(|&(a, b)| (x(a), x(b))).collect(),
                })
                .collect(),
            carried: state.carried.iter().map(|&(first, after)| (x(first), x(after))).collect(),
            result: x(result.x),
        };
        let bound = body.bound();
        let mut ends = body.carried.iter().map(|&(_, after)| after).chain([body.result]);
        match ends.all(|x| bound[x.0 as usize].is_empty()) {
            true => Ok(body),
            false => Err("what a fold binds is read outside of it".into()),
        }
    }

    fn node(&self, node: Node, dtype: DType) -> Value<'_> {
        let state = &mut *self.state.borrow_mut();
        let x = *state.names.entry((node, dtype)).or_insert_with(|| {
            state.nodes.push((node, dtype));
            X(state.nodes.len() as u32 - 1)
        });
        Value { builder: self, x, dtype }
    }
}

impl<'k> Value<'k> {
    /// The element type.
    pub fn dtype(self) -> DType {
        self.dtype
    }

    /// Its node: what is written later comes later.
    pub fn x(self) -> X {
        self.x
    }

    /// The builder that it belongs to.
    pub fn builder(self) -> &'k Builder {
        self.builder
    }

    /// A number of the same type.
    pub fn like(self, number: impl Number<'k>) -> Value<'k> {
        number.of(self.builder, self.dtype)
    }

    /// The number in another type, as `cast` has it.
    pub fn to(self, dtype: DType) -> Value<'k> {
        match (self.dtype, dtype) {
            (from, to) if from == to => self,
            (DType::F16, _) => half::widened(self).to(dtype),
            (_, DType::F16) => half::narrowed(self),
            _ => self.builder.node(Node::Convert(self.x), dtype),
        }
    }

    /// The same bits as a number of another type of the same size; those of an f16 are the lower ones of an i32.
    pub fn bits(self, dtype: DType) -> Value<'k> {
        let is_half = matches!((self.dtype, dtype), (DType::F16, DType::I32) | (DType::I32, DType::F16));
        if dtype.bytes() != self.dtype.bytes() && !is_half {
            self.builder.fault(&format!("the bits of {} as {dtype}", self.dtype));
        }
        if dtype == self.dtype { self } else { self.builder.node(Node::Bits(self.x), dtype) }
    }

    /// `self * y + z`, of reals rounded once.
    pub fn mul_add(self, y: impl Number<'k>, z: impl Number<'k>) -> Value<'k> {
        let (y, z) = (self.like(y), self.like(z));
        if !self.dtype.is_float() {
            return self * y + z;
        }
        self.meets(y);
        self.meets(z);
        self.builder.node(Node::Fma(self.x, y.x, z.x), self.dtype)
    }

    /// `self < y ? self : y`, of reals as of integers.
    pub fn min(self, y: impl Number<'k>) -> Value<'k> {
        self.bin(Bin::Min, y)
    }

    /// `self > y ? self : y`, of reals as of integers.
    pub fn max(self, y: impl Number<'k>) -> Value<'k> {
        self.bin(Bin::Max, y)
    }

    /// Whether it is less than y.
    pub fn lt(self, y: impl Number<'k>) -> Value<'k> {
        self.compare(Order::Lt, y, false)
    }

    /// Whether it is y or less.
    pub fn le(self, y: impl Number<'k>) -> Value<'k> {
        self.compare(Order::Le, y, false)
    }

    /// Whether it is greater than y.
    pub fn gt(self, y: impl Number<'k>) -> Value<'k> {
        self.compare(Order::Lt, y, true)
    }

    /// Whether it is y or greater.
    pub fn ge(self, y: impl Number<'k>) -> Value<'k> {
        self.compare(Order::Le, y, true)
    }

    /// Whether it is y.
    pub fn equals(self, y: impl Number<'k>) -> Value<'k> {
        self.compare(Order::Eq, y, false)
    }

    /// Whether it is not y; so is a NaN.
    pub fn differs(self, y: impl Number<'k>) -> Value<'k> {
        self.compare(Order::Ne, y, false)
    }

    /// Of a condition: `then` where it is true. Both are computed.
    pub fn select(self, then: Value<'k>, otherwise: impl Number<'k>) -> Value<'k> {
        let otherwise = then.like(otherwise);
        if then.dtype != otherwise.dtype {
            self.builder.fault(&format!("{} or {}", then.dtype, otherwise.dtype));
        }
        if self.dtype != DType::Bool {
            self.builder.fault(&format!("a condition of type {}", self.dtype));
        }
        self.builder.node(Node::Select(self.x, then.x, otherwise.x), then.dtype)
    }

    /// Its size.
    pub fn abs(self) -> Value<'k> {
        self.un(Un::Abs, false)
    }

    /// Its square root.
    pub fn sqrt(self) -> Value<'k> {
        self.un(Un::Sqrt, true)
    }

    /// The greatest whole number not above.
    pub fn floor(self) -> Value<'k> {
        self.un(Un::Floor, true)
    }

    /// The least whole number not below.
    pub fn ceil(self) -> Value<'k> {
        self.un(Un::Ceil, true)
    }

    /// Its whole part.
    pub fn trunc(self) -> Value<'k> {
        self.un(Un::Trunc, true)
    }

    /// The nearest whole number, of two the even one.
    pub fn round_even(self) -> Value<'k> {
        self.un(Un::Round, true)
    }

    fn un(self, op: Un, only_real: bool) -> Value<'k> {
        if only_real && !self.dtype.is_float() {
            self.builder.fault(&format!("{op:?} of {}", self.dtype));
        }
        self.meets(self);
        self.builder.node(Node::Un(op, self.x), self.dtype)
    }

    fn bin(self, op: Bin, y: impl Number<'k>) -> Value<'k> {
        let y = self.like(y);
        self.meets(y);
        let only_integer = matches!(op, Bin::Rem | Bin::And | Bin::Or | Bin::Xor | Bin::Shl | Bin::Shr);
        if only_integer && self.dtype.is_float() {
            self.builder.fault(&format!("{op:?} of {}", self.dtype));
        }
        self.builder.node(Node::Bin(op, self.x, y.x), self.dtype)
    }

    fn compare(self, op: Order, y: impl Number<'k>, swapped: bool) -> Value<'k> {
        let y = self.like(y);
        self.meets(y);
        let (a, b) = if swapped { (y, self) } else { (self, y) };
        self.builder.node(Node::Compare(op, a.x, b.x), DType::Bool)
    }

    /// Notes where two numbers cannot be computed with.
    fn meets(self, y: Value) {
        if self.dtype != y.dtype || self.dtype == DType::F16 {
            self.builder.fault(&format!("{} meets {}", self.dtype, y.dtype));
        }
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident,)*) => { $(
        impl<'k, N: Number<'k>> std::ops::$trait<N> for Value<'k> {
            type Output = Value<'k>;
            fn $method(self, y: N) -> Value<'k> {
                self.bin(Bin::$op, y)
            }
        }
    )* };
}

operators! {
    Add add Add,
    Sub sub Sub,
    Mul mul Mul,
    Div div Div,
    Rem rem Rem,
    BitAnd bitand And,
    BitOr bitor Or,
    BitXor bitxor Xor,
    Shl shl Shl,
    Shr shr Shr,
}

impl<'k> std::ops::Neg for Value<'k> {
    type Output = Value<'k>;
    fn neg(self) -> Value<'k> {
        self.un(Un::Neg, false)
    }
}

impl<'k> std::ops::Not for Value<'k> {
    type Output = Value<'k>;
    fn not(self) -> Value<'k> {
        if self.dtype.is_float() {
            self.builder.fault(&format!("not of {}", self.dtype));
        }
        self.un(Un::Not, false)
    }
}
