//! One step as CLIF: the share of its units that belongs to this task, and what runs them.
//!
//! The nests of a group run block by block. Rows of a ring that an earlier block of the same task computed are still
//! there and not computed again; a task's first block, and the first of each image, finds none.

use super::nest::{Nest, seen};
use super::shape::Shape;
use super::table::Record;
use super::{Emitter, context};
use crate::control_flow::counted;
use crate::plan::{Group, Program, Space, Step, Work};
use crate::vasm::EmitError;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, FuncRef, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cranelift_module::FuncId;
use std::collections::BTreeMap;
use std::ops::Range;

/// The signature of `task`: `void (Context *, uint32_t index)`.
pub(super) fn task_signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64), AbiParam::new(types::I32)]);
    signature
}

/// The signature of every step: that of `task`, and the offsets of its buffers: `const uint64_t *`.
fn step_signature() -> Signature {
    let mut signature = task_signature();
    signature.params.push(AbiParam::new(types::I64));
    signature
}

impl Emitter<'_> {
    /// What the table says of a step. Its function is defined for the first one of its shape, and named after that.
    pub(super) fn step(&mut self, program: &Program, index: usize, step: &Step) -> Result<Record, EmitError> {
        let most = step.units().clamp(1, u64::from(u32::MAX >> 1)) as u32;
        let (shape, offsets) = Shape::of(program, step);
        let function = match self.shapes.get(&shape) {
            Some(&function) => function,
            None => {
                let name = format!("step{index}.{}", symbol(&step.name));
                let id = self.shape(program, &name, &step.name, &shape)?;
                let function = self.steps.len() as u32;
                self.steps.push(id);
                self.shapes.insert(shape, function);
                function
            }
        };
        Ok(Record { most, function, offsets })
    }

    /// Defines the function of steps of a shape.
    fn shape(
        &mut self,
        program: &Program,
        name: &str,
        layer: &str,
        Shape { step, spaces }: &Shape,
    ) -> Result<FuncId, EmitError> {
        let kernels = step.calls().map(|c| self.kernel(c, layer)).collect::<Result<Vec<_>, _>>()?;
        let id = self.declare(name, &step_signature())?;
        let frame = self.define(name, id, step_signature(), |module, b| {
            let kernels: Vec<FuncRef> =
                kernels.iter().map(|&k| module.declare_func_in_func(k, b.func)).collect();
            let entry = b.create_block();
            b.append_block_params_for_function_params(entry);
            b.switch_to_block(entry);
            b.seal_block(entry);
            let [ctx, task, offsets] = [0, 1, 2].map(|i| b.block_params(entry)[i]);
            let buffers = buffers(b, program, spaces, [ctx, task, offsets]);
            let wide = b.ins().load(types::I64, MemFlagsData::trusted(), ctx, context::WIDE);
            // Nests run one after the other.
            let args = step.calls().map(|call| call.args.len()).max().unwrap_or(0).max(1);
            let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 8 * args as u32, 3);
            let slot = b.create_sized_stack_slot(slot);
            let nests: Vec<Nest> = step
                .calls()
                .zip(&kernels)
                .map(|(call, &kernel)| Nest { buffers: &buffers, call, kernel, slot, wide })
                .collect();
            match &step.work {
                Work::Nests(_) | Work::Siblings(_) => {
                    let work = share(b, ctx, task, step.calls().map(|c| c.units() * c.work()).sum());
                    one_by_one(b, &nests, work);
                }
                Work::Group(group) => {
                    let blocks = share(b, ctx, task, step.units());
                    by_blocks(b, group, &nests, blocks);
                }
            }
            b.ins().return_(&[]);
        })?;
        self.deepest_step = self.deepest_step.max(frame);
        Ok(id)
    }
}

