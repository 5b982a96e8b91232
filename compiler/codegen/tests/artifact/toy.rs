//! A model of one step, y = 2 · factor · x over [`LENGTH`] floats: CLIF around a kernel of own bytes.
//!
//! The factor is the last float of the weights; the 2 is a constant that the kernel reaches relative to itself.

use cnnc_codegen::artifact::{Interface, TensorDesc, WeightsMut};
use cnnc_runtime::abi::{CnncCall, CnncModel};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Signature, UserFuncName, types};
use cranelift_codegen::isa::{self, CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, ir};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{DataDescription, FuncId, Linkage, Module, ModuleReloc};
use std::mem::offset_of;

/// Floats of input and output.
pub(crate) const LENGTH: usize = 5;

/// mulss by the constant and the factor, one float at a time: extern "sysv64" fn(y, x, length, factor).
const KERNEL: &[u8] = &[
    0xf3, 0x0f, 0x10, 0x01, //                         movss xmm0, [rcx]
    0xf3, 0x0f, 0x59, 0x05, 0, 0, 0, 0, //             mulss xmm0, [rip + two]
    0xf3, 0x0f, 0x10, 0x0e, //                   next: movss xmm1, [rsi]
    0xf3, 0x0f, 0x59, 0xc8, //                         mulss xmm1, xmm0
    0xf3, 0x0f, 0x11, 0x0f, //                         movss [rdi], xmm1
    0x48, 0x83, 0xc6, 0x04, //                         add rsi, 4
    0x48, 0x83, 0xc7, 0x04, //                         add rdi, 4
    0x48, 0xff, 0xca, //                               dec rdx
    0x75, 0xe7, //                                     jnz next
    0xc3, //                                           ret
];

/// The machine at hand.
pub(crate) fn isa(is_pic: bool) -> OwnedTargetIsa {
    let mut flags = settings::builder();
    flags.set("is_pic", if is_pic { "true" } else { "false" }).unwrap();
    flags.set("opt_level", "speed").unwrap();
    let flags = settings::Flags::new(flags);
    isa::lookup(target_lexicon::triple!("x86_64-unknown-linux-gnu")).unwrap().finish(flags).unwrap()
}

/// What the toy says of itself, with `weights_bytes` of weights.
pub(crate) fn interface(name: &str, weights_bytes: usize) -> Interface {
    let tensor = |name: &str| TensorDesc {
        name: name.into(),
        dtype: 1,
        shape: vec![1, LENGTH as i64],
        bytes: 4 * LENGTH as u64,
        scale: 0.0,
        zero_point: 0,
    };
    Interface {
        name: name.into(),
        inputs: vec![tensor("data/in:0")],
        outputs: vec![tensor("größe")],
        arena_bytes: 128,
        scratch_bytes: 64,
        workspace_align: 64,
        stack_bytes: 64,
        step_count: 1,
        weights_external: false,
        weights_bytes: weights_bytes as u64,
        weights_align: 4096,
        manifest: b"what this is".to_vec(),
    }
}

/// Weights of that size whose last float is the factor.
pub(crate) fn weights(bytes: usize, factor: f32) -> WeightsMut {
    let mut weights = WeightsMut::zeroed(bytes).unwrap();
    weights.bytes_mut()[bytes - 4..].copy_from_slice(&factor.to_le_bytes());
    weights
}

/// Emits the toy.
pub(crate) fn emit(module: &mut dyn Module, weights_bytes: usize) -> FuncId {
    let two = module.declare_data("two", Linkage::Local, false, false).unwrap();
    let mut data = DataDescription::new();
    data.define(Box::new(2f32.to_le_bytes()));
    module.define_data(two, &data).unwrap();

    let pointers = |count, returns: &[ir::Type]| {
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = vec![AbiParam::new(types::I64); count];
        signature.returns = returns.iter().copied().map(AbiParam::new).collect();
        signature
    };
    let kernel = module.declare_function("toy.scale", Linkage::Local, &pointers(4, &[])).unwrap();
    let relocation = ModuleReloc { offset: 8, kind: Reloc::X86PCRel4, name: two.into(), addend: -4 };
    module.define_function_bytes(kernel, 32, KERNEL, &[relocation]).unwrap();

    let run = module.declare_function("toy.run", Linkage::Local, &pointers(2, &[types::I32])).unwrap();
    define(module, run, pointers(2, &[types::I32]), |module, builder, arguments| {
        let (model, call) = (arguments[0], arguments[1]);
        let load = |builder: &mut FunctionBuilder, base, offset: usize| {
            builder.ins().load(types::I64, MemFlagsData::trusted(), base, offset as i32)
        };
        let external = load(builder, call, offset_of!(CnncCall, weights));
        let embedded = load(builder, model, offset_of!(CnncModel, weights));
        let is_null = builder.ins().icmp_imm_s(IntCC::Equal, external, 0);
        let weights = builder.ins().select(is_null, embedded, external);
        let factor = builder.ins().iadd_imm_s(weights, weights_bytes as i64 - 4);
        let x = load(builder, call, offset_of!(CnncCall, inputs));
        let x = load(builder, x, 0);
        let y = load(builder, call, offset_of!(CnncCall, outputs));
        let y = load(builder, y, 0);
        let length = builder.ins().iconst(types::I64, LENGTH as i64);
        let kernel = module.declare_func_in_func(kernel, builder.func);
        builder.ins().call(kernel, &[y, x, length, factor]);
        let ok = builder.ins().iconst(types::I32, 0);
        builder.ins().return_(&[ok]);
    });
    run
}

/// Adds a function that calls one that nobody defines.
pub(crate) fn call_outside(module: &mut dyn Module) {
    let signature = Signature::new(CallConv::SystemV);
    let outside = module.declare_function("abort", Linkage::Import, &signature).unwrap();
    let caller = module.declare_function("toy.caller", Linkage::Local, &signature).unwrap();
    define(module, caller, signature, |module, builder, _| {
        let outside = module.declare_func_in_func(outside, builder.func);
        builder.ins().call(outside, &[]);
        builder.ins().return_(&[]);
    });
}

/// Adds a function that Cranelift can only compile with the help of a library.
pub(crate) fn call_library(module: &mut dyn Module) {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.push(AbiParam::new(types::F32));
    signature.returns.push(AbiParam::new(types::F32));
    let caller = module.declare_function("toy.caller", Linkage::Local, &signature).unwrap();
    define(module, caller, signature, |_, builder, arguments| {
        let up = builder.ins().ceil(arguments[0]);
        builder.ins().return_(&[up]);
    });
}

/// Adds a variable.
pub(crate) fn write_data(module: &mut dyn Module) {
    let id = module.declare_data("toy.counter", Linkage::Local, true, false).unwrap();
    let mut data = DataDescription::new();
    data.define(Box::new([0; 8]));
    module.define_data(id, &data).unwrap();
}

/// Defines a function of one block.
fn define(
    module: &mut dyn Module,
    id: FuncId,
    signature: Signature,
    body: impl FnOnce(&mut dyn Module, &mut FunctionBuilder, &[ir::Value]),
) {
    let mut context = Context::new();
    context.func.signature = signature;
    context.func.name = UserFuncName::user(0, id.as_u32());
    let mut builders = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut builders);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    let arguments = builder.block_params(block).to_vec();
    body(module, &mut builder, &arguments);
    builder.seal_all_blocks();
    builder.finalize(module.isa().frontend_config());
    module.define_function(id, &mut context).unwrap();
}
