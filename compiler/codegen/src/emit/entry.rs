//! The entry of a compiled model: `run`, `start`, `advance` and `task`.

use super::step::task_signature;
use super::table::{self, Record};
use super::{Emitter, context, refused};
use crate::address;
use crate::control_flow::counted;
use crate::plan::{Program, Space};
use crate::vasm::EmitError;
use cnnc_runtime::abi::{self, CnncCall, CnncExecutor, CnncModel};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Block, BlockCall, FuncRef, InstBuilder, JumpTableData, MemFlagsData, Signature, StackSlotData,
    StackSlotKind, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{FuncId, Module, ModuleRelocTarget};
use std::mem::offset_of;

/// A signature of integer parameters and one i32 result.
fn signature(params: &[types::Type], result: Option<types::Type>) -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend(params.iter().map(|&t| AbiParam::new(t)));
    signature.returns.extend(result.map(AbiParam::new));
    signature
}

/// Alignment of the workspace and of weights, in bytes.
const ALIGN: i64 = crate::plan::ALIGN as i64;

/// The functions around the steps.
pub(super) struct Entry {
    pub run: FuncId,
    /// Where the target has code with wide vectors.
    pub run_wide: Option<FuncId>,
    /// Bytes of the frames on the deepest path.
    pub frames: usize,
}

impl Emitter<'_> {
    /// Defines the functions around the steps.
    pub(super) fn entry(&mut self, program: &Program, records: &[Record]) -> Result<Entry, EmitError> {
        let table = self.table(records)?;
        let table = self.address("table_address", table)?;
        let steps = self.steps.clone();
        let task = self.declare("task", &task_signature())?;
        let task_frame =
            self.define("task", task, task_signature(), |module, b| write_task(module, b, &steps))?;
        let address = self.address("task_address", task)?;
        let advance_signature = signature(&[types::I64, types::I32], Some(types::I32));
        let advance = self.declare("advance", &advance_signature)?;
        let advance_frame = self.define("advance", advance, advance_signature, |module, b| {
            let task = module.declare_func_in_func(task, b.func);
            let address = module.declare_func_in_func(address, b.func);
            write_advance(b, task, address);
        })?;
        let start_signature = signature(&[types::I64; 3], Some(types::I32));
        let start = self.declare("start", &start_signature)?;
        let start_frame = self.define("start", start, start_signature, |module, b| {
            write_start(module, b, program, table, advance);
        })?;
        let (run, run_frame) = self.run("run", start, false)?;
        let run_wide = if self.target.wide { Some(self.run("run_wide", start, true)?.0) } else { None };
        Ok(Entry { run, run_wide, frames: run_frame + start_frame + advance_frame + task_frame })
    }

    /// `run(model, call)`: starts with wide vectors or without; answers it and the bytes of its frame.
    fn run(&mut self, name: &str, start: FuncId, wide: bool) -> Result<(FuncId, usize), EmitError> {
        let run_signature = signature(&[types::I64, types::I64], Some(types::I32));
        let run = self.declare(name, &run_signature)?;
        let frame = self.define(name, run, run_signature, |module, b| {
            let entry = begin(b);
            let (model, call) = (b.block_params(entry)[0], b.block_params(entry)[1]);
            let wide = b.ins().iconst(types::I64, i64::from(wide));
            let start = module.declare_func_in_func(start, b.func);
            let call = b.ins().call(start, &[model, call, wide]);
            let answer = b.inst_results(call)[0];
            b.ins().return_(&[answer]);
            b.seal_all_blocks();
        })?;
        Ok((run, frame))
    }

    /// A function that answers an address.
    fn address(&mut self, name: &str, what: impl Into<ModuleRelocTarget>) -> Result<FuncId, EmitError> {
        let id = self.declare(name, &signature(&[], Some(types::I64)))?;
        let (code, relocations) = address::function(self.target.machine, what);
        let defined = self.module.define_function_bytes(id, address::ALIGN, &code, &relocations);
        defined.map_err(|e| refused(name, &e))?;
        Ok(id)
    }
}