/// The part of a name that is legal in a symbol.
pub(super) fn symbol(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Runs the units of all nests, taken one behind the other, on which a range of their work falls.
fn one_by_one(b: &mut FunctionBuilder, nests: &[Nest], work: Range<Value>) {
    let mut before = 0;
    for nest in nests {
        let (count, each) = (nest.call.units() as i64, nest.call.work() as i64);
        let lo = unit_at(b, work.start, before, count, each);
        let hi = unit_at(b, work.end, before, count, each);
        nest.units(b, lo..hi);
        before += count * each;
    }
}

/// Runs a range of the row blocks of a group; `nests` are those of all its members in order.
fn by_blocks(b: &mut FunctionBuilder, group: &Group, nests: &[Nest], units: Range<Value>) {
    let zero = b.ins().iconst(types::I64, 0);
    // For each ring, the rows computed so far end here.
    let fresh = vec![zero; group.members.len() - 1];
    counted(b, units, &fresh, |b, unit, ends| {
        let (blocks, rows) = (group.blocks as i64, group.rows as i64);
        let image = b.ins().udiv_imm_s(unit, blocks);
        let before = b.ins().imul_imm_s(image, blocks);
        let block = b.ins().isub(unit, before);
        let first = b.ins().imul_imm_s(block, rows);
        let last = b.ins().iadd_imm_s(first, rows);
        let mut wanted = vec![b.ins().udiv_imm_s(first, blocks)..b.ins().udiv_imm_s(last, blocks)];
        let is_first = b.ins().icmp_imm_s(IntCC::Equal, block, 0);
        let mut ends = ends.to_vec();
        // From the last member back: what the next one sees, without what is there already.
        for (end, next) in ends.iter_mut().zip(&group.members[1..]).rev() {
            let Some(window) = &next.window else { continue };
            let seen = seen(b, window, &wanted[wanted.len() - 1]);
            *end = b.ins().select(is_first, zero, *end);
            wanted.push(b.ins().smax(*end, seen.start)..seen.end);
            *end = b.ins().smax(*end, seen.end);
        }
        let mut nests = nests.iter();
        for (member, rows) in group.members.iter().zip(wanted.into_iter().rev()) {
            for nest in nests.by_ref().take(member.calls.len()) {
                nest.rows(b, image, rows.clone());
            }
        }
        ends
    });
}

/// The addresses of the buffers that a step touches.
fn buffers(
    b: &mut FunctionBuilder,
    program: &Program,
    spaces: &[Space],
    [ctx, task, offsets]: [Value; 3],
) -> Vec<Value> {
    let flags = MemFlagsData::trusted();
    let mut bases = BTreeMap::new();
    let mut base = |b: &mut FunctionBuilder, space: Space| {
        *bases.entry(space).or_insert_with(|| {
            let (list, index) = match space {
                Space::Arena => return b.ins().load(types::I64, flags, ctx, context::ARENA),
                Space::Scratch => {
                    let arena = b.ins().load(types::I64, flags, ctx, context::ARENA);
                    let index = b.ins().uextend(types::I64, task);
                    let before = b.ins().imul_imm_s(index, program.scratch_bytes as i64);
                    let offset = b.ins().iadd_imm_s(before, program.arena_bytes as i64);
                    return b.ins().iadd(arena, offset);
                }
                Space::Weights => return b.ins().load(types::I64, flags, ctx, context::WEIGHTS),
                Space::Input(i) => (context::INPUTS, i),
                Space::Output(i) => (context::OUTPUTS, i),
            };
            let list = b.ins().load(types::I64, flags, ctx, list);
            b.ins().load(types::I64, flags, list, index as i32 * 8)
        })
    };
    let mut address = |(number, &space): (usize, &Space)| {
        let base = base(b, space);
        let offset = b.ins().load(types::I64, flags, offsets, 8 * number as i32);
        b.ins().iadd(base, offset)
    };
    spaces.iter().enumerate().map(&mut address).collect()
}

/// The work `work * task / shares .. work * (task + 1) / shares`.
///
/// Division is in f64: it cannot trap, and below 2^53 its floor is that of the exact quotient.
fn share(b: &mut FunctionBuilder, ctx: Value, task: Value, work: u64) -> Range<Value> {
    let shares = b.ins().load(types::F64, MemFlagsData::trusted(), ctx, context::SHARES);
    let work = b.ins().f64const(work as f64);
    let next = b.ins().iadd_imm_s(task, 1);
    let mut bound = |index: Value| {
        let index = b.ins().fcvt_from_uint(types::F64, index);
        let product = b.ins().fmul(work, index);
        let quotient = b.ins().fdiv(product, shares);
        b.ins().fcvt_to_sint_sat(types::I64, quotient)
    };
    bound(task)..bound(next)
}

/// The unit of a nest, of `count` that cost `each`, whose start is nearest to a place in the work of the step, where
/// `before` lies in front of the nest.
fn unit_at(b: &mut FunctionBuilder, place: Value, before: i64, count: i64, each: i64) -> Value {
    let inside = b.ins().iadd_imm_s(place, each / 2 - before);
    let zero = b.ins().iconst(types::I64, 0);
    let most = b.ins().iconst(types::I64, count);
    let inside = b.ins().smax(inside, zero);
    let unit = b.ins().udiv_imm_s(inside, each);
    b.ins().smin(unit, most)
}
