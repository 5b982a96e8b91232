//! Compiled models for tests: the whole way from a module to code that runs.

use crate::count::say;
use crate::guarded::run_both_ends;
use cnnc_codegen::artifact::{Kind, c_identifier};
use cnnc_codegen::plan::{Program, check::check, plan, print};
use cnnc_codegen::{Machine, Origin, Target};
use cnnc_ir::{Module, Tensor};
use cnnc_passes::PassOptions;
use cnnc_runtime::{Model, Workspace};
use std::io::BufWriter;
use std::path::Path;

/// A module after all passes, verified after each.
pub fn optimized(mut module: Module) -> Module {
    let options = PassOptions { verify: true, ..PassOptions::default() };
    cnnc_passes::run(&mut module, &options, &mut |_| {}).unwrap_or_else(|e| panic!("{e:?}"));
    module
}

/// The checked plan of a module.
pub fn planned(module: &Module, target: &Target) -> Program {
    let program = plan(module, target).unwrap_or_else(|errors| {
        let lines: Vec<String> = errors.iter().map(|e| e.to_string()).collect();
        panic!("{}", lines.join("\n"))
    });
    check(&program).unwrap_or_else(|e| panic!("{e}\n{}", print(&program)));
    program
}

/// The targets of this machine that give the same bits: with wide vectors where the processor has them, without, and
/// through CLIF.
pub fn targets() -> [Target; 3] {
    [Target::x86_64_v3(), Target::x86_64_v3().narrow(), Target::clif()]
}

/// Whether this machine runs code with wide vectors. Says so where it does not.
pub fn has_wide() -> bool {
    let has = Machine::host_is_wide();
    if !has {
        say("skipped: this machine has no AVX-512, so no code with wide vectors");
    }
    has
}

/// A model compiled into memory.
pub fn jit(module: Module, target: &Target) -> Model {
    let module = optimized(module);
    let program = planned(&module, target);
    cnnc_codegen::jit(&module, &program, target, &origin("jit")).unwrap_or_else(|e| panic!("{e}"))
}

/// Writes an artifact for every path; the model's C name is the stem of the first.
pub fn write(module: Module, target: &Target, paths: &[&Path]) {
    let module = optimized(module);
    let program = planned(&module, target);
    let stem = paths[0].file_stem().unwrap().to_string_lossy();
    let weights = cnnc_codegen::pack(&program).unwrap_or_else(|e| panic!("{e}"));
    let artifact = cnnc_codegen::artifact(&module, &program, &weights, target, &origin(&stem))
        .unwrap_or_else(|e| panic!("{e}"));
    for path in paths {
        let (kind, stem) = (Kind::of(path), path.file_stem().unwrap().to_string_lossy());
        let file = std::fs::File::create(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let written = kind.and_then(|kind| artifact.write_to(kind, &stem, BufWriter::new(file)));
        written.unwrap_or_else(|e| panic!("{e}")).unwrap_or_else(|e| panic!("{e}"));
    }
}

fn origin(stem: &str) -> Origin {
    Origin { name: c_identifier(stem), ..Origin::default() }
}

/// Runs a model of f32 tensors between inaccessible pages, twice over different garbage.
#[track_caller]
pub fn run(model: &Model, inputs: &[Tensor], threads: u32) -> Vec<Vec<f32>> {
    let outputs = run_both_ends(model, inputs, threads).unwrap_or_else(|e| panic!("{}: {e}", model.name()));
    outputs.iter().map(|y| y.slice::<f32>().to_vec()).collect()
}

/// Runs a model in a workspace that is there.
pub fn run_in(model: &Model, inputs: &[&[f32]], workspace: &mut Workspace) -> Vec<Vec<f32>> {
    let mut outputs: Vec<Vec<f32>> = model.outputs().iter().map(|t| vec![f32::NAN; t.bytes / 4]).collect();
    let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(|o| &mut o[..]).collect();
    model.run_f32(inputs, &mut slices, workspace).unwrap_or_else(|e| panic!("{e}"));
    outputs
}

/// The bits of results, to be compared.
pub fn bits(outputs: &[Vec<f32>]) -> Vec<u32> {
    outputs.iter().flatten().map(|x| x.to_bits()).collect()
}
