//! From a program to an artifact: in memory, or ready to be written. One path for both.

use crate::artifact::manifest::{self, Manifest};
use crate::artifact::{
    Artifact, CpuFeatures, Error, Interface, Jit, TensorDesc, Variant, Weights, WeightsMut,
};
use crate::emit::{self, Emitted, Watch};
use crate::plan::{ALIGN, Access, Arg, Buffer, BufferId, Member, Program, Space, check};
use crate::target::{Machine, Target};
use crate::vasm::{EmitError, Emitter};
use cnnc_ir::{DType, Module, Type};
use cnnc_runtime::Model;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use prost::Message;
use std::collections::BTreeMap;

impl From<EmitError> for Error {
    fn from(error: EmitError) -> Error {
        match error {
            EmitError::TooMuch { .. } => Error::Limit(error.to_string()),
            _ => Error::Internal(error.to_string()),
        }
    }
}

/// What an artifact says about where it comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The C identifier that the model's function is named after.
    pub name: String,
    /// SHA-256 of the source model.
    pub source_sha256: Vec<u8>,
    /// Options that differ from the defaults, name and value.
    pub options: Vec<(String, String)>,
}

/// Packs the weights of a program.
///
/// # Errors
/// When memory is refused.
pub fn pack(program: &Program) -> Result<Weights, Error> {
    let mut weights = WeightsMut::zeroed(program.weights.len())?;
    program.weights.write(weights.bytes_mut());
    weights.share()
}

/// Compiles a program into memory.
///
/// # Errors
/// For the target of another machine, and when memory is refused; anything else is a bug of cnnc.
pub fn jit(module: &Module, program: &Program, target: &Target, origin: &Origin) -> Result<Model, Error> {
    jit_watched(module, program, target, origin, &mut ())
}

/// As [`jit`]; somebody sees the code before it is compiled.
///
/// # Errors
/// As [`jit`].
pub fn jit_watched(
    module: &Module,
    program: &Program,
    target: &Target,
    origin: &Origin,
    watch: &mut dyn Watch,
) -> Result<Model, Error> {
    if Machine::host() != Some(target.machine) {
        let triple = target.machine.triple();
        return Err(Error::Invalid(format!(
            "code for {triple} does not run on this machine: write it to a file"
        )));
    }
    let isa = target.isa(false)?;
    let mut jit = Jit::new(isa.clone(), pack(program)?)?;
    let emitted = emit::emit(program, target, jit.module(), watch)?;
    jit.finish(&interface(module, program, target, &*isa, origin, emitted), &variants(&*isa, emitted)?)
}

/// Compiles a program into an artifact that can be written as a library, an object, an archive and a header; `weights`
/// are its [packed](pack()) ones.
///
/// # Errors
/// When the target's files cannot be written; anything else is a bug of cnnc.
pub fn artifact<'w>(
    module: &Module,
    program: &Program,
    weights: &'w Weights,
    target: &Target,
    origin: &Origin,
) -> Result<Artifact<'w>, Error> {
    let isa = target.isa(true)?;
    let mut object = Artifact::module(isa.clone())?;
    let emitted = emit::emit(program, target, &mut object, &mut ())?;
    let interface = interface(module, program, target, &*isa, origin, emitted);
    Artifact::finish(object, interface, &variants(&*isa, emitted)?, weights.bytes())
}

/// The ways to run what was emitted, the best first.
fn variants(isa: &dyn TargetIsa, emitted: Emitted) -> Result<Vec<Variant>, Error> {
    let features = CpuFeatures::of_isa(isa)?;
    let wide = CpuFeatures::of_names(CpuFeatures::AVX512)?.union(features);
    let wide = emitted.run_wide.map(|run| Variant { run, features: wide });
    Ok(wide.into_iter().chain([Variant { run: emitted.run, features }]).collect())
}

