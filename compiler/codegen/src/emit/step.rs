//! One step as CLIF: the share of its units that belongs to this task, and the loop nest over them.

use super::{Emitter, context};
use crate::plan::{Arg, Call, Program, Space, Step, Term, Window};
use crate::vasm::EmitError;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, FuncRef, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cranelift_module::FuncId;
use std::collections::BTreeMap;

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
        let kernels = step.calls.iter().map(|c| self.kernel(&c.kernel)).collect::<Result<Vec<_>, _>>()?;
        let id = self.declare(&name, &task_signature())?;
        let frame = self.define(&name, id, task_signature(), |module, b| {
            let kernels: Vec<FuncRef> =
                kernels.iter().map(|&k| module.declare_func_in_func(k, b.func)).collect();
            let entry = b.create_block();
            b.append_block_params_for_function_params(entry);
            b.switch_to_block(entry);
            b.seal_block(entry);
            let (ctx, task) = (b.block_params(entry)[0], b.block_params(entry)[1]);
            let bases = bases(b, program, step, ctx);
            let (first, last) = share(b, ctx, task, step.units());
            let mut before = 0;
            for (call, &kernel) in step.calls.iter().zip(&kernels) {
                let units = call.units() as i64;
                let lo = clamped(b, first, before, units);
                let hi = clamped(b, last, before, units);
                Nest { program, bases: &bases, call, kernel }.emit(b, lo, hi);
                before += units;
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

/// The addresses of the spaces that a step touches.
fn bases(b: &mut FunctionBuilder, program: &Program, step: &Step, ctx: Value) -> BTreeMap<Space, Value> {
    let flags = MemFlagsData::trusted();
    let mut bases = BTreeMap::new();
    let mut spaces: Vec<Space> = step.accesses().map(|(buffer, _)| program.buffer(buffer).space).collect();
    // Tables of the nest lie in the weights.
    spaces.push(Space::Weights);
    for space in spaces {
        bases.entry(space).or_insert_with(|| {
            let (list, index) = match space {
                Space::Arena => return b.ins().load(types::I64, flags, ctx, context::ARENA),
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

/// One call's loop over units.
struct Nest<'a> {
    program: &'a Program,
    bases: &'a BTreeMap<Space, Value>,
    call: &'a Call,
    kernel: FuncRef,
}

/// Where the window of the current unit meets the image.
struct Rows {
    first_row: Value,
    first_tap: Value,
    taps: Value,
}

impl Nest<'_> {
    fn emit(&self, b: &mut FunctionBuilder, lo: Value, hi: Value) {
        let bytes = 8 * self.call.args.len().max(1) as u32;
        let slot = b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3));
        let (head, body, done) = (b.create_block(), b.create_block(), b.create_block());
        let unit = b.append_block_param(head, types::I64);
        b.ins().jump(head, &[lo.into()]);
        b.switch_to_block(head);
        let more = b.ins().icmp(IntCC::SignedLessThan, unit, hi);
        b.ins().brif(more, body, &[], done, &[]);
        b.switch_to_block(body);
        b.seal_block(body);
        let index = self.indices(b, unit);
        let rows = self.call.window.map(|w| rows(b, &w, index[w.dim]));
        for (i, arg) in self.call.args.iter().enumerate() {
            let value = self.arg(b, arg, &index, rows.as_ref());
            b.ins().stack_store(types::I64, value, slot, 8 * i as i32);
        }
        let args = b.ins().stack_addr(types::I64, slot, 0);
        b.ins().call(self.kernel, &[args]);
        let next = b.ins().iadd_imm_s(unit, 1);
        b.ins().jump(head, &[next.into()]);
        b.seal_block(head);
        b.switch_to_block(done);
        b.seal_block(done);
    }

    /// The index of each loop at a unit.
    fn indices(&self, b: &mut FunctionBuilder, unit: Value) -> Vec<Value> {
        let mut rest = unit;
        let mut index = Vec::with_capacity(self.call.extents.len());
        for (dim, &extent) in self.call.extents.iter().enumerate().rev() {
            if dim == 0 {
                index.push(rest);
            } else if extent == 1 {
                index.push(b.ins().iconst(types::I64, 0));
            } else {
                let quotient = b.ins().udiv_imm_s(rest, extent as i64);
                let product = b.ins().imul_imm_s(quotient, extent as i64);
                index.push(b.ins().isub(rest, product));
                rest = quotient;
            }
        }
        index.reverse();
        index
    }

    fn arg(&self, b: &mut FunctionBuilder, arg: &Arg, index: &[Value], rows: Option<&Rows>) -> Value {
        let Arg::Address { place, terms, .. } = arg else {
            // A plan asks for taps only with a window.
            let taps = rows.map_or_else(|| b.ins().iconst(types::I64, 1), |r| r.taps);
            return match *arg {
                Arg::SkippedTaps(bytes) => {
                    let kernel = self.call.window.map_or(1, |w| w.kernel) as i64;
                    let kernel = b.ins().iconst(types::I64, kernel);
                    let skipped = b.ins().isub(kernel, taps);
                    b.ins().imul_imm_s(skipped, bytes)
                }
                _ => taps,
            };
        };
        let buffer = self.program.buffer(place.buffer);
        let mut address =
            b.ins().iadd_imm_s(self.bases[&buffer.space], (buffer.offset + place.offset) as i64);
        for term in terms {
            let moved = match (term, rows) {
                (Term::Index { dim, stride }, _) => b.ins().imul_imm_s(index[*dim], *stride),
                (Term::FirstRow { stride }, Some(rows)) => b.ins().imul_imm_s(rows.first_row, *stride),
                (Term::FirstTap { stride }, Some(rows)) => b.ins().imul_imm_s(rows.first_tap, *stride),
                (Term::Lookup { dim, table, .. }, _) => {
                    let base = self.program.buffer(table.buffer).offset + table.offset;
                    let offset = b.ins().imul_imm_s(index[*dim], 8);
                    let at = b.ins().iadd(self.bases[&Space::Weights], offset);
                    let at = b.ins().iadd_imm_s(at, base as i64);
                    b.ins().load(types::I64, MemFlagsData::trusted(), at, 0)
                }
                _ => continue,
            };
            address = b.ins().iadd(address, moved);
        }
        address
    }
}

/// Which rows of the window lie inside the image: taps `t` with `0 <= row * stride - pad + t * dilation < extent`.
fn rows(b: &mut FunctionBuilder, w: &Window, row: Value) -> Rows {
    let zero = b.ins().iconst(types::I64, 0);
    let top = b.ins().imul_imm_s(row, w.stride as i64);
    let top = b.ins().iadd_imm_s(top, -(w.pad as i64));
    let ceil_div = |b: &mut FunctionBuilder, x: Value| {
        let x = b.ins().smax(x, zero);
        if w.dilation == 1 {
            return x;
        }
        let x = b.ins().iadd_imm_s(x, w.dilation as i64 - 1);
        b.ins().udiv_imm_s(x, w.dilation as i64)
    };
    let above = b.ins().ineg(top);
    let first_tap = ceil_div(b, above);
    let extent = b.ins().iconst(types::I64, w.extent as i64);
    let below = b.ins().isub(extent, top);
    let end = ceil_div(b, below);
    let kernel = b.ins().iconst(types::I64, w.kernel as i64);
    let end = b.ins().smin(end, kernel);
    let first_tap = b.ins().smin(first_tap, kernel);
    let taps = b.ins().isub(end, first_tap);
    let taps = b.ins().smax(taps, zero);
    let shift = b.ins().imul_imm_s(first_tap, w.dilation as i64);
    let first_row = b.ins().iadd(top, shift);
    // A window wholly outside reads nothing: keep its address inside the image.
    let last = b.ins().iconst(types::I64, w.extent as i64 - 1);
    let first_row = b.ins().smin(first_row, last);
    let first_row = b.ins().smax(first_row, zero);
    Rows { first_row, first_tap, taps }
}
