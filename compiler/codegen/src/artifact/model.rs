//! The model struct of the ABI and the function that hands it out.
//!
//! ```text
//! NAME_model() -> processor fits ? &NAME.model0 : .. : &NAME.unsupported     code
//! NAME.model0, .., NAME.unsupported, NAME.tensors                            .data.rel.ro: all that holds pointers
//! NAME.constants: names, shapes, manifest                              .rodata
//! ```
//!
//! INVARIANT: nothing here is ever written after loading, and only `NAME_model` is visible outside.
//! Refuses interfaces that break the ABI (names with a NUL, sizes that are no multiple of the alignment).

use std::mem::{offset_of, size_of};

use cnnc_runtime::abi::{CNNC_ABI_VERSION, CNNC_CPU_UNSUPPORTED, CnncModel, CnncTensor};
use cranelift_codegen::Context;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, UserFuncName, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{DataDescription, DataId, FuncId, Linkage, Module, ModuleReloc};

use super::features::chooser;
use super::{CpuFeatures, Error, WEIGHTS};
use crate::address;
use crate::target::Machine;

/// What a model tells its callers.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    /// NAME of `NAME_model`: a C identifier, see [`c_identifier`].
    pub name: String,
    /// In the order of the call's pointers.
    pub inputs: Vec<TensorDesc>,
    /// In the order of the call's pointers.
    pub outputs: Vec<TensorDesc>,
    /// Bytes for activations and what threads share, a multiple of `workspace_align`.
    pub arena_bytes: u64,
    /// Bytes for each thread besides, a multiple of `workspace_align`.
    pub scratch_bytes: u64,
    /// A power of two.
    pub workspace_align: u64,
    /// Most stack that `run` uses on one thread.
    pub stack_bytes: u64,
    /// How often `on_step` is called.
    pub step_count: u32,
    /// Are the weights outside, given with each call?
    pub weights_external: bool,
    /// Size of the packed weights, wherever they are.
    pub weights_bytes: u64,
    /// A power of two, at most a page.
    pub weights_align: u64,
    /// An encoded [`Manifest`](super::manifest::Manifest).
    pub manifest: Vec<u8>,
}

/// A `run`, and what the processor must have for it.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// `int32_t run(const cnnc_model *, const cnnc_call *)`
    pub run: FuncId,
    /// What it uses.
    pub features: CpuFeatures,
}

/// A tensor at the border of a model: dense, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorDesc {
    /// As in the source model.
    pub name: String,
    /// A number of ONNX `TensorProto.DataType`.
    pub dtype: u32,
    /// Extents.
    pub shape: Vec<i64>,
    /// Size of the data.
    pub bytes: u64,
    /// real = scale · (stored − zero_point); 0: not quantised.
    pub scale: f32,
    /// See `scale`.
    pub zero_point: i32,
}

/// The C identifier of a file's stem: every other character becomes `_`, and a digit in front (or nothing at all)
/// gets an `m`.
pub fn c_identifier(stem: &str) -> String {
    let identifier: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    match identifier.chars().next() {
        Some(first) if !first.is_ascii_digit() => identifier,
        _ => format!("m{identifier}"),
    }
}

