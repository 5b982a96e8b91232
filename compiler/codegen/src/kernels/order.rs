//! order: the places of the greatest keys of a line, the greatest first.
//!
//! ```text
//! y = the k places i below n with the greatest key(first + i), by falling keys, of equal ones the lower place first
//! ```
//!
//! The result is a heap with the last of the best at its root while the line is walked, and sorts itself in the end: n
//! log k steps and no memory besides. A key is computed anew wherever it is compared. Arguments: result, first (a
//! number), then the operands of the key. As the scalar kernel it is written in CLIF, the same for both emitters.

use super::Clif;
use crate::control_flow::counted;
use crate::scalar::{self, Body, Interval, Load};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::FunctionBuilder;
use std::ops::Range;

/// Arguments before the operands.
pub const OPERANDS: usize = 2;

/// Bytes of a place.
const PLACE: i64 = 8;

/// The facts an ordering kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// The key of an element, an i64.
    pub key: Body,
    /// Elements of a line.
    pub n: i64,
    /// How many places are wanted: one at least, n at most.
    pub k: i64,
}

impl Order {
    /// The bytes that the kernel touches relative to the addresses that it is given, as the argument and the range,
    /// for all that the number `first` may be.
    pub fn touches(&self, first: Interval) -> Vec<(usize, Range<i128>)> {
        let index = Interval::new(first.least, first.most + self.n - 1);
        let loads = self.key.loads(index).into_iter();
        let loads = loads.map(|Load { operand, bytes }| (OPERANDS + operand, bytes));
        std::iter::once((0, 0..i128::from(PLACE * self.k))).chain(loads).collect()
    }
}

impl Clif for Order {
    fn build(&self, b: &mut FunctionBuilder) {
        let words = super::scalar::arguments(b, OPERANDS + self.key.operands());
        let (n, k) = (b.ins().iconst(types::I64, self.n), b.ins().iconst(types::I64, self.k));
        let mut walk =
            Walk { key: &self.key, heap: words[0], first: words[1], operands: &words[OPERANDS..], b };
        // The first k places, then a heap of them.
        walk.count(0, k, |walk, i| walk.put(i, i));
        let half = walk.b.ins().iconst(types::I64, self.k / 2);
        walk.count(0, half, |walk, i| {
            let slot = walk.b.ins().isub(half, i);
            let slot = walk.b.ins().iadd_imm_s(slot, -1);
            let place = walk.get(slot);
            walk.sift(slot, k, place);
        });
        // Whatever comes before the root takes its place.
        walk.count(self.k, n, |walk, i| {
            let zero = walk.b.ins().iconst(types::I64, 0);
            let root = walk.get(zero);
            let is_better = walk.comes_last(root, i);
            walk.when(is_better, |walk| walk.sift(zero, k, i));
        });
        // The root is the last of what is left, and goes behind it.
        walk.count(1, k, |walk, i| {
            let zero = walk.b.ins().iconst(types::I64, 0);
            let last = walk.b.ins().isub(k, i);
            let (root, place) = (walk.get(zero), walk.get(last));
            walk.put(last, root);
            walk.sift(zero, last, place);
        });
        b.ins().return_(&[]);
    }
}

/// The kernel while it is written.
struct Walk<'a, 'b, 'f> {
    key: &'a Body,
    /// The address of the result.
    heap: Value,
    first: Value,
    operands: &'a [Value],
    b: &'b mut FunctionBuilder<'f>,
}

impl Walk<'_, '_, '_> {
    /// A loop over the numbers from `from` below `to`.
    fn count(&mut self, from: i64, to: Value, each: impl FnOnce(&mut Walk, Value)) {
        let Walk { key, heap, first, operands, .. } = *self;
        let from = self.b.ins().iconst(types::I64, from);
        counted(self.b, from..to, &[], |b, i, _| {
            each(&mut Walk { key, heap, first, operands, b }, i);
            Vec::new()
        });
    }

    /// What is done where a condition holds.
    fn when(&mut self, condition: Value, then: impl FnOnce(&mut Self)) {
        let (inside, done) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(condition, inside, &[], done, &[]);
        self.b.switch_to_block(inside);
        self.b.seal_block(inside);
        then(self);
        self.b.ins().jump(done, &[]);
        self.b.switch_to_block(done);
        self.b.seal_block(done);
    }

    /// Puts a place into a heap of `count` slots, from this slot down: what comes later moves up.
    fn sift(&mut self, slot: Value, count: Value, place: Value) {
        let (head, inside, up, done) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block(), self.b.create_block());
        let at = self.b.append_block_param(head, types::I64);
        self.b.ins().jump(head, &[slot.into()]);
        self.b.switch_to_block(head);
        let twice = self.b.ins().imul_imm_s(at, 2);
        let left = self.b.ins().iadd_imm_s(twice, 1);
        let has_child = self.b.ins().icmp(IntCC::SignedLessThan, left, count);
        self.b.ins().brif(has_child, inside, &[], done, &[]);
        self.b.switch_to_block(inside);
        self.b.seal_block(inside);
        // Without a child on the right, that on the left stands for it.
        let right = self.b.ins().iadd_imm_s(twice, 2);
        let has_right = self.b.ins().icmp(IntCC::SignedLessThan, right, count);
        let right = self.b.ins().select(has_right, right, left);
        let (on_left, on_right) = (self.get(left), self.get(right));
        let is_right = self.comes_last(on_right, on_left);
        let child = self.b.ins().select(is_right, right, left);
        let there = self.b.ins().select(is_right, on_right, on_left);
        let moves = self.comes_last(there, place);
        self.b.ins().brif(moves, up, &[], done, &[]);
        self.b.switch_to_block(up);
        self.b.seal_block(up);
        self.put(at, there);
        self.b.ins().jump(head, &[child.into()]);
        self.b.seal_block(head);
        self.b.switch_to_block(done);
        self.b.seal_block(done);
        self.put(at, place);
    }

    /// Whether the first of two places comes behind the other.
    fn comes_last(&mut self, a: Value, b: Value) -> Value {
        let (x, y) = (self.key(a), self.key(b));
        let less = self.b.ins().icmp(IntCC::SignedLessThan, x, y);
        let equal = self.b.ins().icmp(IntCC::Equal, x, y);
        let behind = self.b.ins().icmp(IntCC::SignedGreaterThan, a, b);
        let tie = self.b.ins().band(equal, behind);
        self.b.ins().bor(less, tie)
    }

    fn key(&mut self, place: Value) -> Value {
        let index = self.b.ins().iadd(self.first, place);
        scalar::element(self.key, self.operands, index, self.b)
    }

    fn address(&mut self, slot: Value) -> Value {
        let offset = self.b.ins().imul_imm_s(slot, PLACE);
        self.b.ins().iadd(self.heap, offset)
    }

    fn get(&mut self, slot: Value) -> Value {
        let address = self.address(slot);
        self.b.ins().load(types::I64, MemFlagsData::trusted(), address, 0)
    }

    fn put(&mut self, slot: Value, place: Value) {
        let address = self.address(slot);
        self.b.ins().store(MemFlagsData::trusted(), place, address, 0);
    }
}
