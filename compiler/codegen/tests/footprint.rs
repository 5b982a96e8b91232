//! (K10): a kernel that touches more than its call says has no code, whichever instruction it is.

use cnnc_codegen::vasm::{Addr, Inst, Kernel, Operand};
use cnnc_codegen::{Origin, Target, Watch, jit_watched, plan};
use cnnc_ir::text;

/// Every kernel of the vector assembler: windows, rings, tiles, groups, pools, products, lists, tables, lines.
const NETWORKS: [&str; 5] = [
    "graph @windows(%x: f32[1,16,12,12]) {
  %w: f32[24,16,3,3] = const rand(1)
  %c: f32[1,24,6,6] = conv %x, %w, stride=2, pad=1 |> relu
  %l: f32[1,24,6,6] = lrn %c, size=5
  %p: f32[1,24,3,3] = max_pool %l, kernel=3, stride=2, pad=1
  %y: f32[1,24,3,7] = resize %p, mode=linear, scales=[1,1,1,2.5], sizes=[1,24,3,7]
  return %y
}",
    include_str!("../../../tests/plans/inverted_residual.cnn"),
    "graph @transformed(%x: f32[1,64,28,28]) {
  %w: f32[64,64,3,3] = const rand(1)
  %y: f32[1,64,28,28] = conv %x, %w, pad=1 |> relu
  return %y
}",
    "graph @products(%x: f32[1,400]) {
  %w: f32[400,400] = const rand(1)
  %a: f32[1,400] = relu %x
  %b: f32[1,400] = gemm %a, %w
  %y: f32[1,400] = softmax %b, axis=1
  return %y
}",
    "graph @movement(%x: f32[1,5,6,7]) {
  %t: f32[1,7,6,5] = transpose %x, perm=[0,3,2,1]
  %m: f32[1,7,1,1] = reduce_mean %t, axes=[2,3], keep=true
  %y: f32[1,7,6,5] = mul %t, %m
  return %y
}",
];

/// Farther than any of them reaches, and not as far as would no longer fit an instruction.
const FAR: i64 = 1 << 28;

/// Moves one access of all kernels far away; counts them.
struct Mover {
    /// Accesses still to pass by.
    passes: usize,
    count: usize,
    /// The instruction.
    moved: Option<String>,
}

impl Mover {
    fn after(passes: usize) -> Mover {
        Mover { passes, count: 0, moved: None }
    }

    fn block(&mut self, body: &mut [Inst]) {
        for inst in body {
            if let Inst::Loop(_, body) = inst {
                self.block(body);
                continue;
            }
            let before = inst.to_string();
            let Some(addr) = address(inst) else { continue };
            if self.count == self.passes {
                addr.disp += FAR;
                self.moved = Some(before);
            }
            self.count += 1;
        }
    }
}

/// The address that an instruction touches, the last of several.
fn address(inst: &mut Inst) -> Option<&mut Addr> {
    match inst {
        Inst::Load(_, addr, _) | Inst::Store(_, addr, _) | Inst::Broadcast(_, addr) => Some(addr),
        Inst::LoadP(_, addr) | Inst::LoadI32(_, addr) => Some(addr),
        Inst::Bin(_, _, _, Operand::Mem(addr)) => Some(addr),
        Inst::Fma(_, _, Operand::Mem(addr)) | Inst::MulAdd(_, _, Operand::Mem(addr)) => Some(addr),
        Inst::LoadHalves(_, [_, addr]) => addr.as_mut(),
        Inst::StoreHalves(_, [_, addr]) => Some(addr),
        _ => None,
    }
}

impl Watch for Mover {
    fn kernel(&mut self, kernel: &mut Kernel) {
        self.block(&mut kernel.body);
    }
}

#[test]
fn an_access_beside_its_buffer_has_no_code() {
    for graph in NETWORKS {
        let module = text::parse(graph).unwrap();
        let target = Target::x86_64_v3();
        let program = plan::plan(&module, &target).unwrap();
        let origin = Origin { name: "moved".into(), ..Origin::default() };
        let compile = |mover: &mut Mover| jit_watched(&module, &program, &target, &origin, mover);
        let mut counted = Mover::after(usize::MAX);
        compile(&mut counted).unwrap();
        assert!(counted.count > 10, "{} accesses", counted.count);
        // A few dozen of them, among them the first and the last.
        for i in 0..=40 {
            let mut mover = Mover::after(i * (counted.count - 1) / 40);
            let refused = compile(&mut mover).err().map(|error| error.to_string());
            let refused = refused.unwrap_or_else(|| panic!("{:?} is compiled\n{graph}", mover.moved));
            assert!(refused.contains("(K10)"), "{refused}");
        }
    }
}
