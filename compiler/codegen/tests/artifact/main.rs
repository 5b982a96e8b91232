//! Artifacts of every kind, made without a C toolchain and then put to use: JIT, `.so`, `.o`, `.a` and `.h`.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod elf;
mod toy;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use cnnc_codegen::artifact::{Artifact, CpuFeatures, Error, Interface, Jit, Kind, Variant};
use cnnc_runtime::abi::CnncEntry;
use cnnc_runtime::{Call, Model, RunError, Workspace};
use cranelift_module::Module;

/// Three pages and a bit: the last float tells whether all of them arrived.
const WEIGHTS: usize = 3 * 4096 + 8;
const X: [f32; toy::LENGTH] = [1.0, -2.0, 0.5, 3.25, 1e30];

/// An empty folder for one test.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes the toy to each path.
fn write(interface: Interface, factor: f32, features: CpuFeatures, paths: &[&Path]) {
    let weights = toy::weights(interface.weights_bytes as usize, factor).share().unwrap();
    let mut module = Artifact::module(toy::isa(true)).unwrap();
    let run = toy::emit(&mut module, interface.weights_bytes as usize);
    let embedded = if interface.weights_external { &[] } else { weights.bytes() };
    let artifact = Artifact::finish(module, interface, &[Variant { run, features }], embedded).unwrap();
    for path in paths {
        write_to(&artifact, path).unwrap();
    }
}

/// Writes what the extension of the path asks for.
fn write_to(artifact: &Artifact, path: &Path) -> Result<(), Error> {
    let stem = path.file_stem().unwrap().to_string_lossy();
    artifact.write_to(Kind::of(path)?, &stem, fs::File::create(path).unwrap()).map(Result::unwrap)
}

fn jit(interface: &Interface, factor: f32, features: CpuFeatures) -> Model {
    let weights = toy::weights(interface.weights_bytes as usize, factor).share().unwrap();
    let mut jit = Jit::new(toy::isa(false), weights).unwrap();
    let run = toy::emit(jit.module(), interface.weights_bytes as usize);
    jit.finish(interface, &[Variant { run, features }]).unwrap()
}

fn run(model: &Model) -> Result<[f32; toy::LENGTH], RunError> {
    let mut y = [f32::NAN; toy::LENGTH];
    model.run_f32(&[&X], &mut [&mut y], &mut Workspace::new(model, 1).unwrap())?;
    Ok(y)
}

fn avx2() -> CpuFeatures {
    CpuFeatures::of_names(["avx2", "fma"]).unwrap()
}