/// Defines a model struct around each variant, the best first, and returns `NAME_model`, the one exported function.
///
/// `NAME_model` hands out the first whose features the processor has, and where there is none, a model whose `run`
/// answers `CNNC_CPU_UNSUPPORTED`. Embedded weights are referred to as an imported symbol, by these structs alone.
///
/// # Errors
/// [`Error::Invalid`] for an interface that breaks the ABI or features that the target has not,
/// [`Error::Internal`] when the module refuses.
pub fn define_model(
    module: &mut dyn Module,
    interface: &Interface,
    variants: &[Variant],
) -> Result<FuncId, Error> {
    check(interface)?;
    let name = &interface.name;

    let mut constants = Record::new(0);
    let mut tensors = Record::new(0);
    let model_name = constants.push(&c_string(name), 1);
    let manifest = constants.push(&interface.manifest, 8);
    let inputs = tensors.push_table(&mut constants, &interface.inputs);
    let outputs = tensors.push_table(&mut constants, &interface.outputs);
    let constants = constants.define(module, &format!("{name}.constants"), &[])?;
    let tensors_id = module.declare_data(&format!("{name}.tensors"), Linkage::Local, false, false)?;
    tensors.define_as(module, tensors_id, &[constants, tensors_id])?;

    let mut model = Record::new(size_of::<CnncModel>());
    model.u32(offset_of!(CnncModel, abi_version), CNNC_ABI_VERSION);
    model.u32(offset_of!(CnncModel, struct_bytes), size_of::<CnncModel>() as u32);
    model.u32(offset_of!(CnncModel, input_count), interface.inputs.len() as u32);
    model.u32(offset_of!(CnncModel, output_count), interface.outputs.len() as u32);
    model.u64(offset_of!(CnncModel, arena_bytes), interface.arena_bytes);
    model.u64(offset_of!(CnncModel, scratch_bytes), interface.scratch_bytes);
    model.u64(offset_of!(CnncModel, workspace_align), interface.workspace_align);
    model.u64(offset_of!(CnncModel, weights_bytes), interface.weights_bytes);
    model.u64(offset_of!(CnncModel, weights_align), interface.weights_align);
    model.u64(offset_of!(CnncModel, manifest_bytes), interface.manifest.len() as u64);
    model.u64(offset_of!(CnncModel, stack_bytes), interface.stack_bytes);
    model.u32(offset_of!(CnncModel, step_count), interface.step_count);
    const CONSTANTS: usize = 0;
    const TENSORS: usize = 1;
    const EMBEDDED: usize = 2;
    model.pointer(offset_of!(CnncModel, name), CONSTANTS, model_name);
    model.pointer(offset_of!(CnncModel, manifest), CONSTANTS, manifest);
    model.pointer(offset_of!(CnncModel, inputs), TENSORS, inputs);
    model.pointer(offset_of!(CnncModel, outputs), TENSORS, outputs);
    let mut targets = vec![constants, tensors_id];
    if !interface.weights_external && interface.weights_bytes > 0 {
        targets.push(module.declare_data(WEIGHTS, Linkage::Import, false, false)?);
        model.pointer(offset_of!(CnncModel, weights), EMBEDDED, 0);
    }
    let refusal = define_refusal(module, name)?;
    let mut with_run = |module: &mut dyn Module, run: FuncId, symbol: String| {
        model.function = Some((offset_of!(CnncModel, run), run));
        model.clone().define(module, &symbol, &targets)
    };
    let unsupported = with_run(module, refusal, format!("{name}.unsupported"))?;
    let mut models = Vec::with_capacity(variants.len());
    for (i, variant) in variants.iter().enumerate() {
        models.push(with_run(module, variant.run, format!("{name}.model{i}"))?);
    }

    let entry = module.declare_function(&format!("{name}_model"), Linkage::Export, &entry_signature())?;
    match Machine::of_isa(module.isa()) {
        Some(Machine::X86_64) => {
            let sets: Vec<CpuFeatures> = variants.iter().map(|variant| variant.features).collect();
            let chooser = chooser(&sets);
            // A displacement counts from its own end: addend -4.
            let relocation = |offset, data: DataId| ModuleReloc {
                offset,
                kind: Reloc::X86PCRel4,
                name: data.into(),
                addend: -4,
            };
            let answers = models.into_iter().chain([unsupported]);
            let relocations: Vec<ModuleReloc> =
                chooser.answers.iter().zip(answers).map(|(&at, model)| relocation(at, model)).collect();
            module.define_function_bytes(entry, 16, &chooser.bytes, &relocations)?;
        }
        Some(machine)
            if let ([model], [Variant { features: CpuFeatures::NONE, .. }]) = (&models[..], variants) =>
        {
            let (code, relocations) = address::function(machine, *model);
            module.define_function_bytes(entry, address::ALIGN, &code, &relocations)?;
        }
        _ => return Err(Error::Invalid("this target has no way to ask for processor features".into())),
    }
    Ok(entry)
}

/// Refuses what the structs of the ABI cannot say.
fn check(interface: &Interface) -> Result<(), Error> {
    let fail = |message: String| Err(Error::Invalid(message));
    let Interface { name, workspace_align, weights_align, .. } = interface;
    if *name != c_identifier(name) {
        return fail(format!("\"{name}\" is not a C identifier; \"{}\" is", c_identifier(name)));
    }
    if !workspace_align.is_power_of_two() || !weights_align.is_power_of_two() {
        return fail(format!("alignments {workspace_align} and {weights_align} must be powers of two"));
    }
    for (what, bytes) in [("arena", interface.arena_bytes), ("scratch", interface.scratch_bytes)] {
        if !bytes.is_multiple_of(*workspace_align) {
            return fail(format!("{what} of {bytes} bytes is not a multiple of {workspace_align}"));
        }
    }
    for tensor in interface.inputs.iter().chain(&interface.outputs) {
        if tensor.name.contains('\0') {
            return fail(format!("the name {:?} holds a NUL", tensor.name));
        }
    }
    Ok(())
}

/// Bytes of a data object and the addresses to be written into it.
#[derive(Clone)]
struct Record {
    bytes: Vec<u8>,
    /// Where, which of the targets given to `define`, what to add.
    pointers: Vec<(usize, usize, usize)>,
    /// Where the address of a function stands.
    function: Option<(usize, FuncId)>,
}

impl Record {
    fn new(bytes: usize) -> Record {
        Record { bytes: vec![0; bytes], pointers: Vec::new(), function: None }
    }

