//! Models on machines that are not this one, imitated by qemu: a 64-bit Arm, and older processors of this architecture;
//! and by valgrind, which knows of each bit whether it was ever written.
//!
//! ```text
//! cargo test -p cnnc-tests --test machines
//! CNNC_EVERY=1 cargo test -p cnnc-tests --test machines operators     all cases of the onnx package
//! ```
//!
//! The Arm gives the bits of this machine, whose outputs other tests hold against those wanted: one order of every sum,
//! one FMA a term. Only the sign and payload of a NaN that an instruction makes may differ.

use cnnc::{Features, Options};
use cnnc_codegen::Target;
use cnnc_frontends::arch::{ArchOptions, find};
use cnnc_frontends::onnx::{ImportOptions, import_file};
use cnnc_ir::ops::Init;
use cnnc_ir::{Data, Module, Tensor, Type, text};
use cnnc_runtime::abi::CNNC_CPU_UNSUPPORTED;
use cnnc_tests::compiled::{bits, jit, run, write};
use cnnc_tests::count::{number, report};
use cnnc_tests::guarded::run_both_ends;
use cnnc_tests::linked::{Linked, Toolchain};
use cnnc_tests::models::{data_sets, difference, import, shared};
use cnnc_tests::onnx_case::{Case, cases};
use std::path::Path;

/// Built-in networks that differ in their blocks.
const BLOCKS: [&str; 3] = ["seresnext50-32x4d", "densenet121", "googlenet-bn"];

/// Writes `model` with these endings into a folder.
fn written(folder: &Path, module: Module, target: &Target, endings: &[&str]) {
    let paths: Vec<_> = endings.iter().map(|ending| folder.join(format!("model.{ending}"))).collect();
    write(module, target, &paths.iter().map(|path| path.as_path()).collect::<Vec<_>>());
}

/// Compiles a network for the Arm and runs it on its first data set: the wanted outputs, and those of each form.
fn on_aarch64(name: &str, forms: &[&str]) -> Option<(Vec<Tensor>, Vec<Vec<u32>>)> {
    let network = shared(name)?;
    let folder = tempfile::tempdir().unwrap();
    let module = import(&network.join("model.onnx"), 1);
    written(folder.path(), module.clone(), &Target::aarch64(), &[forms, &["h"]].concat());
    let here = jit(module, &Target::x86_64_v3());
    let (inputs, outputs) = data_sets(&network).remove(0);
    let wanted = bits(&run(&here, &inputs, 1));
    let got = forms.iter().map(|form| {
        let got = Toolchain::AARCH64.link(folder.path(), &format!("model.{form}")).bits(&inputs);
        assert!(got == wanted, "{name}.{form} gives other bits on aarch64");
        got
    });
    let got = got.collect();
    Some((outputs, got))
}

#[test]
fn networks_on_aarch64() {
    if !Toolchain::AARCH64.is_there() {
        return;
    }
    for (name, forms) in [("mnist-8", &["so", "o", "a"][..]), ("squeezenet_v1.1", &["so", "o"])] {
        let Some((wanted, got)) = on_aarch64(name, forms) else { return };
        for got in got {
            let got: Vec<f32> = got.into_iter().map(f32::from_bits).collect();
            let d = difference(wanted[0].slice::<f32>(), &got);
            assert!(d <= 1e-4, "{name}: {d:e} of the largest output");
        }
    }
    for name in ["resnet20_cifar10", "ultraface-slim-320-simplified", "resnet8-cifar10-qdq-s8"] {
        on_aarch64(name, &["so"]);
    }
}

/// Networks of grouped, dense and branching blocks, of small pictures: layers behind one another as in their papers.
fn built_in_networks(toolchain: &Toolchain, target: &Target, size: usize) {
    if !toolchain.is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut program = None;
    for name in BLOCKS {
        let options = ArchOptions { size: Some(size), ..ArchOptions::default() };
        let module = find(name).unwrap().build(&options).unwrap_or_else(|error| panic!("{name}: {error}"));
        let x = Init::Rand { seed: 7, min: -1.7, max: 1.7 };
        let x = [x.tensor(module.graph.ty(module.graph.inputs()[0])).unwrap()];
        written(folder.path(), module.clone(), target, &["so", "h"]);
        let program = program.get_or_insert_with(|| toolchain.link(folder.path(), "model.so"));
        let wanted = bits(&run(&jit(module, &Target::x86_64_v3()), &x, 1));
        assert!(program.bits(&x) == wanted, "{name} gives other bits for {}", target.name());
    }
}