/// `task(ctx, index)`: calls the function of the current step.
fn write_task(module: &mut dyn Module, b: &mut FunctionBuilder, steps: &[FuncId]) {
    let entry = begin(b);
    let (ctx, index) = (b.block_params(entry)[0], b.block_params(entry)[1]);
    let flags = MemFlagsData::trusted();
    let record = b.ins().load(types::I64, flags, ctx, context::STEP);
    let function = b.ins().load(types::I32, flags, record, table::FUNCTION);
    let table = b.ins().load(types::I64, flags, ctx, context::TABLE);
    let offsets = b.ins().load(types::I64, flags, record, table::OFFSETS);
    let offsets = b.ins().iadd(table, offsets);
    let done = b.create_block();
    let blocks: Vec<Block> = steps.iter().map(|_| b.create_block()).collect();
    let calls: Vec<BlockCall> = blocks.iter().map(|&block| b.func.dfg.block_call(block, &[])).collect();
    let default = b.func.dfg.block_call(done, &[]);
    let jumps = b.create_jump_table(JumpTableData::new(default, &calls));
    b.ins().br_table(function, jumps);
    for (&block, &step) in blocks.iter().zip(steps) {
        b.switch_to_block(block);
        let step = module.declare_func_in_func(step, b.func);
        b.ins().call(step, &[ctx, index, offsets]);
        b.ins().jump(done, &[]);
    }
    b.switch_to_block(done);
    b.seal_all_blocks();
    b.ins().return_(&[]);
}

/// `advance(ctx, step)`: runs a step, on no more threads than it has units, then asks the caller whether to go on.
fn write_advance(b: &mut FunctionBuilder, task: FuncRef, task_address: FuncRef) {
    let flags = MemFlagsData::trusted();
    let entry = begin(b);
    let [ctx, step] = [0, 1].map(|i| b.block_params(entry)[i]);
    let table = b.ins().load(types::I64, flags, ctx, context::TABLE);
    let before = b.ins().uextend(types::I64, step);
    let before = b.ins().imul_imm_s(before, table::RECORD);
    let record = b.ins().iadd(table, before);
    b.ins().store(flags, record, ctx, context::STEP);
    let most = b.ins().load(types::I32, flags, record, table::MOST);
    let threads = b.ins().load(types::I32, flags, ctx, context::THREADS);
    let shares = b.ins().umin(threads, most);
    let float = b.ins().fcvt_from_uint(types::F64, shares);
    b.ins().store(flags, float, ctx, context::SHARES);
    let (alone, shared, after) = (b.create_block(), b.create_block(), b.create_block());
    let several = b.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, shares, 1);
    b.ins().brif(several, shared, &[], alone, &[]);

    b.switch_to_block(alone);
    let zero = b.ins().iconst(types::I32, 0);
    b.ins().call(task, &[ctx, zero]);
    b.ins().jump(after, &[]);

    b.switch_to_block(shared);
    let executor = b.ins().load(types::I64, flags, ctx, context::EXECUTOR);
    let context = b.ins().load(types::I64, flags, executor, offset_of!(CnncExecutor, context) as i32);
    let parallel_for =
        b.ins().load(types::I64, flags, executor, offset_of!(CnncExecutor, parallel_for) as i32);
    let call = b.ins().call(task_address, &[]);
    let function = b.inst_results(call)[0];
    let of_parallel_for =
        b.import_signature(signature(&[types::I64, types::I32, types::I64, types::I64], None));
    b.ins().call_indirect(of_parallel_for, parallel_for, &[context, shares, function, ctx]);
    b.ins().jump(after, &[]);

    b.switch_to_block(after);
    let on_step = b.ins().load(types::I64, flags, ctx, context::ON_STEP);
    let (ask, go_on, stop) = (b.create_block(), b.create_block(), b.create_block());
    b.ins().brif(on_step, ask, &[], go_on, &[]);
    b.switch_to_block(ask);
    let given = b.ins().load(types::I64, flags, ctx, context::STEP_CONTEXT);
    let of_on_step = b.import_signature(signature(&[types::I64, types::I32], Some(types::I32)));
    let call = b.ins().call_indirect(of_on_step, on_step, &[given, step]);
    let answer = b.inst_results(call)[0];
    b.ins().brif(answer, stop, &[], go_on, &[]);
    b.switch_to_block(stop);
    answer_code(b, abi::CNNC_STOPPED);
    b.switch_to_block(go_on);
    answer_code(b, abi::CNNC_OK);
    b.seal_all_blocks();
}