/// Builds and runs a C program; returns what it printed.
fn run_c(folder: &Path, source: &str, arguments: &[&str]) -> String {
    fs::write(folder.join("main.c"), source).unwrap();
    let compiled = Command::new("cc")
        .current_dir(folder)
        .args(["-Wall", "-Wextra", "-Werror", "-o", "main", "main.c"])
        .args(arguments)
        .status();
    assert!(compiled.unwrap().success(), "cc {arguments:?}");
    let output = Command::new(folder.join("main")).env("LD_LIBRARY_PATH", folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn jit_and_shared_library_agree() {
    let so = folder("agree").join("toy.so");
    write(toy::interface("toy", WEIGHTS), 3.0, avx2(), &[&so]);
    for model in [Model::open(&so).unwrap(), jit(&toy::interface("toy", WEIGHTS), 3.0, avx2())] {
        assert_eq!(run(&model).unwrap(), X.map(|x| x * 6.0));
        assert_eq!(model.name(), "toy");
        assert_eq!(model.inputs()[0].name, "data/in:0");
        assert_eq!(model.outputs()[0].name, "größe");
        assert_eq!(model.outputs()[0].shape, [1, toy::LENGTH as i64]);
        assert_eq!((model.arena_bytes(), model.scratch_bytes(), model.workspace_align()), (128, 64, 64));
        assert_eq!((model.stack_bytes(), model.step_count()), (64, 1));
        assert_eq!(model.manifest(), b"what this is");
        assert_eq!(model.weights().len(), WEIGHTS);
        assert_eq!(model.weights().as_ptr().addr() % 4096, 0);
    }
}

#[test]
fn external_weights() {
    let so = folder("external").join("toy.so");
    let interface = Interface { weights_external: true, ..toy::interface("toy", 8) };
    write(interface, 3.0, avx2(), &[&so]);
    let model = Model::open(&so).unwrap();
    assert!(model.weights().is_empty());
    let mut y = [0.0; toy::LENGTH];
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let mut out = bytes(&y);
    let weights = toy::weights(8, 5.0).share().unwrap();
    let mut workspace = Workspace::new(&model, 1).unwrap();
    let call = Call::new(&model, &mut workspace).with_weights(weights.bytes());
    call.run(&[&bytes(&X)], &mut [&mut out]).unwrap();
    for (value, bytes) in y.iter_mut().zip(out.chunks(4)) {
        *value = f32::from_le_bytes(bytes.try_into().unwrap());
    }
    assert_eq!(y, X.map(|x| x * 10.0));
}

#[test]
fn a_model_without_weights() {
    let so = folder("no-weights").join("toy.so");
    let mut module = Artifact::module(toy::isa(true)).unwrap();
    let run = toy::emit(&mut module, 4);
    let variant = Variant { run, features: CpuFeatures::NONE };
    let artifact = Artifact::finish(module, toy::interface("toy", 0), &[variant], &[]).unwrap();
    write_to(&artifact, &so).unwrap();
    assert!(Model::open(&so).unwrap().weights().is_empty());
    elf::audit(&fs::read(&so).unwrap(), &["cnnc_model_v1", "toy_model"]);
}

#[test]
fn an_old_processor_gets_an_answer() {
    let so = folder("old").join("toy.so");
    for features in [CpuFeatures::IMPOSSIBLE, avx2().union(CpuFeatures::IMPOSSIBLE)] {
        write(toy::interface("toy", WEIGHTS), 3.0, features, &[&so]);
        for model in [Model::open(&so).unwrap(), jit(&toy::interface("toy", WEIGHTS), 3.0, features)] {
            assert_eq!(run(&model), Err(RunError::CpuUnsupported));
            assert_eq!(model.name(), "toy");
            assert_eq!(model.weights().len(), WEIGHTS);
        }
    }
}

#[test]
fn every_feature_check_agrees_with_the_standard_library() {
    let mut compared = 0;
    macro_rules! compare {
        ($($name:literal = $std:tt),*) => {$(
            let features = CpuFeatures::of_names([$name]).unwrap();
            let present = run(&jit(&toy::interface("toy", WEIGHTS), 1.0, features)).is_ok();
            assert_eq!(present, is_x86_feature_detected!($std), $name);
            compared += 1;
        )*};
    }
    compare!(
        "sse3" = "sse3",
        "ssse3" = "ssse3",
        "fma" = "fma",
        "cmpxchg16b" = "cmpxchg16b",
        "sse41" = "sse4.1",
        "sse42" = "sse4.2",
        "movbe" = "movbe",
        "popcnt" = "popcnt",
        "avx" = "avx",
        "f16c" = "f16c",
        "bmi1" = "bmi1",
        "avx2" = "avx2",
        "bmi2" = "bmi2",
        "avx512f" = "avx512f",
        "avx512dq" = "avx512dq",
        "avx512cd" = "avx512cd",
        "avx512bw" = "avx512bw",
        "avx512vl" = "avx512vl",
        "avx512vbmi" = "avx512vbmi",
        "avx512vnni" = "avx512vnni",
        "avx512bitalg" = "avx512bitalg",
        "avx_vnni" = "avxvnni",
        "lzcnt" = "lzcnt"
    );
    assert_eq!(compared, 23);
}

#[test]
fn two_models_in_one_program() {
    const SOURCE: &str = r#"
        #include "two.h"
        #include "three.h"
        #include <stdio.h>
        #include <stdlib.h>

        static char workspace[TWO_ARENA_BYTES + TWO_SCRATCH_BYTES] __attribute__((aligned(TWO_WORKSPACE_ALIGN)));

        static void run(const cnnc_model *model) {
            float x[TWO_INPUT_0_BYTES / 4] = {1, 2, 3, 4, 5}, y[THREE_OUTPUT_0_BYTES / 4] = {0};
            const void *inputs[TWO_INPUT_COUNT] = {x};
            void *outputs[TWO_OUTPUT_COUNT] = {y};
            cnnc_call call = {.struct_bytes = sizeof call, .inputs = inputs, .outputs = outputs,
                              .workspace = workspace, .workspace_bytes = sizeof workspace};
            if (model->run(model, &call) != CNNC_OK) exit(1);
            printf("%s: %g %g\n", model->name, y[0], y[4]);
        }

        int main(void) {
            run(two_model());
            run(three_model());
            return 0;
        }
    "#;
    let folder = folder("two");
    for (name, factor) in [("two", 1.0), ("three", 1.5)] {
        let paths = ["so", "o", "a", "h"].map(|extension| folder.join(name).with_extension(extension));
        let paths = paths.each_ref().map(PathBuf::as_path);
        write(toy::interface(name, WEIGHTS), factor, avx2(), &paths);
    }
    let expected = "two: 2 10\nthree: 3 15\n";
    assert_eq!(run_c(&folder, SOURCE, &["two.o", "three.o"]), expected);
    assert_eq!(run_c(&folder, SOURCE, &["two.a", "three.a", "-no-pie", "-static"]), expected);
    assert_eq!(run_c(&folder, SOURCE, &["two.o", "three.a", "-Wl,-z,now,-z,relro,--gc-sections"]), expected);
    assert_eq!(run_c(&folder, SOURCE, &["two.so", "three.so"]), expected);
    // A header alone needs nothing to be linked.
    assert_eq!(
        run_c(&folder, "#include \"two.h\"\nint main(void) { return TWO_WEIGHTS_BYTES != 12296; }", &[]),
        ""
    );

    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: artifacts have no initialisers.
    let libraries = ["two.so", "three.so"]
        .map(|file| unsafe { Library::open(Some(folder.join(file)), RTLD_NOW | RTLD_GLOBAL) }.unwrap());
    for (library, factor) in libraries.into_iter().zip([2.0, 3.0]) {
        // SAFETY: the symbol has this type, and the library lives as long as the model.
        let model = unsafe {
            let entry = *library.get::<CnncEntry>(b"cnnc_model_v1").unwrap();
            Model::from_raw(entry(), Box::new(library)).unwrap()
        };
        assert_eq!(run(&model).unwrap(), X.map(|x| x * factor));
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let extensions = ["so", "o", "a", "h"];
    let written = [folder("once"), folder("again")].map(|folder| {
        extensions.map(|extension| {
            let path = folder.join("net").with_extension(extension);
            write(toy::interface("net", WEIGHTS), 3.0, avx2(), &[&path]);
            fs::read(path).unwrap()
        })
    });
    for (i, extension) in extensions.iter().enumerate() {
        assert!(written[0][i] == written[1][i], ".{extension} differs");
        assert!(written[0][i].len() > 4096 || *extension == "h");
    }
}

#[test]
fn files_hold_what_they_should_and_nothing_else() {
    let folder = folder("audit");
    let [so, object] = ["so", "o"].map(|extension| folder.join("my-net").with_extension(extension));
    write(toy::interface("my_net", WEIGHTS), 3.0, avx2(), &[&so, &object]);
    elf::audit(&fs::read(&so).unwrap(), &["cnnc_model_v1", "my_net_model"]);
    elf::audit_object(&fs::read(&object).unwrap(), "my_net_model");
    let model = Model::open(&so).unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mine: Vec<_> = maps.lines().filter(|line| line.ends_with(so.to_str().unwrap())).collect();
    assert!(mine.len() >= 4, "{mine:?}");
    assert!(mine.iter().all(|line| !line.split(' ').nth(1).unwrap().contains('w')), "{mine:?}");
    drop(model);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&so).unwrap().permissions().mode() & 0o133, 0);
}

#[test]
fn extensions_name_the_kinds() {
    for (name, kind) in
        [("a.so", Kind::Shared), ("a.o", Kind::Object), ("a.a", Kind::Archive), ("a.h", Kind::Header)]
    {
        assert_eq!(Kind::of(Path::new(name)).unwrap(), kind);
    }
    for name in ["net.dll", "net", ".so"] {
        assert!(matches!(Kind::of(Path::new(name)), Err(Error::Invalid(_))), "{name}");
    }
}

#[test]
fn wrong_interfaces_are_refused() {
    let good = toy::interface("net", WEIGHTS);
    let wrong: [fn(&mut Interface); 6] = [
        |i| i.name = "7up".into(),
        |i| i.workspace_align = 48,
        |i| i.weights_align = 0,
        |i| i.scratch_bytes = 65,
        |i| i.inputs[0].name = "a\0b".into(),
        |i| i.weights_bytes += 4,
    ];
    for spoil in wrong {
        let mut interface = good.clone();
        spoil(&mut interface);
        let weights = toy::weights(WEIGHTS, 1.0).share().unwrap();
        let mut module = Artifact::module(toy::isa(true)).unwrap();
        let run = toy::emit(&mut module, WEIGHTS);
        let result =
            Artifact::finish(module, interface, &[Variant { run, features: avx2() }], weights.bytes());
        assert!(matches!(result, Err(Error::Invalid(_))));
    }
    assert!(matches!(Artifact::module(toy::isa(false)), Err(Error::Invalid(_))));
    let weights = toy::weights(WEIGHTS, 1.0).share().unwrap();
    assert!(matches!(Jit::new(toy::isa(true), weights), Err(Error::Invalid(_))));
}

#[test]
fn code_that_needs_something_from_outside_is_refused() {
    let spoilers: [fn(&mut dyn Module); 3] = [toy::call_outside, toy::call_library, toy::write_data];
    for (i, spoil) in spoilers.into_iter().enumerate() {
        let weights = toy::weights(WEIGHTS, 1.0).share().unwrap();
        let mut module = Artifact::module(toy::isa(true)).unwrap();
        let run = toy::emit(&mut module, WEIGHTS);
        spoil(&mut module);
        let interface = toy::interface("net", WEIGHTS);
        let variant = [Variant { run, features: avx2() }];
        let artifact = Artifact::finish(module, interface.clone(), &variant, weights.bytes()).unwrap();
        let written = artifact.write_to(Kind::Shared, "net", io::Cursor::new(Vec::new()));
        assert!(matches!(written, Err(Error::Internal(_))), "{i}");

        if i < 2 {
            let mut jit = Jit::new(toy::isa(false), toy::weights(WEIGHTS, 1.0).share().unwrap()).unwrap();
            let run = toy::emit(jit.module(), WEIGHTS);
            spoil(jit.module());
            assert!(
                matches!(
                    jit.finish(&interface, &[Variant { run, features: avx2() }]),
                    Err(Error::Internal(_))
                ),
                "{i}"
            );
        }
    }
}

#[test]
#[ignore = "writes 15 GB, which takes minutes"]
fn weights_beyond_4_gb() {
    const BYTES: usize = 5 << 30;
    const SOURCE: &str = r#"
        #include "net.h"
        #include <stdio.h>

        int main(void) {
            const cnnc_model *model = net_model();
            printf("%g", ((const float *)model->weights)[model->weights_bytes / 4 - 1]);
            return 0;
        }
    "#;
    let folder = folder("large");
    let paths = ["so", "o", "h"].map(|extension| folder.join("net").with_extension(extension));
    write(toy::interface("net", BYTES), 3.0, avx2(), &paths.each_ref().map(PathBuf::as_path));
    let model = Model::open(&paths[0]).unwrap();
    let weights = model.weights();
    assert_eq!((weights.len(), &weights[BYTES - 4..]), (BYTES, &3f32.to_le_bytes()[..]));
    assert_eq!(run_c(&folder, SOURCE, &["net.o"]), "3");
    fs::remove_dir_all(&folder).unwrap();
}

/// Mappings of this process, and how many of them may be written and executed.
fn mappings() -> (usize, usize) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    (maps.lines().count(), maps.lines().filter(|line| line.contains(" rwx")).count())
}

#[test]
fn code_is_never_writable_and_executable_and_is_given_back() {
    let interface = toy::interface("toy", WEIGHTS);
    assert_eq!(run(&jit(&interface, 1.0, avx2())).unwrap(), X.map(|x| x * 2.0));
    let before = mappings().0;
    let mut most = 0;
    for _ in 0..300 {
        let model = jit(&interface, 1.0, avx2());
        let (count, writable_code) = mappings();
        assert_eq!(writable_code, 0);
        most = most.max(count);
        drop(model);
    }
    // Other tests of this process map and unmap beside us, but not hundreds of pieces.
    assert!(most < before + 150, "{before} mappings became {most}");
}
