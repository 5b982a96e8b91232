//! A nest as CLIF: loops around one kernel, the arguments of each call, the rows that a window sees.

use crate::control_flow::counted;
use crate::plan::{Arg, Call, Place, Term, Window};
use cranelift_codegen::ir::{FuncRef, InstBuilder, MemFlagsData, StackSlot, Value, types};
use cranelift_frontend::FunctionBuilder;
use std::ops::Range;

/// One call, and what it is emitted with.
pub(super) struct Nest<'a> {
    /// The addresses of the buffers.
    pub buffers: &'a [Value],
    pub call: &'a Call,
    pub kernel: FuncRef,
    /// Room for the arguments.
    pub slot: StackSlot,
    /// Whether it runs with wide vectors.
    pub wide: Value,
}

/// Where the window of the current unit meets the image.
struct Rows {
    /// The first row, or its slot in the ring.
    first_row: Value,
    first_tap: Value,
    taps: Value,
}

impl Nest<'_> {
    /// Runs the units of a range.
    pub(super) fn units(&self, b: &mut FunctionBuilder, range: Range<Value>) {
        counted(b, range, &[], |b, unit, _| {
            let index = self.indices(b, unit);
            self.unit(b, &index);
            Vec::new()
        });
    }

    /// Runs all units of an image whose row, the last loop, lies in a range.
    pub(super) fn rows(&self, b: &mut FunctionBuilder, image: Value, rows: Range<Value>) {
        let between = self.call.extents.len().saturating_sub(2);
        self.loops(b, vec![image], between, rows);
    }

    /// The loops inside those whose indices are given: `between` full ones, then the rows.
    fn loops(&self, b: &mut FunctionBuilder, index: Vec<Value>, between: usize, rows: Range<Value>) {
        if between == 0 {
            counted(b, rows, &[], |b, row, _| {
                self.unit(b, &[&index[..], &[row]].concat());
                Vec::new()
            });
            return;
        }
        let zero = b.ins().iconst(types::I64, 0);
        let extent = self.call.extents[index.len()];
        if extent == 1 {
            return self.loops(b, [&index[..], &[zero]].concat(), between - 1, rows);
        }
        let end = b.ins().iconst(types::I64, extent as i64);
        counted(b, zero..end, &[], |b, i, _| {
            self.loops(b, [&index[..], &[i]].concat(), between - 1, rows);
            Vec::new()
        });
    }

    /// Calls the kernel for one unit.
    fn unit(&self, b: &mut FunctionBuilder, index: &[Value]) {
        let rows = self.call.window.map(|w| rows(b, &w, index[w.dim]));
        for (i, arg) in self.call.args.iter().enumerate() {
            let value = self.arg(b, arg, index, rows.as_ref());
            b.ins().stack_store(types::I64, value, self.slot, 8 * i as i32);
        }
        let args = b.ins().stack_addr(types::I64, self.slot, 0);
        b.ins().call(self.kernel, &[args, self.wide]);
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
        let taps = |b: &mut FunctionBuilder| rows.map_or_else(|| b.ins().iconst(types::I64, 1), |r| r.taps);
        match arg {
            Arg::Address { place, terms, .. } => self.moved(b, *place, terms, index, rows),
            Arg::Number { from, dim, step } => {
                let moved = b.ins().imul_imm_s(index[*dim], *step);
                b.ins().iadd_imm_s(moved, *from)
            }
            // Any word does for what is not read, and this one is often there.
            Arg::Taps | Arg::Unread => taps(b),
            Arg::TapsAbove => rows.map_or_else(|| b.ins().iconst(types::I64, 0), |r| r.first_tap),
            Arg::SkippedTaps(bytes) => {
                let taps = taps(b);
                let kernel = self.call.window.map_or(1, |w| w.kernel) as i64;
                let kernel = b.ins().iconst(types::I64, kernel);
                let skipped = b.ins().isub(kernel, taps);
                b.ins().imul_imm_s(skipped, *bytes)
            }
        }
    }

    /// An address that the terms move.
    fn moved(
        &self,
        b: &mut FunctionBuilder,
        place: Place,
        terms: &[Term],
        index: &[Value],
        rows: Option<&Rows>,
    ) -> Value {
        let mut address = self.address(b, place);
        for term in terms {
            let moved = match (term, rows) {
                (Term::Index { dim, stride }, _) => b.ins().imul_imm_s(index[*dim], *stride),
                (Term::Slot { dim, stride, rows }, _) => {
                    let slot = b.ins().urem_imm_s(index[*dim], *rows as i64);
                    b.ins().imul_imm_s(slot, *stride)
                }
                (Term::FirstRow { stride }, Some(rows)) => b.ins().imul_imm_s(rows.first_row, *stride),
                (Term::FirstTap { stride }, Some(rows)) => b.ins().imul_imm_s(rows.first_tap, *stride),
                // Without a window the first row is row 0, and so is the first tap.
                (Term::FirstRow { .. } | Term::FirstTap { .. }, None) => continue,
                (Term::Lookup { dim, table, .. }, _) => {
                    let table = self.address(b, *table);
                    let offset = b.ins().imul_imm_s(index[*dim], 8);
                    let at = b.ins().iadd(table, offset);
                    b.ins().load(types::I64, MemFlagsData::trusted(), at, 0)
                }
            };
            address = b.ins().iadd(address, moved);
        }
        address
    }

    fn address(&self, b: &mut FunctionBuilder, place: Place) -> Value {
        b.ins().iadd_imm_s(self.buffers[place.buffer.0 as usize], place.offset as i64)
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
    let first_row = match w.ring {
        Some(ring) => b.ins().urem_imm_s(first_row, ring as i64),
        None => first_row,
    };
    Rows { first_row, first_tap, taps }
}

/// The rows of the image that a range of result rows sees: [`Window::sees`] of values.
pub(super) fn seen(b: &mut FunctionBuilder, w: &Window, rows: &Range<Value>) -> Range<Value> {
    let zero = b.ins().iconst(types::I64, 0);
    let extent = b.ins().iconst(types::I64, w.extent as i64);
    let mut bound = |row: Value, shift: i64| {
        let row = b.ins().imul_imm_s(row, w.stride as i64);
        let row = b.ins().iadd_imm_s(row, shift - w.pad as i64);
        let row = b.ins().smax(row, zero);
        b.ins().smin(row, extent)
    };
    // The last row of the last window, and one further.
    let reach = ((w.kernel - 1) * w.dilation + 1) as i64 - w.stride as i64;
    bound(rows.start, 0)..bound(rows.end, reach)
}