/// `start(model, call, wide)`: checks the call in the order of severity, fills the context, advances through all steps.
fn write_start(
    module: &mut dyn Module,
    b: &mut FunctionBuilder,
    program: &Program,
    table: FuncId,
    advance: FuncId,
) {
    let mut r = Start { b };
    let entry = begin(r.b);
    let [model, call, wide] = [0, 1, 2].map(|i| r.b.block_params(entry)[i]);
    r.require_set(model);
    r.require_set(call);
    let bytes =
        r.b.ins().load(types::I32, MemFlagsData::trusted(), call, offset_of!(CnncCall, struct_bytes) as i32);
    let least = offset_of!(CnncCall, weights) as i64;
    let long_enough = r.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, bytes, least);
    r.require(long_enough, abi::CNNC_BAD_CALL);
    let flags = r.b.ins().load(types::I32, MemFlagsData::trusted(), call, offset_of!(CnncCall, flags) as i32);
    let no_flags = r.b.ins().icmp_imm_s(IntCC::Equal, flags, 0);
    r.require(no_flags, abi::CNNC_BAD_CALL);

    let inputs = r.tensors(call, offset_of!(CnncCall, inputs), program, |s| matches!(s, Space::Input(_)));
    let outputs = r.tensors(call, offset_of!(CnncCall, outputs), program, |s| matches!(s, Space::Output(_)));

    let executor = r.optional(call, bytes, offset_of!(CnncCall, executor));
    let threads = r.threads(executor);

    let workspace = r.field(call, offset_of!(CnncCall, workspace));
    let given = r.field(call, offset_of!(CnncCall, workspace_bytes));
    if program.arena_bytes + program.scratch_bytes > 0 {
        r.require_set(workspace);
    }
    r.require_aligned(workspace);
    // Threads are counted in 32 bits: no overflow below 4 GiB of scratch a thread.
    let wanted = r.b.ins().imul_imm_s(threads, program.scratch_bytes as i64);
    let wanted = r.b.ins().iadd_imm_s(wanted, program.arena_bytes as i64);
    let enough = r.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, given, wanted);
    r.require(enough, abi::CNNC_WORKSPACE_TOO_SMALL);

    let weights = r.weights(model, call, bytes, program.weights.len() as i64);
    let on_step = r.optional(call, bytes, offset_of!(CnncCall, on_step));
    let step_context = r.optional(call, bytes, offset_of!(CnncCall, step_context));

    let table = module.declare_func_in_func(table, r.b.func);
    let table = r.b.ins().call(table, &[]);
    let table = r.b.inst_results(table)[0];

    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, context::BYTES, 3);
    let slot = r.b.create_sized_stack_slot(slot);
    let fields = [
        (workspace, context::ARENA),
        (weights, context::WEIGHTS),
        (inputs, context::INPUTS),
        (outputs, context::OUTPUTS),
        (executor, context::EXECUTOR),
        (threads, context::THREADS),
        (on_step, context::ON_STEP),
        (step_context, context::STEP_CONTEXT),
        (wide, context::WIDE),
        (table, context::TABLE),
    ];
    for (value, offset) in fields {
        r.b.ins().stack_store(types::I64, value, slot, offset);
    }
    let ctx = r.b.ins().stack_addr(types::I64, slot, 0);
    let advance = module.declare_func_in_func(advance, r.b.func);
    let steps = [0, program.steps.len() as i64].map(|step| r.b.ins().iconst(types::I64, step));
    counted(r.b, steps[0]..steps[1], &[], |b, step, _| {
        let step = b.ins().ireduce(types::I32, step);
        let call = b.ins().call(advance, &[ctx, step]);
        let answer = b.inst_results(call)[0];
        let (stop, go_on) = (b.create_block(), b.create_block());
        b.set_cold_block(stop);
        b.ins().brif(answer, stop, &[], go_on, &[]);
        b.switch_to_block(stop);
        b.ins().return_(&[answer]);
        b.switch_to_block(go_on);
        Vec::new()
    });
    answer_code(r.b, abi::CNNC_OK);
    r.b.seal_all_blocks();
}

/// `start` under construction: each check leaves the builder in the block where it held.
struct Start<'a, 'b> {
    b: &'a mut FunctionBuilder<'b>,
}

impl Start<'_, '_> {
    /// Answers `code` unless the condition holds.
    fn require(&mut self, condition: Value, code: i32) {
        let (good, bad) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(bad);
        self.b.ins().brif(condition, good, &[], bad, &[]);
        self.b.switch_to_block(bad);
        answer_code(self.b, code);
        self.b.switch_to_block(good);
    }

    fn require_set(&mut self, pointer: Value) {
        let set = self.b.ins().icmp_imm_s(IntCC::NotEqual, pointer, 0);
        self.require(set, abi::CNNC_NULL_POINTER);
    }

    fn require_aligned(&mut self, pointer: Value) {
        let low = self.b.ins().band_imm_s(pointer, ALIGN - 1);
        let aligned = self.b.ins().icmp_imm_s(IntCC::Equal, low, 0);
        self.require(aligned, abi::CNNC_MISALIGNED);
    }