/// The code of a program in Cranelift's IR: every function but the kernels that are written in the vector assembler,
/// each behind its name, as they are before Cranelift optimises them.
///
/// # Errors
/// As [`artifact()`].
pub fn clif(program: &Program, target: &Target) -> Result<String, Error> {
    let mut object = Artifact::module(target.isa(true)?)?;
    let mut functions = Functions(String::new());
    emit::emit(program, target, &mut object, &mut functions)?;
    Ok(functions.0)
}

/// The text of every function.
struct Functions(String);

impl Watch for Functions {
    fn function(&mut self, name: &str, function: &Function) {
        self.0 += &format!("; {name}\n{}\n", function.display());
    }
}

/// The number of an element type in ONNX.
fn onnx_dtype(dtype: DType) -> u32 {
    let dtype = match dtype {
        DType::F32 => cnnc_runtime::DType::F32,
        DType::F64 => cnnc_runtime::DType::F64,
        DType::F16 => cnnc_runtime::DType::F16,
        DType::I64 => cnnc_runtime::DType::I64,
        DType::I32 => cnnc_runtime::DType::I32,
        DType::I16 => cnnc_runtime::DType::I16,
        DType::U16 => cnnc_runtime::DType::U16,
        DType::I8 => cnnc_runtime::DType::I8,
        DType::U8 => cnnc_runtime::DType::U8,
        DType::Bool => cnnc_runtime::DType::Bool,
    };
    dtype.onnx()
}

fn tensor(name: &str, ty: &Type) -> TensorDesc {
    TensorDesc {
        name: name.into(),
        dtype: onnx_dtype(ty.dtype),
        shape: ty.dims().iter().map(|&d| d as i64).collect(),
        bytes: ty.bytes() as u64,
        scale: 0.0,
        zero_point: 0,
    }
}

fn interface(
    module: &Module,
    program: &Program,
    target: &Target,
    isa: &dyn TargetIsa,
    origin: &Origin,
    emitted: Emitted,
) -> Interface {
    let tensors = |names: &[String], ids: &[cnnc_ir::NodeId]| -> Vec<TensorDesc> {
        names.iter().zip(ids).map(|(name, &id)| tensor(name, module.graph.ty(id))).collect()
    };
    let inputs = tensors(&module.input_names, module.graph.inputs());
    let outputs = tensors(&module.output_names, module.graph.outputs());
    let manifest = manifest(program, target, isa, origin, &inputs, &outputs).encode_to_vec();
    Interface {
        name: origin.name.clone(),
        inputs,
        outputs,
        arena_bytes: program.arena_bytes,
        scratch_bytes: program.scratch_bytes,
        workspace_align: ALIGN,
        stack_bytes: emitted.stack_bytes,
        step_count: program.steps.len() as u32,
        weights_external: false,
        weights_bytes: program.weights.len() as u64,
        weights_align: 4096,
        manifest,
    }
}

fn manifest(
    program: &Program,
    target: &Target,
    isa: &dyn TargetIsa,
    origin: &Origin,
    inputs: &[TensorDesc],
    outputs: &[TensorDesc],
) -> Manifest {
    let tensors = |list: &[TensorDesc]| -> Vec<manifest::Tensor> {
        list.iter()
            .map(|t| manifest::Tensor { name: t.name.clone(), dtype: t.dtype, shape: t.shape.clone() })
            .collect()
    };
    let features =
        CpuFeatures::of_isa(isa).map(|f| f.names().map(String::from).collect()).unwrap_or_default();
    Manifest {
        compiler: format!("cnnc {}", env!("CARGO_PKG_VERSION")),
        target: target.name().into(),
        triple: isa.triple().to_string(),
        features,
        uses: if target.wide { CpuFeatures::AVX512.map(String::from).to_vec() } else { Vec::new() },
        numerics: if program.is_transformed() { "f32-winograd" } else { "f32" }.into(),
        options: origin
            .options
            .iter()
            .map(|(name, value)| manifest::Setting { name: name.clone(), value: value.clone() })
            .collect(),
        source_sha256: origin.source_sha256.clone(),
        inputs: tensors(inputs),
        outputs: tensors(outputs),
        steps: program.steps.iter().enumerate().map(|(index, _)| step(program, index)).collect(),
    }
}

