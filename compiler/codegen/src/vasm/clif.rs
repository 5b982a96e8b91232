//! Kernels to CLIF: a vector is two or four 128-bit values, a pointer or count an `i64`.
//!
//! INVARIANT: the same bits as [`x64`](super::x64), but for the payload of a NaN in which two NaNs meet.
//! Memory is touched lane by lane where a load or store is partial, and nowhere else than the kernel says.
//! The ISA must have fma and rounding of its own: calls out of the module are for the caller to rule out.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{
    ConstantData, Endianness, Function, InstBuilder, MemFlagsData, Type, Value, types,
};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};

use super::{Addr, Bin, Inst, Kernel, LANES, Operand, P, Trips, Un, V, WIDE};

/// Lanes of a CLIF value.
const PART: usize = 4;

/// Bytes of a lane.
const LANE: i32 = 4;

/// A vector: its values from the lowest lanes up.
type Parts = Vec<Value>;

/// Writes the body of `function`, which has the kernel [signature](super::signature) and no blocks yet, for a
/// [verified](super::verify()) kernel.
pub fn build(
    kernel: &Kernel,
    function: &mut Function,
    context: &mut FunctionBuilderContext,
    target: TargetFrontendConfig,
) {
    let mut f = FunctionBuilder::new(function, context);
    let entry = f.create_block();
    f.append_block_params_for_function_params(entry);
    f.switch_to_block(entry);
    f.seal_block(entry);
    let args = f.block_params(entry)[0];
    let vectors = (0..kernel.vectors).map(|_| [types::F32X4; WIDE / PART].map(|ty| f.declare_var(ty)));
    let vectors = vectors.collect();
    let pointers = (0..kernel.pointers).map(|_| f.declare_var(types::I64)).collect();
    let mut build = Build { f, args, vectors, pointers };
    build.block(&kernel.body);
    build.f.ins().return_(&[]);
    build.f.finalize(target);
}

/// The walk over a kernel that writes its CLIF.
struct Build<'a> {
    f: FunctionBuilder<'a>,
    args: Value,
    vectors: Vec<[Variable; WIDE / PART]>,
    pointers: Vec<Variable>,
}

