//! terms: which terms of the sums of a row count, for a product that leaves out those that a zero makes nothing of.
//!
//! ```text
//! y = whole blocks, whether there is a rest, 0                  where most of x is not zero: all terms, as they lie
//! y = 0, 0, m, 4 * i of the m places i with x[i] != 0           else: only these
//! ```
//!
//! A list costs an address for each term, and its weights are not read in one piece: it pays where at least two fifths
//! are zeros (PERF: 4096 x 4096, whose weights come from memory, wide, ms with and without: none 0.94 and 0.97, half
//! zeros 0.86 and 0.95, three quarters 0.24 and 0.94, nine tenths 0.08 and 0.94). NaN is no zero. Arguments: result, x.
//! Result and places are i32. Written in CLIF, the same for both emitters.

use super::{Clif, scalar::arguments};
use crate::control_flow::counted;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::FunctionBuilder;
use std::ops::Range;

/// Where the list says how many whole blocks there are to take as they lie, whether there is a rest, and how many
/// places are listed; in bytes.
pub const BLOCKS: i32 = 0;
/// See [`BLOCKS`].
pub const REST: i32 = 4;
/// See [`BLOCKS`].
pub const COUNT: i32 = 8;
/// Where the places start.
pub const PLACES: i32 = 12;

/// Bytes of an element, and of a place.
const WORD: i64 = 4;

/// Terms are listed where so many of so many are zero.
const SPARSE: (i64, i64) = (2, 5);

/// Elements of a vector, by which zeros are counted.
const LANES: i64 = 4;

/// The facts the kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// Terms.
    pub terms: usize,
    /// Terms of a whole block.
    pub block: usize,
}

impl Terms {
    /// Bytes of the list, all places counted.
    pub fn bytes(&self) -> usize {
        PLACES as usize + WORD as usize * self.terms
    }

    /// The bytes that the kernel touches relative to the addresses that it is given, as the argument and the range.
    pub fn touches(&self) -> Vec<(usize, Range<i128>)> {
        vec![(0, 0..self.bytes() as i128), (1, 0..i128::from(WORD) * self.terms as i128)]
    }
}

impl Clif for Terms {
    fn build(&self, b: &mut FunctionBuilder) {
        let words = arguments(b, 2);
        let (list, x) = (words[0], words[1]);
        let (dense, sparse) = (b.create_block(), b.create_block());
        let zeros = self.zeros(b, x);
        let (part, whole) = SPARSE;
        let scaled = b.ins().imul_imm_s(zeros, whole);
        let is_sparse = b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, scaled, part * self.terms as i64);
        b.ins().brif(is_sparse, sparse, &[], dense, &[]);
        b.switch_to_block(dense);
        b.seal_block(dense);
        let number = |b: &mut FunctionBuilder, n: usize| b.ins().iconst(types::I32, n as i64);
        let (blocks, rest) = (self.terms / self.block, usize::from(!self.terms.is_multiple_of(self.block)));
        let lies = [blocks, rest, 0].map(|n| number(b, n));
        say(b, list, lies);
        b.ins().return_(&[]);
        b.switch_to_block(sparse);
        b.seal_block(sparse);
        let count = self.list(b, list, x);
        let listed = [number(b, 0), number(b, 0), count];
        say(b, list, listed);
        b.ins().return_(&[]);
    }
}

impl Terms {
    /// How many elements are zero; those behind the whole vectors do not count.
    fn zeros(&self, b: &mut FunctionBuilder, x: Value) -> Value {
        let (start, end) =
            (b.ins().iconst(types::I64, 0), b.ins().iconst(types::I64, self.terms as i64 / LANES));
        let word = b.ins().iconst(types::I32, 0);
        let none = b.ins().splat(types::I32X4, word);
        let counts = counted(b, start..end, &[none], |b, i, counts| {
            let offset = b.ins().imul_imm_s(i, WORD * LANES);
            let at = b.ins().iadd(x, offset);
            let bits = b.ins().load(types::I32X4, flags(), at, 0);
            let magnitude = b.ins().ishl_imm_u(bits, 1);
            // All ones, which is -1, in lanes that are zero.
            let is_zero = b.ins().icmp(IntCC::Equal, magnitude, none);
            vec![b.ins().isub(counts[0], is_zero)]
        });
        let lane = |b: &mut FunctionBuilder, i: i64| b.ins().extractlane(counts[0], i as u8);
        let first = lane(b, 0);
        let sum = (1..LANES).fold(first, |sum, i| {
            let count = lane(b, i);
            b.ins().iadd(sum, count)
        });
        b.ins().uextend(types::I64, sum)
    }

    /// Writes the places of what is not zero; answers how many there are.
    fn list(&self, b: &mut FunctionBuilder, list: Value, x: Value) -> Value {
        let places = b.ins().iadd_imm_s(list, i64::from(PLACES));
        let (start, end) = (b.ins().iconst(types::I64, 0), b.ins().iconst(types::I64, self.terms as i64));
        // Each place is written behind those that count, and stays if it counts: no branch has to be guessed.
        let last = counted(b, start..end, &[places], |b, i, next| {
            let offset = b.ins().imul_imm_s(i, WORD);
            let at = b.ins().iadd(x, offset);
            let bits = b.ins().load(types::I32, flags(), at, 0);
            let place = b.ins().ireduce(types::I32, offset);
            b.ins().store(MemFlagsData::trusted(), place, next[0], 0);
            let magnitude = b.ins().ishl_imm_u(bits, 1);
            let counts = b.ins().icmp_imm_s(IntCC::NotEqual, magnitude, 0);
            let counts = b.ins().uextend(types::I64, counts);
            let step = b.ins().imul_imm_s(counts, WORD);
            vec![b.ins().iadd(next[0], step)]
        });
        let bytes = b.ins().isub(last[0], places);
        let count = b.ins().ushr_imm_u(bytes, i64::from(WORD.ilog2()));
        b.ins().ireduce(types::I32, count)
    }
}

/// Writes what stands before the places.
fn say(b: &mut FunctionBuilder, list: Value, [blocks, rest, count]: [Value; 3]) {
    for (at, number) in [(BLOCKS, blocks), (REST, rest), (COUNT, count)] {
        b.ins().store(MemFlagsData::trusted(), number, list, at);
    }
}

/// The caller may give the vector at any address.
fn flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}
