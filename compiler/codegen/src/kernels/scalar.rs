//! scalar: a run of elements of any type, each by an expression.
//!
//! ```text
//! y[i * stride] = body(first + i)            for i below count
//! ```
//!
//! Arguments: result, first, count (two numbers), then the operands of the body. Unlike the others it is written in
//! CLIF, the same for both emitters.

use super::Clif;
use crate::scalar::{self, Body, Interval, Load, Run};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::FunctionBuilder;
use std::ops::Range;

/// Arguments before the operands.
pub const OPERANDS: usize = 3;

/// The facts a scalar kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scalar {
    /// What is computed.
    pub body: Body,
    /// Bytes from one result to the next.
    pub stride: i64,
}

impl Scalar {
    /// The bytes that the kernel touches relative to the addresses that it is given, as the argument and the range,
    /// for all that the numbers `first` and `count` may be.
    pub fn touches(&self, first: Interval, count: Interval) -> Vec<(usize, Range<i128>)> {
        let size = self.body.dtype().bytes() as i128;
        let reach = i128::from(self.stride) * (i128::from(count.most) - 1);
        let index = Interval::new(first.least, first.most + count.most - 1);
        let loads = self.body.loads(index).into_iter();
        let loads = loads.map(|Load { operand, bytes }| (OPERANDS + operand, bytes));
        std::iter::once((0, reach.min(0)..reach.max(0) + size)).chain(loads).collect()
    }
}

impl Clif for Scalar {
    fn build(&self, b: &mut FunctionBuilder) {
        let words = arguments(b, OPERANDS + self.body.operands());
        let run = Run {
            to: words[0],
            first: words[1],
            count: words[2],
            stride: self.stride,
            operands: words[OPERANDS..].to_vec(),
        };
        scalar::build(&self.body, &run, b);
        b.ins().return_(&[]);
    }
}

/// Opens a function of the kernel signature; answers so many arguments.
pub(super) fn arguments(b: &mut FunctionBuilder, count: usize) -> Vec<Value> {
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let args = b.block_params(entry)[0];
    let word = |i| b.ins().load(types::I64, MemFlagsData::trusted(), args, 8 * i as i32);
    (0..count).map(word).collect()
}
