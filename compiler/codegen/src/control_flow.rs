//! Shapes of control flow that whatever is written in CLIF shares.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types};
use cranelift_frontend::FunctionBuilder;
use std::ops::Range;

/// `for i in range { body(i) }`, with values that go from one iteration to the next: `body` takes and answers them.
/// Answers those of the last.
pub(crate) fn counted(
    b: &mut FunctionBuilder,
    range: Range<Value>,
    carried: &[Value],
    body: impl FnOnce(&mut FunctionBuilder, Value, &[Value]) -> Vec<Value>,
) -> Vec<Value> {
    let (head, inside, done) = (b.create_block(), b.create_block(), b.create_block());
    let jump = |b: &mut FunctionBuilder, index: Value, carried: &[Value]| {
        let args: Vec<BlockArg> =
            std::iter::once(index).chain(carried.iter().copied()).map(BlockArg::from).collect();
        b.ins().jump(head, &args);
    };
    jump(b, range.start, carried);
    let index = b.append_block_param(head, types::I64);
    let mut param = |&value: &Value| b.append_block_param(head, b.func.dfg.value_type(value));
    let held: Vec<Value> = carried.iter().map(&mut param).collect();
    b.switch_to_block(head);
    let more = b.ins().icmp(IntCC::SignedLessThan, index, range.end);
    b.ins().brif(more, inside, &[], done, &[]);
    b.switch_to_block(inside);
    b.seal_block(inside);
    let carried = body(b, index, &held);
    let next = b.ins().iadd_imm_s(index, 1);
    jump(b, next, &carried);
    b.seal_block(head);
    b.switch_to_block(done);
    b.seal_block(done);
    held
}
