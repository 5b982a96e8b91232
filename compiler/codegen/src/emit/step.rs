//! One step as CLIF: the share of its units that belongs to this task, and what runs them.
//!
//! The nests of a group run block by block. Rows of a ring that an earlier block of the same task computed are still
//! there and not computed again; a task's first block, and the first of each image, finds none.

use super::nest::{Nest, counted, seen};
use super::{Emitter, context};
use crate::plan::{Group, Program, Space, Step, Work};
use crate::vasm::EmitError;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AbiParam, FuncRef, InstBuilder, MemFlagsData, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cranelift_module::FuncId;
use std::collections::BTreeMap;
use std::ops::Range;

/// The signature of `task` and of every step: `void (Context *, uint32_t index)`.
pub(super) fn task_signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64), AbiParam::new(types::I32)]);
    signature
}

impl Emitter<'_> {
    /// Defines the function of a step; answers it and the bytes of its frame.
    pub(super) fn step(
        &mut self,
        program: &Program,
        index: usize,
        step: &Step,
    ) -> Result<(FuncId, usize), EmitError> {
        let name = format!("step{index}_{}", symbol(&step.name));
        let kernels = step.calls().map(|c| self.kernel(&c.kernel)).collect::<Result<Vec<_>, _>>()?;
        let id = self.declare(&name, &task_signature())?;
        let frame = self.define(&name, id, task_signature(), |module, b| {
            let kernels: Vec<FuncRef> =
                kernels.iter().map(|&k| module.declare_func_in_func(k, b.func)).collect();
            let entry = b.create_block();
            b.append_block_params_for_function_params(entry);
            b.switch_to_block(entry);
            b.seal_block(entry);
            let (ctx, task) = (b.block_params(entry)[0], b.block_params(entry)[1]);
            let bases = bases(b, program, step, ctx, task);
            let (first, last) = share(b, ctx, task, step.units());
            let nests: Vec<Nest> = step
                .calls()
                .zip(&kernels)
                .map(|(call, &kernel)| Nest { program, bases: &bases, call, kernel })
                .collect();
            match &step.work {
                Work::Nests(_) => one_by_one(b, &nests, first..last),
                Work::Group(group) => by_blocks(b, group, &nests, first..last),
            }
            b.ins().return_(&[]);
        })?;
        Ok((id, frame))
    }
}

/// The part of a name that is legal in a symbol.
fn symbol(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Runs a range of the units of all nests, taken one behind the other.
fn one_by_one(b: &mut FunctionBuilder, nests: &[Nest], units: Range<Value>) {
    let mut before = 0;
    for nest in nests {
        let count = nest.call.units() as i64;
        let lo = clamped(b, units.start, before, count);
        let hi = clamped(b, units.end, before, count);
        nest.units(b, lo..hi);
        before += count;
    }
}

/// Runs a range of the row blocks of a group; `nests` are those of all its members in order.
fn by_blocks(b: &mut FunctionBuilder, group: &Group, nests: &[Nest], units: Range<Value>) {
    let zero = b.ins().iconst(types::I64, 0);
    // For each ring, the rows computed so far end here.
    let fresh = vec![zero; group.members.len() - 1];
    counted(b, units, &fresh, |b, unit, ends| {
        let image = b.ins().udiv_imm_s(unit, group.blocks() as i64);
        let before = b.ins().imul_imm_s(image, group.blocks() as i64);
        let block = b.ins().isub(unit, before);
        let first = b.ins().imul_imm_s(block, group.block as i64);
        let last = b.ins().iadd_imm_s(first, group.block as i64);
        let most = b.ins().iconst(types::I64, group.rows as i64);
        let mut wanted = vec![first..b.ins().smin(last, most)];
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

/// The addresses of the spaces that a step touches.
fn bases(
    b: &mut FunctionBuilder,
    program: &Program,
    step: &Step,
    ctx: Value,
    task: Value,
) -> BTreeMap<Space, Value> {
    let flags = MemFlagsData::trusted();
    let mut bases = BTreeMap::new();
    let mut spaces: Vec<Space> = step.accesses().map(|(buffer, _)| program.buffer(buffer).space).collect();
    // Tables of the nest lie in the weights.
    spaces.push(Space::Weights);
    for space in spaces {
        bases.entry(space).or_insert_with(|| {
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
        });
    }
    bases
}

/// The units `units * task / shares .. units * (task + 1) / shares`.
///
/// Division is in f64: it cannot trap, and below 2^53 its floor is that of the exact quotient.
fn share(b: &mut FunctionBuilder, ctx: Value, task: Value, units: u64) -> (Value, Value) {
    let shares = b.ins().load(types::F64, MemFlagsData::trusted(), ctx, context::SHARES);
    let units = b.ins().f64const(units as f64);
    let next = b.ins().iadd_imm_s(task, 1);
    let mut bound = |index: Value| {
        let index = b.ins().fcvt_from_uint(types::F64, index);
        let product = b.ins().fmul(units, index);
        let quotient = b.ins().fdiv(product, shares);
        b.ins().fcvt_to_sint_sat(types::I64, quotient)
    };
    (bound(task), bound(next))
}

/// `min(max(x - before, 0), units)`
fn clamped(b: &mut FunctionBuilder, x: Value, before: i64, units: i64) -> Value {
    let x = b.ins().iadd_imm_s(x, -before);
    let zero = b.ins().iconst(types::I64, 0);
    let most = b.ins().iconst(types::I64, units);
    let x = b.ins().smax(x, zero);
    b.ins().smin(x, most)
}