impl Build<'_> {
    fn block(&mut self, body: &[Inst]) {
        for inst in body {
            match inst {
                Inst::Loop(trips, body) => self.repeat(*trips, body),
                _ => self.inst(inst),
            }
        }
    }

    fn repeat(&mut self, trips: Trips, body: &[Inst]) {
        let (head, after) = (self.f.create_block(), self.f.create_block());
        let left = self.f.append_block_param(head, types::I64);
        match trips {
            Trips::Imm(n) => {
                let n = self.f.ins().iconst(types::I64, n as i64);
                self.f.ins().jump(head, &[n.into()]);
            }
            Trips::Reg(p) => {
                let n = self.p(p);
                self.f.ins().brif(n, head, &[n.into()], after, &[]);
            }
        }
        self.f.switch_to_block(head);
        self.block(body);
        let one = self.f.ins().iconst(types::I64, 1);
        let left = self.f.ins().isub(left, one);
        self.f.ins().brif(left, head, &[left.into()], after, &[]);
        self.f.seal_block(head);
        self.f.switch_to_block(after);
        self.f.seal_block(after);
    }

    /// Everything but loops.
    fn inst(&mut self, inst: &Inst) {
        match *inst {
            Inst::Arg(p, i) => {
                let offset = self.f.ins().iconst(types::I64, 8 * i64::from(i));
                let word = self.f.ins().iadd(self.args, offset);
                let value = self.f.ins().load(types::I64, flags(), word, 0);
                self.set_p(p, value);
            }
            Inst::SetP(p, value) => {
                let value = self.f.ins().iconst(types::I64, value);
                self.set_p(p, value);
            }
            Inst::MovP(p, q) => {
                let value = self.p(q);
                self.set_p(p, value);
            }
            Inst::AddImm(p, q, value) => {
                let (q, value) = (self.p(q), self.f.ins().iconst(types::I64, value));
                let sum = self.f.ins().iadd(q, value);
                self.set_p(p, sum);
            }
            Inst::MulImm(p, q, value) => {
                let (q, value) = (self.p(q), self.f.ins().iconst(types::I64, value));
                let product = self.f.ins().imul(q, value);
                self.set_p(p, product);
            }
            Inst::AddP(p, q, r) => {
                let (q, r) = (self.p(q), self.p(r));
                let sum = self.f.ins().iadd(q, r);
                self.set_p(p, sum);
            }
            Inst::SubP(p, q, r) => {
                let (q, r) = (self.p(q), self.p(r));
                let difference = self.f.ins().isub(q, r);
                self.set_p(p, difference);
            }
            Inst::LoadP(p, a) => {
                let (base, disp) = self.address(a);
                let value = self.f.ins().load(types::I64, flags(), base, disp);
                self.set_p(p, value);
            }
            Inst::LoadI32(p, a) => {
                let (base, disp) = self.address(a);
                let value = self.f.ins().sload32(flags(), base, disp);
                self.set_p(p, value);
            }
            Inst::Load(v, a, lanes) => {
                let parts = self.load(a, usize::from(lanes), v.lanes());
                self.set_v(v, parts);
            }
            Inst::Store(v, a, lanes) => {
                let parts = self.v(v);
                self.store(&parts, a, usize::from(lanes));
            }
            Inst::LoadHalves(v, halves) => {
                let halves = halves.map(|half| match half {
                    Some(a) => self.load(a, LANES, LANES),
                    None => vec![self.constant([0; PART]); LANES / PART],
                });
                self.set_v(v, halves.concat());
            }
            Inst::StoreHalves(v, halves) => {
                let parts = self.v(v);
                for (half, a) in parts.chunks(LANES / PART).zip(halves) {
                    self.store(half, a, LANES);
                }
            }
            Inst::Lower(v, a) => {
                let parts = self.v(a);
                self.set_v(v, parts[..LANES / PART].to_vec());
            }
            Inst::Broadcast(v, a) => {
                let (base, disp) = self.address(a);
                let lane = self.f.ins().load(types::F32, flags(), base, disp);
                let part = self.f.ins().splat(types::F32X4, lane);
                self.set_v(v, vec![part; v.lanes() / PART]);
            }
            Inst::Splat(v, bits) => {
                let part = self.constant([bits; PART]);
                self.set_v(v, vec![part; v.lanes() / PART]);
            }
            Inst::Const(v, [a, b, c, d, e, f, g, h]) => {
                let parts = [[a, b, c, d], [e, f, g, h]].map(|part| self.constant(part));
                self.set_v(v, parts.to_vec());
            }
            Inst::Mov(v, a) => {
                let a = self.v(a);
                self.set_v(v, a);
            }
            Inst::Bin(op, v, a, b) => {
                let (a, b) = (self.v(a), self.operand(b, v.lanes()));
                let parts = a.iter().zip(&b).map(|(&a, &b)| self.binary(op, a, b)).collect();
                self.set_v(v, parts);
            }
            Inst::Un(Un::SwapHalves, v, a) => {
                let mut parts = self.v(a);
                parts.reverse();
                self.set_v(v, parts);
            }
            Inst::Un(op, v, a) => {
                let parts = self.v(a).into_iter().map(|a| self.unary(op, a)).collect();
                self.set_v(v, parts);
            }
            Inst::Fma(v, a, b) => {
                let (factors, sum) = ([self.v(a), self.operand(b, v.lanes())], self.v(v));
                self.multiply_add(v, factors, sum);
            }
            Inst::MulAdd(v, a, b) => {
                let factors = [self.v(v), self.v(a)];
                let summand = self.operand(b, v.lanes());
                self.multiply_add(v, factors, summand);
            }
            Inst::Select(v, mask, a, b) => {
                let (mask, a, b) = (self.v(mask), self.v(a), self.v(b));
                let select = |i: usize| self.f.ins().bitselect(mask[i], a[i], b[i]);
                let parts = (0..mask.len()).map(select).collect();
                self.set_v(v, parts);
            }
            Inst::Shuffle(v, a, b, imm) => {
                let (a, b) = (self.v(a), self.v(b));
                let pick = |i: u8| (imm >> (2 * i)) & 3;
                let lanes = [pick(0), pick(1), 4 + pick(2), 4 + pick(3)];
                let parts = a.iter().zip(&b).map(|(&a, &b)| self.shuffle(a, b, lanes)).collect();
                self.set_v(v, parts);
            }
            Inst::Groups(v, a, b, imm) => {
                let groups = [self.v(a), self.v(b)].concat();
                let pick = |shift: u8| groups[usize::from((imm >> shift) & 3)];
                self.set_v(v, vec![pick(0), pick(4)]);
            }
            // CLIF has no prefetch, and a prefetch has no effect but on time.
            Inst::Prefetch(_) | Inst::Loop(..) => {}
        }
    }

    // ---- memory

    /// The first `lanes` lanes of a vector of `all`; the others are zeros.
    fn load(&mut self, a: Addr, lanes: usize, all: usize) -> Parts {
        let (base, disp) = self.address(a);
        let part = |first: usize| match lanes.saturating_sub(first) {
            0 => self.constant([0; PART]),
            PART.. => self.f.ins().load(types::F32X4, flags(), base, disp + LANE * first as i32),
            n => (0..n).fold(self.constant([0; PART]), |part, i| {
                let lane = self.f.ins().load(types::F32, flags(), base, disp + LANE * (first + i) as i32);
                self.f.ins().insertlane(part, lane, i as u8)
            }),
        };
        (0..all).step_by(PART).map(part).collect()
    }

    /// Stores the first `lanes` lanes.
    fn store(&mut self, parts: &[Value], a: Addr, lanes: usize) {
        let (base, disp) = self.address(a);
        for (&part, first) in parts.iter().zip((0..).step_by(PART)) {
            let n = lanes.saturating_sub(first);
            if n >= PART {
                self.f.ins().store(flags(), part, base, disp + LANE * first as i32);
                continue;
            }
            for i in 0..n {
                let lane = self.f.ins().extractlane(part, i as u8);
                self.f.ins().store(flags(), lane, base, disp + LANE * (first + i) as i32);
            }
        }
    }

    /// The address without its offset, and that, which by (K9) has 32 bits, as has that of every lane.
    fn address(&mut self, a: Addr) -> (Value, i32) {
        let mut base = self.p(a.base);
        if let Some((index, scale)) = a.index {
            let index = self.p(index);
            let shift = self.f.ins().iconst(types::I64, i64::from(scale.trailing_zeros()));
            let scaled = self.f.ins().ishl(index, shift);
            base = self.f.ins().iadd(base, scaled);
        }
        (base, a.disp as i32)
    }

    // ---- lanes

    /// `v = a * b + c`, rounded once.
    fn multiply_add(&mut self, v: V, [a, b]: [Parts; 2], c: Parts) {
        let parts = (0..c.len()).map(|i| self.f.ins().fma(a[i], b[i], c[i])).collect();
        self.set_v(v, parts);
    }

    fn binary(&mut self, op: Bin, a: Value, b: Value) -> Value {
        match op {
            Bin::Add => self.f.ins().fadd(a, b),
            Bin::Sub => self.f.ins().fsub(a, b),
            Bin::Mul => self.f.ins().fmul(a, b),
            Bin::Div => self.f.ins().fdiv(a, b),
            Bin::Min => self.choose(FloatCC::LessThan, a, b),
            Bin::Max => self.choose(FloatCC::GreaterThan, a, b),
            Bin::And => self.on_ints(a, b, |f, a, b| f.ins().band(a, b)),
            Bin::AndNot => self.on_ints(a, b, |f, a, b| f.ins().band_not(b, a)),
            Bin::Or => self.on_ints(a, b, |f, a, b| f.ins().bor(a, b)),
            Bin::Xor => self.on_ints(a, b, |f, a, b| f.ins().bxor(a, b)),
            Bin::AddI => self.on_ints(a, b, |f, a, b| f.ins().iadd(a, b)),
            Bin::SubI => self.on_ints(a, b, |f, a, b| f.ins().isub(a, b)),
            Bin::Lt => self.compare(FloatCC::LessThan, a, b),
            Bin::Le => self.compare(FloatCC::LessThanOrEqual, a, b),
            Bin::Eq => self.compare(FloatCC::Equal, a, b),
            Bin::Unordered => self.compare(FloatCC::Unordered, a, b),
            Bin::UnpackLo => self.shuffle(a, b, [0, 4, 1, 5]),
            Bin::UnpackHi => self.shuffle(a, b, [2, 6, 3, 7]),
        }
    }

    fn unary(&mut self, op: Un, a: Value) -> Value {
        match op {
            Un::Sqrt => self.f.ins().sqrt(a),
            Un::Round => self.f.ins().nearest(a),
            Un::Floor => self.f.ins().floor(a),
            Un::ToInt => {
                let ints = self.f.ins().fcvt_to_sint_sat(types::I32X4, a);
                self.cast(types::F32X4, ints)
            }
            Un::ToFloat => {
                let ints = self.cast(types::I32X4, a);
                self.f.ins().fcvt_from_sint(types::F32X4, ints)
            }
            Un::Shl(n) => self.shift(a, n, |f, a, n| f.ins().ishl(a, n)),
            Un::Sar(n) => self.shift(a, n, |f, a, n| f.ins().sshr(a, n)),
            Un::Permute(imm) => self.shuffle(a, a, [0, 1, 2, 3].map(|i| (imm >> (2 * i)) & 3)),
            // Handled with all parts at hand.
            Un::SwapHalves => a,
        }
    }

    /// `a cc b ? a : b`
    fn choose(&mut self, cc: FloatCC, a: Value, b: Value) -> Value {
        let mask = self.compare(cc, a, b);
        self.f.ins().bitselect(mask, a, b)
    }

    fn compare(&mut self, cc: FloatCC, a: Value, b: Value) -> Value {
        let mask = self.f.ins().fcmp(cc, a, b);
        self.cast(types::F32X4, mask)
    }

    fn on_ints(
        &mut self,
        a: Value,
        b: Value,
        op: fn(&mut FunctionBuilder<'_>, Value, Value) -> Value,
    ) -> Value {
        let (a, b) = (self.cast(types::I32X4, a), self.cast(types::I32X4, b));
        let result = op(&mut self.f, a, b);
        self.cast(types::F32X4, result)
    }

    fn shift(&mut self, a: Value, n: u8, op: fn(&mut FunctionBuilder<'_>, Value, Value) -> Value) -> Value {
        let a = self.cast(types::I32X4, a);
        let n = self.f.ins().iconst(types::I32, i64::from(n));
        let result = op(&mut self.f, a, n);
        self.cast(types::F32X4, result)
    }

    /// Lanes 0 to 3 are those of `a`, 4 to 7 those of `b`.
    fn shuffle(&mut self, a: Value, b: Value, lanes: [u8; PART]) -> Value {
        let bytes: Vec<u8> = lanes.iter().flat_map(|lane| (0..4).map(move |byte| 4 * lane + byte)).collect();
        let mask = self.f.func.dfg.immediates.push(ConstantData::from(bytes));
        let (a, b) = (self.cast(types::I8X16, a), self.cast(types::I8X16, b));
        let result = self.f.ins().shuffle(a, b, mask);
        self.cast(types::F32X4, result)
    }

    fn cast(&mut self, to: Type, value: Value) -> Value {
        self.f.ins().bitcast(to, MemFlagsData::new().with_endianness(Endianness::Little), value)
    }

    fn constant(&mut self, lanes: [u32; PART]) -> Value {
        let bytes: Vec<u8> = lanes.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let constant = self.f.func.dfg.constants.insert(ConstantData::from(bytes));
        self.f.ins().vconst(types::F32X4, constant)
    }

    // ---- registers

    fn operand(&mut self, operand: Operand, lanes: usize) -> Parts {
        match operand {
            Operand::Reg(v) => self.v(v),
            Operand::Mem(a) => self.load(a, lanes, lanes),
            Operand::Const(bits) => vec![self.constant([bits; PART]); lanes / PART],
        }
    }

    fn v(&mut self, v: V) -> Parts {
        let parts = self.vectors[v.number as usize].into_iter().take(v.lanes() / PART);
        parts.map(|part| self.f.use_var(part)).collect()
    }

    fn set_v(&mut self, v: V, parts: Parts) {
        for (part, value) in self.vectors[v.number as usize].into_iter().zip(parts) {
            self.f.def_var(part, value);
        }
    }

    fn p(&mut self, p: P) -> Value {
        self.f.use_var(self.pointers[p.0 as usize])
    }

    fn set_p(&mut self, p: P, value: Value) {
        self.f.def_var(self.pointers[p.0 as usize], value);
    }
}

/// Kernel memory: any alignment, and every address is the kernel's word.
fn flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}