#[test]
fn built_in_networks_on_aarch64() {
    built_in_networks(&Toolchain::AARCH64, &Target::aarch64(), 64);
}

#[test]
fn built_in_networks_in_valgrind() {
    built_in_networks(&Toolchain::VALGRIND, &Target::x86_64_v3(), 32);
}

/// All elements, each NaN the same.
fn elements(tensors: &[Tensor]) -> Vec<Vec<u8>> {
    let of = |y: &Tensor| {
        let bytes = y.data().to_le_bytes();
        let is_nan = y.data().to_f64().into_iter().map(f64::is_nan);
        let size = bytes.len() / y.data().len().max(1);
        let each = bytes.chunks_exact(size.max(1)).zip(is_nan);
        each.map(|(bytes, is_nan)| if is_nan { vec![0xFF; size] } else { bytes.to_vec() }).collect::<Vec<_>>()
    };
    tensors.iter().flat_map(of).collect()
}

/// The outputs of a run, which lie one behind the other, as tensors of these types.
fn outputs(types: &[Type], mut bytes: &[u8]) -> Result<Vec<Tensor>, String> {
    let mut tensors = Vec::new();
    for ty in types {
        let (own, rest) = bytes.split_at_checked(ty.bytes()).ok_or("outputs are missing")?;
        let data = Data::from_le_bytes(ty.dtype, own);
        tensors.push(Tensor::new(ty.shape.clone(), data).map_err(|error| error.to_string())?);
        bytes = rest;
    }
    if bytes.is_empty() { Ok(tensors) } else { Err("there are more outputs".into()) }
}

/// How many elements of a case that compiles have been compared, by a program that runs `model.so` of the folder.
fn compared(case: &Case, folder: &Path, program: &Linked, features: Features) -> Result<usize, String> {
    let Ok(given) = case.read() else { return Ok(0) };
    let inputs = &given.data[0].0;
    let options = ImportOptions { freeze: given.freeze(inputs), ..ImportOptions::default() };
    let Ok(module) = import_file(&given.model, &options) else { return Ok(0) };
    let Ok(here) = cnnc::jit(&module, &Options::default()) else { return Ok(0) };
    let inputs = given.data(inputs);
    let wanted = run_both_ends(&here, &inputs, 1)?;

    let options = Options { features, name: Some("model".into()), ..Options::default() };
    let written = cnnc::compile(&module, &options).and_then(|model| model.write(&folder.join("model.so")));
    written.map_err(|error| error.to_string())?;
    let output = program.run(&inputs);
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let types: Vec<Type> = wanted.iter().map(Tensor::ty).collect();
    let got = outputs(&types, &output.stdout)?;
    match elements(&got) == elements(&wanted) {
        true => Ok(elements(&wanted).len()),
        false => Err(format!("{got:?}, here {wanted:?}")),
    }
}

/// The smallest model: for a library that a program is linked with, before others take its place.
fn smallest() -> Module {
    text::parse("graph @model(%x: f32[1]) {\n  %y: f32[1] = relu %x\n  return %y\n}\n").unwrap()
}

/// One case of the onnx package in so many, or as the environment says, by a toolchain.
fn operators(toolchain: &Toolchain, features: Features, every: usize, what: &str) {
    let cases: Vec<Case> = cases().into_iter().step_by(number("CNNC_EVERY", every)).collect();
    if cases.is_empty() || !toolchain.is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), smallest(), &features.target(), &["so", "h"]);
    let program = toolchain.link(folder.path(), "model.so");
    let (mut ran, mut total, mut wrong) = (0, 0, Vec::new());
    for case in &cases {
        match compared(case, folder.path(), &program, features) {
            Ok(count) => (ran, total) = (ran + usize::from(count > 0), total + count),
            Err(why) => wrong.push(format!("{} ({}): {why}", case.name, case.tier)),
        }
    }
    report(&format!("cases {what}, {total} elements"), ran, wrong.len());
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(ran * 2 > cases.len(), "only {ran} of {} cases were compared", cases.len());
}