fn step(program: &Program, index: usize) -> manifest::Step {
    let step = &program.steps[index];
    // Of each buffer, from the first byte that is touched to the last.
    let mut touched: BTreeMap<BufferId, (i64, i64)> = BTreeMap::new();
    for (call, arg) in step.calls().flat_map(|call| call.args.iter().map(move |arg| (call, arg))) {
        let Arg::Address { place, access, .. } = arg else { continue };
        let (low, high) = check::reach(call, arg);
        if *access != Access::Prefetch && low < high {
            let all = touched.entry(place.buffer).or_insert((low, high));
            *all = (all.0.min(low), all.1.max(high));
        }
    }
    manifest::Step {
        name: step.name.clone(),
        op: step.op.clone(),
        algorithm: step.algorithm.clone(),
        macs: step.macs,
        bytes: touched.values().map(|(low, high)| (high - low) as u64).sum(),
        output: Some(buffer(program.buffer(program.results[index]))),
        units: step.units(),
        members: step.members().iter().map(member).collect(),
    }
}

fn member(member: &Member) -> manifest::Member {
    let Member { name, op, algorithm, macs, .. } = member.clone();
    manifest::Member { name, op, algorithm, macs }
}

fn buffer(b: &Buffer) -> manifest::Buffer {
    let (space, index) = match b.space {
        Space::Arena => (manifest::buffer::Space::Arena, 0),
        Space::Output(i) => (manifest::buffer::Space::Output, i),
        Space::Input(_) | Space::Scratch | Space::Weights => (manifest::buffer::Space::None, 0),
    };
    manifest::Buffer {
        space: space as i32,
        index,
        offset: b.offset,
        bytes: b.bytes,
        dtype: onnx_dtype(b.dtype),
        shape: b.shape.iter().map(|&d| d as i64).collect(),
        layout: b.layout.name().into(),
    }
}

impl Target {
    /// The instruction set as Cranelift knows it; the same on every machine that compiles.
    pub(crate) fn isa(&self, pic: bool) -> Result<OwnedTargetIsa, Error> {
        use cranelift_codegen::settings::{self, Configurable};
        let refused = |error: &dyn std::fmt::Display| Error::Internal(format!("target: {error}"));
        let mut flags = settings::builder();
        // Kernels come in the order in which they should run. Cranelift's optimiser would keep every value that is
        // loaded twice, and spill the register tile for it: frames of 8 KiB.
        let level = match self.emitter {
            Emitter::X64 => "speed",
            Emitter::Clif => "none",
        };
        let checks = if cfg!(debug_assertions) { "true" } else { "false" };
        for (name, value) in [
            ("opt_level", level),
            ("is_pic", if pic { "true" } else { "false" }),
            ("enable_verifier", checks),
            ("regalloc_checker", checks),
            ("unwind_info", "false"),
            ("enable_probestack", "false"),
        ] {
            flags.set(name, value).map_err(|e| refused(&e))?;
        }
        let triple = self.machine.triple();
        let mut isa = cranelift_codegen::isa::lookup_by_name(triple).map_err(|e| refused(&e))?;
        match self.machine {
            Machine::X86_64 => match self.emitter {
                Emitter::X64 => isa.enable("haswell").map_err(|e| refused(&e))?,
                // FMA and what every processor with it has.
                Emitter::Clif => {
                    for flag in ["sse3", "ssse3", "sse41", "sse42", "popcnt", "avx", "fma"] {
                        isa.enable(&format!("has_{flag}")).map_err(|e| refused(&e))?;
                    }
                }
            },
            // Vectors and fused multiply-add are in the baseline.
            Machine::Aarch64 => {}
        }
        isa.finish(settings::Flags::new(flags)).map_err(|e| refused(&e))
    }
}
