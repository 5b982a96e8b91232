//! A body as CLIF, element after element.
//!
//! Nodes stand in an order in which they can be written. Those that no fold binds are written once an element, before
//! the loop of the fold that reads them: what does not change is computed outside without further ado.
//! Integers of 8 bits are computed in 32 and cut off.

use super::{Bin, Body, Node, Order, Un, X};
use cnnc_ir::DType;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{BlockArg, Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

/// Where the elements of a run are and go.
pub struct Run {
    /// The place of the first element, an i64.
    pub first: Value,
    /// How many there are, more than none.
    pub count: Value,
    /// The address of the first result.
    pub to: Value,
    /// Bytes from one result to the next.
    pub stride: i64,
    /// The addresses of the operands.
    pub operands: Vec<Value>,
}

/// Writes a loop over the elements of a run at the current place; the builder stands behind it afterwards.
pub fn build(body: &Body, run: &Run, b: &mut FunctionBuilder) {
    let (head, done) = (b.create_block(), b.create_block());
    let index = b.append_block_param(head, types::I64);
    let to = b.append_block_param(head, types::I64);
    let end = b.ins().iadd(run.first, run.count);
    let mut write = Write::new(body, &run.operands, index, b);
    let first: Vec<Value> = body.carried.iter().map(|&(first, _)| write.number(first)).collect();
    let types = body.carried.iter().map(|&(first, _)| clif(body.nodes[first.0 as usize].1));
    let held: Vec<Value> = types.map(|ty| write.b.append_block_param(head, ty)).collect();
    let before = [run.first, run.to].into_iter().chain(first).map(BlockArg::from);
    write.b.ins().jump(head, &before.collect::<Vec<_>>());
    write.b.switch_to_block(head);
    for (x, (node, _)) in body.nodes.iter().enumerate() {
        if let Node::Carried(number) = *node {
            write.values[x] = Some(held[number as usize]);
        }
    }
    write.scope(0);
    let result = write.value(body.result);
    let carried: Vec<Value> = body.carried.iter().map(|&(_, after)| write.value(after)).collect();
    b.ins().store(flags(), result, to, 0);

    let next = b.ins().iadd_imm_s(index, 1);
    let after = b.ins().iadd_imm_s(to, run.stride);
    let more = b.ins().icmp(IntCC::SignedLessThan, next, end);
    let after = [next, after].into_iter().chain(carried).map(BlockArg::from);
    b.ins().brif(more, head, &after.collect::<Vec<_>>(), done, &[]);
    b.seal_block(head);
    b.switch_to_block(done);
    b.seal_block(done);
}

/// Writes one element at the current place: that of this index, of a body that carries nothing.
pub fn element(body: &Body, operands: &[Value], index: Value, b: &mut FunctionBuilder) -> Value {
    let mut write = Write::new(body, operands, index, b);
    write.scope(0);
    write.value(body.result)
}

/// The walk over a body that writes its CLIF.
struct Write<'a, 'f> {
    body: &'a Body,
    operands: &'a [Value],
    index: Value,
    /// The nodes outside of all folds, then those of which each fold is the innermost that binds them.
    scopes: Vec<Vec<X>>,
    values: Vec<Option<Value>>,
    /// What the accumulators of a fold held at its end.
    folded: Vec<Option<Vec<Value>>>,
    b: &'a mut FunctionBuilder<'f>,
}

impl<'a, 'f> Write<'a, 'f> {
    fn new(
        body: &'a Body,
        operands: &'a [Value],
        index: Value,
        b: &'a mut FunctionBuilder<'f>,
    ) -> Write<'a, 'f> {
        let mut scopes: Vec<Vec<X>> = vec![Vec::new(); body.folds.len() + 1];
        for (x, folds) in body.bound().iter().enumerate() {
            scopes[folds.last().map_or(0, |&fold| fold as usize + 1)].push(X(x as u32));
        }
        let (values, folded) = (vec![None; body.nodes.len()], vec![None; body.folds.len()]);
        Write { body, operands, index, scopes, values, folded, b }
    }

    /// A number that is known, ahead of the loop.
    fn number(&mut self, x: X) -> Value {
        match self.body.nodes[x.0 as usize] {
            (Node::Const(bits), dtype) => self.constant(bits, dtype),
            _ => unreachable!("the builder refuses others"),
        }
    }

    fn scope(&mut self, scope: usize) {
        for x in std::mem::take(&mut self.scopes[scope]) {
            let (node, dtype) = self.body.nodes[x.0 as usize];
            // Counters and accumulators are there when their loop is entered.
            if self.values[x.0 as usize].is_none() {
                let value = self.node(node, dtype);
                self.values[x.0 as usize] = Some(value);
            }
        }
    }

    fn value(&self, x: X) -> Value {
        self.values[x.0 as usize].expect("operands stand before what reads them")
    }

    fn ty(&self, x: X) -> DType {
        self.body.nodes[x.0 as usize].1
    }

    fn node(&mut self, node: Node, dtype: DType) -> Value {
        match node {
            Node::Const(bits) => self.constant(bits, dtype),
            Node::Index => self.index,
            Node::Load(operand, at) => self.load(self.operands[operand as usize], at, dtype),
            Node::Un(op, a) => self.unary(op, self.value(a), dtype),
            Node::Bin(op, a, b) if dtype.is_float() => self.real(op, self.value(a), self.value(b)),
            Node::Bin(op, a, b) => {
                let (x, y) = (self.wide(a), self.wide(b));
                let result = self.integer(op, x, y, b, dtype);
                self.narrow(result, dtype)
            }
            Node::Fma(a, b, c) => {
                let (a, b, c) = (self.value(a), self.value(b), self.value(c));
                self.b.ins().fma(a, b, c)
            }
            Node::Compare(order, a, b) => self.compare(order, a, b),
            Node::Select(c, a, b) => {
                let (c, a, b) = (self.value(c), self.value(a), self.value(b));
                self.b.ins().select(c, a, b)
            }
            Node::Convert(a) => self.convert(a, dtype),
            Node::Bits(a) => {
                let (value, ty) = (self.value(a), clif(dtype));
                match (self.b.func.dfg.value_type(value), ty) {
                    (from, to) if from == to => value,
                    (types::I16, _) => self.b.ins().uextend(ty, value),
                    (_, types::I16) => self.b.ins().ireduce(ty, value),
                    _ => self.b.ins().bitcast(ty, little(), value),
                }
            }
            Node::Folded(fold, k) => self.fold(fold as usize)[k as usize],
            Node::Counter(_) | Node::Held(..) | Node::Carried(_) => {
                unreachable!("a loop binds them when it is entered")
            }
        }
    }

    /// The loop of a fold, written when the first of its results is read.
    fn fold(&mut self, fold: usize) -> Vec<Value> {
        if let Some(values) = &self.folded[fold] {
            return values.clone();
        }
        let body = self.body;
        let of = &body.folds[fold];
        let (head, inside, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let counter = self.b.append_block_param(head, types::I64);
        let held: Vec<Value> = of
            .accumulators
            .iter()
            .map(|&(first, _)| self.b.append_block_param(head, clif(body.nodes[first.0 as usize].1)))
            .collect();
        let trips = self.value(of.trips);
        let zero = self.b.ins().iconst(types::I64, 0);
        let first = of.accumulators.iter().map(|&(first, _)| self.value(first));
        let args: Vec<BlockArg> = std::iter::once(zero).chain(first).map(BlockArg::from).collect();
        self.b.ins().jump(head, &args);
        self.b.switch_to_block(head);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, counter, trips);
        self.b.ins().brif(more, inside, &[], done, &[]);
        self.b.switch_to_block(inside);
        self.b.seal_block(inside);
        for (x, (node, _)) in body.nodes.iter().enumerate() {
            match *node {
                Node::Counter(f) if f as usize == fold => self.values[x] = Some(counter),
                Node::Held(f, k) if f as usize == fold => self.values[x] = Some(held[k as usize]),
                _ => {}
            }
        }
        self.scope(fold + 1);
        let next = self.b.ins().iadd_imm_s(counter, 1);
        let after = of.accumulators.iter().map(|&(_, after)| self.value(after));
        let args: Vec<BlockArg> = std::iter::once(next).chain(after).map(BlockArg::from).collect();
        self.b.ins().jump(head, &args);
        self.b.seal_block(head);
        self.b.switch_to_block(done);
        self.b.seal_block(done);
        self.folded[fold] = Some(held.clone());
        held
    }

    fn constant(&mut self, bits: u64, dtype: DType) -> Value {
        match dtype {
            DType::F32 => self.b.ins().f32const(f32::from_bits(bits as u32)),
            DType::F64 => self.b.ins().f64const(f64::from_bits(bits)),
            _ => self.b.ins().iconst(clif(dtype), bits as i64),
        }
    }

    fn load(&mut self, base: Value, at: X, dtype: DType) -> Value {
        let offset = self.value(at);
        let offset = self.b.ins().imul_imm_s(offset, dtype.bytes() as i64);
        let address = self.b.ins().iadd(base, offset);
        let value = self.b.ins().load(clif(dtype), flags(), address, 0);
        // The caller's bytes may be anything.
        if dtype == DType::Bool { self.b.ins().icmp_imm_s(IntCC::NotEqual, value, 0) } else { value }
    }

    fn unary(&mut self, op: Un, x: Value, dtype: DType) -> Value {
        let ins = self.b.ins();
        match op {
            Un::Neg if dtype.is_float() => ins.fneg(x),
            Un::Abs if dtype.is_float() => ins.fabs(x),
            Un::Sqrt => ins.sqrt(x),
            Un::Floor => ins.floor(x),
            Un::Ceil => ins.ceil(x),
            Un::Trunc => ins.trunc(x),
            Un::Round => ins.nearest(x),
            // Of a bool, -1 and the size of 1 are both true.
            Un::Neg | Un::Abs if dtype == DType::Bool => x,
            Un::Abs if matches!(dtype, DType::U8 | DType::U16) => x,
            Un::Neg => ins.ineg(x),
            Un::Abs => ins.iabs(x),
            Un::Not if dtype == DType::Bool => ins.bxor_imm_s(x, 1),
            Un::Not => ins.bnot(x),
        }
    }

    fn real(&mut self, op: Bin, x: Value, y: Value) -> Value {
        match op {
            Bin::Add => self.b.ins().fadd(x, y),
            Bin::Sub => self.b.ins().fsub(x, y),
            Bin::Mul => self.b.ins().fmul(x, y),
            Bin::Div => self.b.ins().fdiv(x, y),
            Bin::Min => self.choose(FloatCC::LessThan, x, y),
            Bin::Max => self.choose(FloatCC::GreaterThan, x, y),
            Bin::Rem | Bin::And | Bin::Or | Bin::Xor | Bin::Shl | Bin::Shr => {
                unreachable!("the builder refuses these of reals")
            }
        }
    }

    fn choose(&mut self, order: FloatCC, x: Value, y: Value) -> Value {
        let first = self.b.ins().fcmp(order, x, y);
        self.b.ins().select(first, x, y)
    }

    /// Of numbers that are 32 or 64 bits wide; `divisor` is the node of y.
    fn integer(&mut self, op: Bin, x: Value, y: Value, divisor: X, dtype: DType) -> Value {
        match op {
            Bin::Add => self.b.ins().iadd(x, y),
            Bin::Sub => self.b.ins().isub(x, y),
            Bin::Mul => self.b.ins().imul(x, y),
            Bin::Div | Bin::Rem => self.divide(op, x, y, divisor),
            Bin::Min => self.b.ins().smin(x, y),
            Bin::Max => self.b.ins().smax(x, y),
            Bin::And => self.b.ins().band(x, y),
            Bin::Or => self.b.ins().bor(x, y),
            Bin::Xor => self.b.ins().bxor(x, y),
            Bin::Shl | Bin::Shr => {
                let distance = self.b.ins().band_imm_s(y, 8 * dtype.bytes() as i64 - 1);
                match op {
                    Bin::Shl => self.b.ins().ishl(x, distance),
                    _ => self.b.ins().sshr(x, distance),
                }
            }
        }
    }

    /// `x / y` or its remainder, 0 where y is 0, and as `-x` and 0 where it is -1: nothing traps.
    fn divide(&mut self, op: Bin, x: Value, y: Value, divisor: X) -> Value {
        let known = match self.body.nodes[divisor.0 as usize].0 {
            Node::Const(bits) => super::interval::integer(bits, self.ty(divisor)),
            _ => 0,
        };
        let of = |w: &mut Self, x: Value, y: Value| match op {
            Bin::Div => w.b.ins().sdiv(x, y),
            _ => w.b.ins().srem(x, y),
        };
        if known > 0 {
            return of(self, x, y);
        }
        let ty = self.b.func.dfg.value_type(x);
        let (zero, one) = (self.b.ins().iconst(ty, 0), self.b.ins().iconst(ty, 1));
        let is_zero = self.b.ins().icmp_imm_s(IntCC::Equal, y, 0);
        let is_minus = self.b.ins().icmp_imm_s(IntCC::Equal, y, -1);
        let special = self.b.ins().bor(is_zero, is_minus);
        let safe = self.b.ins().select(special, one, y);
        let result = of(self, x, safe);
        let turned = if op == Bin::Div { self.b.ins().ineg(x) } else { zero };
        let result = self.b.ins().select(is_minus, turned, result);
        self.b.ins().select(is_zero, zero, result)
    }

    fn compare(&mut self, order: Order, a: X, b: X) -> Value {
        if self.ty(a).is_float() {
            let (x, y) = (self.value(a), self.value(b));
            let order = match order {
                Order::Eq => FloatCC::Equal,
                Order::Ne => FloatCC::NotEqual,
                Order::Lt => FloatCC::LessThan,
                Order::Le => FloatCC::LessThanOrEqual,
            };
            return self.b.ins().fcmp(order, x, y);
        }
        let (x, y) = (self.wide(a), self.wide(b));
        let order = match order {
            Order::Eq => IntCC::Equal,
            Order::Ne => IntCC::NotEqual,
            Order::Lt => IntCC::SignedLessThan,
            Order::Le => IntCC::SignedLessThanOrEqual,
        };
        self.b.ins().icmp(order, x, y)
    }

    fn convert(&mut self, a: X, to: DType) -> Value {
        let (from, value) = (self.ty(a), self.value(a));
        match (from.is_float(), to) {
            (true, DType::Bool) => {
                let zero = self.constant(0, from);
                self.b.ins().fcmp(FloatCC::NotEqual, value, zero)
            }
            (false, DType::Bool) => self.b.ins().icmp_imm_s(IntCC::NotEqual, value, 0),
            (_, DType::F16) => unreachable!("the builder converts to f16 by formulas"),
            (true, DType::F64) => self.b.ins().fpromote(types::F64, value),
            (true, DType::F32) => self.b.ins().fdemote(types::F32, value),
            (true, DType::I64 | DType::I32) => self.b.ins().fcvt_to_sint_sat(clif(to), value),
            (true, DType::I16 | DType::U16 | DType::I8 | DType::U8) => {
                let all = super::Interval::of(to);
                let whole = self.b.ins().fcvt_to_sint_sat(types::I32, value);
                let least = self.b.ins().iconst(types::I32, all.least);
                let most = self.b.ins().iconst(types::I32, all.most);
                let whole = self.b.ins().smax(whole, least);
                let whole = self.b.ins().smin(whole, most);
                self.b.ins().ireduce(clif(to), whole)
            }
            (false, DType::F32 | DType::F64) => {
                let whole = self.wide(a);
                self.b.ins().fcvt_from_sint(clif(to), whole)
            }
            (false, DType::I16 | DType::U16 | DType::I8 | DType::U8) => {
                let is_alike = from.bytes() == to.bytes();
                let whole = self.wide(a);
                if is_alike { value } else { self.b.ins().ireduce(clif(to), whole) }
            }
            (false, DType::I32) => match from {
                DType::I64 => self.b.ins().ireduce(types::I32, value),
                _ => self.wide(a),
            },
            (false, DType::I64) => {
                let whole = self.wide(a);
                if from == DType::I64 { whole } else { self.b.ins().sextend(types::I64, whole) }
            }
        }
    }

    /// An integer of 32 or 64 bits.
    fn wide(&mut self, x: X) -> Value {
        let value = self.value(x);
        match self.ty(x) {
            DType::I16 | DType::I8 => self.b.ins().sextend(types::I32, value),
            DType::U16 | DType::U8 | DType::Bool => self.b.ins().uextend(types::I32, value),
            _ => value,
        }
    }

    /// An integer of that type from a wide one.
    fn narrow(&mut self, wide: Value, dtype: DType) -> Value {
        match dtype {
            DType::I16 | DType::U16 | DType::I8 | DType::U8 => self.b.ins().ireduce(clif(dtype), wide),
            DType::Bool => self.b.ins().icmp_imm_s(IntCC::NotEqual, wide, 0),
            _ => wide,
        }
    }
}

fn clif(dtype: DType) -> Type {
    match dtype {
        DType::F32 => types::F32,
        DType::F64 => types::F64,
        DType::F16 | DType::I16 | DType::U16 => types::I16,
        DType::I64 => types::I64,
        DType::I32 => types::I32,
        DType::I8 | DType::U8 | DType::Bool => types::I8,
    }
}

/// The bounds of every load are proved, its alignment is not.
fn flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

fn little() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}