    fn u32(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, at: usize, value: u64) {
        self.bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn pointer(&mut self, at: usize, target: usize, offset: usize) {
        self.pointers.push((at, target, offset));
    }

    /// Appends bytes; returns where they start.
    fn push(&mut self, bytes: &[u8], align: usize) -> usize {
        let start = self.bytes.len().next_multiple_of(align);
        self.bytes.resize(start, 0);
        self.bytes.extend(bytes);
        start
    }

    /// Appends the structs of the tensors, then the table of pointers to them; returns where the table starts.
    /// Targets: 0 the constants, 1 this record.
    fn push_table(&mut self, constants: &mut Record, tensors: &[TensorDesc]) -> usize {
        const CONSTANTS: usize = 0;
        const SELF: usize = 1;
        let structs: Vec<usize> = tensors
            .iter()
            .map(|tensor| {
                let at = self.push(&[0; size_of::<CnncTensor>()], 8);
                self.u32(at + offset_of!(CnncTensor, struct_bytes), size_of::<CnncTensor>() as u32);
                self.u32(at + offset_of!(CnncTensor, dtype), tensor.dtype);
                self.u32(at + offset_of!(CnncTensor, rank), tensor.shape.len() as u32);
                self.u32(at + offset_of!(CnncTensor, zero_point), tensor.zero_point as u32);
                self.u32(at + offset_of!(CnncTensor, scale), tensor.scale.to_bits());
                self.u64(at + offset_of!(CnncTensor, bytes), tensor.bytes);
                let name = constants.push(&c_string(&tensor.name), 1);
                self.pointer(at + offset_of!(CnncTensor, name), CONSTANTS, name);
                if !tensor.shape.is_empty() {
                    let extents: Vec<u8> =
                        tensor.shape.iter().flat_map(|extent| extent.to_le_bytes()).collect();
                    let shape = constants.push(&extents, 8);
                    self.pointer(at + offset_of!(CnncTensor, shape), CONSTANTS, shape);
                }
                at
            })
            .collect();
        let table = self.push(&vec![0; 8 * tensors.len()], 8);
        for (i, at) in structs.into_iter().enumerate() {
            self.pointer(table + 8 * i, SELF, at);
        }
        table
    }

    fn define(self, module: &mut dyn Module, name: &str, targets: &[DataId]) -> Result<DataId, Error> {
        let id = module.declare_data(name, Linkage::Local, false, false)?;
        self.define_as(module, id, targets)?;
        Ok(id)
    }

    fn define_as(self, module: &mut dyn Module, id: DataId, targets: &[DataId]) -> Result<(), Error> {
        let mut data = DataDescription::new();
        data.define(self.bytes.into_boxed_slice());
        data.set_align(8);
        let targets: Vec<_> = targets.iter().map(|&id| module.declare_data_in_data(id, &mut data)).collect();
        for (at, target, offset) in self.pointers {
            data.write_data_addr(at as u32, targets[target], offset as i64);
        }
        if let Some((at, function)) = self.function {
            let function = module.declare_func_in_data(function, &mut data);
            data.write_function_addr(at as u32, function);
        }
        Ok(module.define_data(id, &data)?)
    }
}

fn c_string(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

/// `const cnnc_model *(void)`.
fn entry_signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.returns.push(AbiParam::new(types::I64));
    signature
}

/// The `run` of a model on a processor that cannot run it.
fn define_refusal(module: &mut dyn Module, name: &str) -> Result<FuncId, Error> {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(types::I64); 2];
    signature.returns = vec![AbiParam::new(types::I32)];
    let id = module.declare_function(&format!("{name}.refuse"), Linkage::Local, &signature)?;
    define(module, id, signature, |builder| {
        let status = builder.ins().iconst(types::I32, i64::from(CNNC_CPU_UNSUPPORTED));
        builder.ins().return_(&[status]);
    })?;
    Ok(id)
}

/// Defines a function of one block.
fn define(
    module: &mut dyn Module,
    id: FuncId,
    signature: Signature,
    body: impl FnOnce(&mut FunctionBuilder),
) -> Result<(), Error> {
    let mut context = Context::new();
    context.func.signature = signature;
    context.func.name = UserFuncName::user(0, id.as_u32());
    let mut builders = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut builders);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    body(&mut builder);
    builder.seal_all_blocks();
    builder.finalize(module.isa().frontend_config());
    Ok(module.define_function(id, &mut context)?)
}

#[cfg(test)]
mod tests {
    use super::c_identifier;

    #[test]
    fn identifiers() {
        for (stem, identifier) in [
            ("net", "net"),
            ("mobilenet_v2-1.0", "mobilenet_v2_1_0"),
            ("7x7", "m7x7"),
            ("größe", "gr__e"),
            (".so", "_so"),
            ("", "m"),
        ] {
            assert_eq!(c_identifier(stem), identifier);
        }
    }
}