    fn field(&mut self, object: Value, offset: usize) -> Value {
        self.b.ins().load(types::I64, MemFlagsData::trusted(), object, offset as i32)
    }

    /// `condition ? value() : 0`, where the value may only be computed under the condition.
    fn guarded(&mut self, condition: Value, value: impl FnOnce(&mut Self) -> Value) -> Value {
        let (there, after) = (self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(after, types::I64);
        let zero = self.b.ins().iconst(types::I64, 0);
        self.b.ins().brif(condition, there, &[], after, &[zero.into()]);
        self.b.switch_to_block(there);
        let value = value(self);
        self.b.ins().jump(after, &[value.into()]);
        self.b.switch_to_block(after);
        result
    }

    /// A pointer or count of the call that counts as zero when the caller's structure ends before it.
    fn optional(&mut self, call: Value, bytes: Value, offset: usize) -> Value {
        let there = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, bytes, offset as i64 + 8);
        self.guarded(there, |r| r.field(call, offset))
    }

    /// The caller's array of inputs or outputs; each entry that has bytes must be set.
    fn tensors(
        &mut self,
        call: Value,
        offset: usize,
        program: &Program,
        kind: impl Fn(Space) -> bool,
    ) -> Value {
        let list = self.field(call, offset);
        let tensors: Vec<_> = program.buffers.iter().filter(|buffer| kind(buffer.space)).collect();
        if !tensors.is_empty() {
            self.require_set(list);
        }
        for buffer in tensors {
            let (Space::Input(i) | Space::Output(i)) = buffer.space else { continue };
            if buffer.bytes > 0 {
                let pointer = self.field(list, 8 * i as usize);
                self.require_set(pointer);
            }
        }
        list
    }

    /// How many tasks the executor runs at once: 1 without one.
    fn threads(&mut self, executor: Value) -> Value {
        let given = self.b.ins().icmp_imm_s(IntCC::NotEqual, executor, 0);
        let threads = self.guarded(given, |r| {
            let load = |r: &mut Self, offset: usize| {
                r.b.ins().load(types::I32, MemFlagsData::trusted(), executor, offset as i32)
            };
            let bytes = load(r, offset_of!(CnncExecutor, struct_bytes));
            let least = offset_of!(CnncExecutor, parallel_for) as i64 + 8;
            let long_enough = r.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, bytes, least);
            r.require(long_enough, abi::CNNC_BAD_EXECUTOR);
            let threads = load(r, offset_of!(CnncExecutor, threads));
            let some = r.b.ins().icmp_imm_s(IntCC::NotEqual, threads, 0);
            r.require(some, abi::CNNC_BAD_EXECUTOR);
            let function = r.field(executor, offset_of!(CnncExecutor, parallel_for));
            let set = r.b.ins().icmp_imm_s(IntCC::NotEqual, function, 0);
            r.require(set, abi::CNNC_BAD_EXECUTOR);
            r.b.ins().uextend(types::I64, threads)
        });
        let one = self.b.ins().iconst(types::I64, 1);
        self.b.ins().umax(threads, one)
    }

    /// The caller's weights, checked, or the embedded ones.
    fn weights(&mut self, model: Value, call: Value, bytes: Value, wanted: i64) -> Value {
        let embedded = self.field(model, offset_of!(CnncModel, weights));
        let external = self.optional(call, bytes, offset_of!(CnncCall, weights));
        let given = self.optional(call, bytes, offset_of!(CnncCall, weights_bytes));
        let absent = self.b.ins().icmp_imm_s(IntCC::Equal, external, 0);
        let right = self.b.ins().icmp_imm_s(IntCC::Equal, given, wanted);
        let fits = self.b.ins().bor(absent, right);
        self.require(fits, abi::CNNC_WEIGHTS_MISSING);
        let weights = self.b.ins().select(absent, embedded, external);
        if wanted > 0 {
            let there = self.b.ins().icmp_imm_s(IntCC::NotEqual, weights, 0);
            self.require(there, abi::CNNC_WEIGHTS_MISSING);
        }
        self.require_aligned(weights);
        weights
    }
}

/// The block that holds the parameters.
fn begin(b: &mut FunctionBuilder) -> Block {
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    entry
}

fn answer_code(b: &mut FunctionBuilder, code: i32) {
    let code = b.ins().iconst(types::I32, i64::from(code));
    b.ins().return_(&[code]);
}