#[test]
fn operators_on_aarch64() {
    operators(&Toolchain::AARCH64, Features::Neon, 20, "on aarch64");
}

#[test]
fn operators_in_valgrind() {
    operators(&Toolchain::VALGRIND, Features::Avx2, 60, "in valgrind");
}

#[test]
fn operators_by_clif_in_valgrind() {
    operators(&Toolchain::VALGRIND, Features::Sse41, 120, "by clif in valgrind");
}

/// A model that leaves its output as it was.
const SILENT: &str = r#"
#include "model.h"
static const cnnc_tensor y = {.struct_bytes = sizeof y, .dtype = CNNC_F32, .name = "y", .bytes = 4};
static const cnnc_tensor *const outputs[] = {&y};
static int32_t run(const cnnc_model *model, const cnnc_call *call) {
    (void)model, (void)call;
    return CNNC_OK;
}
const cnnc_model *model_model(void) {
    static const cnnc_model model = {.outputs = outputs, .output_count = 1, .workspace_align = 64, .run = run};
    return &model;
}
"#;

#[test]
fn valgrind_notices_an_output_that_nobody_wrote() {
    if !Toolchain::VALGRIND.is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), smallest(), &Features::Avx2.target(), &["h"]);
    std::fs::write(folder.path().join("silent.c"), SILENT).unwrap();
    let output = Toolchain::VALGRIND.link(folder.path(), "silent.c").run(&[]);
    assert_eq!(output.status.code(), Some(102), "{output:?}");
}

/// Code runs where the features are that it is for, and says so where one of them is not.
#[test]
fn processors_of_this_architecture() {
    const HASWELL: Toolchain = Toolchain::native(&["qemu-x86_64", "-cpu", "Haswell"]);
    // Such were made between the first FMA and AVX2.
    const PILEDRIVER: Toolchain =
        Toolchain::native(&["qemu-x86_64", "-cpu", "Haswell,-avx2,-bmi1,-bmi2,-movbe,-abm"]);
    const NO_AVX2: Toolchain = Toolchain::native(&["qemu-x86_64", "-cpu", "Haswell,-avx2"]);
    const TOO_OLD: [Toolchain; 3] = [
        Toolchain::native(&["qemu-x86_64", "-cpu", "Nehalem"]),
        Toolchain::native(&["qemu-x86_64", "-cpu", "Haswell,-fma"]),
        Toolchain::native(&["qemu-x86_64", "-cpu", "Haswell,-xsave"]),
    ];
    let Some(network) = shared("mnist-8") else { return };
    if !HASWELL.is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let module = import(&network.join("model.onnx"), 1);
    let (inputs, _) = data_sets(&network).remove(0);
    let wanted = bits(&run(&jit(module.clone(), &Target::x86_64_v3()), &inputs, 1));
    for (target, is_old) in [(Target::x86_64_v3(), false), (Target::clif(), true)] {
        written(folder.path(), module.clone(), &target, &["so", "h"]);
        let bits = |processor: &Toolchain| processor.link(folder.path(), "model.so").bits(&inputs);
        assert!(bits(&HASWELL) == wanted, "{}", target.name());
        let newer = [&PILEDRIVER, &NO_AVX2];
        let too_old = TOO_OLD.iter().chain(newer.into_iter().filter(|_| !is_old));
        for processor in too_old {
            let output = processor.link(folder.path(), "model.so").run(&inputs);
            let unsupported = Some(CNNC_CPU_UNSUPPORTED);
            assert_eq!(
                (output.status.code(), output.stdout.len()),
                (unsupported, 0),
                "{:?}",
                processor.runner
            );
        }
        let is_right = |processor: &Toolchain| bits(processor) == wanted;
        assert!(!is_old || newer.into_iter().all(is_right), "{} on an older processor", target.name());
    }
}
