//! The same bits for every number of threads and every form of a model; the same bytes for every compilation; no byte
//! touched outside the buffers; nothing needed from outside the library.

use cnnc_codegen::{Machine, Target};
use cnnc_ir::ops::Init;
use cnnc_ir::{Module, Tensor};
use cnnc_runtime::{Model, Workspace};
use cnnc_tests::compiled::{bits, jit, run, run_in, write};
use cnnc_tests::guarded::{Tight, run_guarded};
use cnnc_tests::linked::Toolchain;
use cnnc_tests::models::{import, shared};
use std::path::Path;
use std::process::Command;

const NETWORKS: [&str; 5] = [
    "mnist-8",
    "resnet20_cifar10",
    "squeezenet_v1.1",
    "mobilenet_v2_1.0_224-float",
    "ultraface-slim-320-simplified",
];

/// Calls `check` with every network and a seeded input for it.
fn each(check: impl Fn(&str, Module, Tensor)) {
    for name in NETWORKS {
        let Some(folder) = shared(name) else { return };
        let module = import(&folder.join("model.onnx"), 1);
        let ty = module.graph.ty(module.graph.inputs()[0]).clone();
        let x = Init::Rand { seed: 7, min: -1.0, max: 1.0 }.tensor(&ty).unwrap();
        check(name, module, x);
    }
}

#[test]
fn threads_and_forms() {
    let folder = tempfile::tempdir().unwrap();
    each(|name, module, x| {
        let target = Target::x86_64_v3();
        let compiled = jit(module.clone(), &target);
        let wanted = bits(&run(&compiled, std::slice::from_ref(&x), 1));
        for threads in [2, 3, 8] {
            let got = bits(&run(&compiled, std::slice::from_ref(&x), threads));
            assert!(got == wanted, "{name}: {threads} threads give other bits");
        }
        let library = folder.path().join(format!("{name}.so"));
        write(module, &target, &[&library]);
        let loaded = Model::open(&library).unwrap();
        for threads in [1, 8] {
            let got = bits(&run(&loaded, std::slice::from_ref(&x), threads));
            assert!(got == wanted, "{name}: the library gives other bits on {threads} threads");
        }
    });
}

#[test]
fn compiled_twice_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    each(|name, module, _| {
        let paths = ["so", "o", "a", "h"].map(|e| folder.path().join(format!("{name}.{e}")));
        let once: Vec<Vec<u8>> = {
            write(module.clone(), &Target::x86_64_v3(), &paths.each_ref().map(|p| p.as_path()));
            paths.iter().map(|p| std::fs::read(p).unwrap()).collect()
        };
        write(module, &Target::x86_64_v3(), &paths.each_ref().map(|p| p.as_path()));
        for (path, bytes) in paths.iter().zip(&once) {
            assert!(std::fs::read(path).unwrap() == *bytes, "{} differs", path.display());
        }
    });
}

#[test]
fn freestanding() {
    let folder = tempfile::tempdir().unwrap();
    each(|name, module, _| {
        for target in [Target::x86_64_v3(), Target::aarch64()] {
            let library = folder.path().join(format!("{name}.so"));
            write(module.clone(), &target, &[&library]);
            freestanding_file(&library, &target);
        }
    });
}

/// A library exports two functions, needs nothing, and is never writable where it is executable, or after loading.
fn freestanding_file(library: &Path, target: &Target) {
    let readelf = |option: &str| {
        let output = Command::new("readelf").args(["--wide", option]).arg(library).output().unwrap();
        assert!(output.status.success(), "readelf: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (machine, relative, page) = match target.machine {
        Machine::X86_64 => ("X86-64", "R_X86_64_RELATIVE", "0x1000"),
        Machine::Aarch64 => ("AArch64", "R_AARCH64_RELATIVE", "0x10000"),
    };
    assert!(readelf("--file-header").contains(machine), "{} is not for {machine}", library.display());
    // A row is: number, value, size, type, binding, visibility, section, name; the first has no name.
    let symbols = readelf("--dyn-syms");
    let rows = symbols.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows: Vec<_> = rows.filter(|row| row.len() >= 7 && row[0] != "Num:").collect();
    let defined = rows.iter().filter(|row| row[6] != "UND").count();
    assert_eq!((defined, rows.len()), (2, 3), "{symbols}");
    let dynamic = readelf("--dynamic");
    assert!(dynamic.contains("SONAME") && !dynamic.contains("NEEDED"), "{dynamic}");
    assert!(!dynamic.contains("TEXTREL"), "{dynamic}");
    let relocations = readelf("--relocs");
    let kinds = relocations.lines().filter_map(|line| line.split_whitespace().nth(2));
    let kinds: Vec<&str> = kinds.filter(|kind| kind.starts_with("R_")).collect();
    assert!(kinds.len() >= 12 && kinds.iter().all(|kind| *kind == relative), "{relocations}");
    // A row is: type, offset, address, physical address, bytes in the file, bytes in memory, flags, alignment.
    let segments = readelf("--segments");
    let rows = segments.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows: Vec<_> = rows.filter(|row| row.len() >= 8 && row[1].starts_with("0x")).collect();
    let of = |kind: &'static str| rows.iter().filter(move |row| row[0] == kind);
    let place = |row: &Vec<&str>| [row[2].to_string(), row[5].to_string()];
    let written: Vec<_> = of("LOAD").filter(|row| row[6].contains('W')).map(place).collect();
    assert_eq!(written, of("GNU_RELRO").map(place).collect::<Vec<_>>(), "{segments}");
    assert_eq!((written.len(), of("LOAD").count()), (1, 4), "{segments}");
    assert!(!rows.iter().any(|row| row[6].contains("WE")), "{segments}");
    assert!(of("LOAD").all(|row| row.last() == Some(&page)), "{segments}");
}

#[test]
fn two_models_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut models = Vec::new();
    each(|name, module, _| {
        write(module, &Target::x86_64_v3(), &[&folder.path().join(format!("{name}.so"))]);
    });
    for name in NETWORKS {
        if shared(name).is_none() {
            return;
        }
        models.push(Model::open(folder.path().join(format!("{name}.so"))).unwrap());
    }
    let names: Vec<&str> = models.iter().map(Model::name).collect();
    assert_eq!(names.len(), NETWORKS.len());
    each(|name, module, x| {
        let index = NETWORKS.iter().position(|n| *n == name).unwrap();
        let mut workspace = Workspace::new(&models[index], 2).unwrap();
        let got = run_in(&models[index], &[x.slice::<f32>()], &mut workspace);
        let wanted = run(&jit(module, &Target::x86_64_v3()), &[x], 1);
        assert!(bits(&got) == bits(&wanted), "{name}: other bits beside other models");
    });
}

#[test]
fn guard_pages() {
    each(|name, module, x| {
        let target = Target::x86_64_v3();
        let model = jit(module, &target);
        let wanted = bits(&run(&model, std::slice::from_ref(&x), 1));
        for tight in [Tight::Front, Tight::Back] {
            for fill in [0xFF, 0xA5] {
                let got = run_guarded(&model, std::slice::from_ref(&x), tight, fill).unwrap();
                let got: Vec<Vec<f32>> = got.iter().map(|y| y.slice::<f32>().to_vec()).collect();
                assert!(
                    bits(&got) == wanted,
                    "{name}: {tight:?} buffers full of {fill:#x} change the result"
                );
            }
        }
    });
}

/// A C program linked with the object, the archive and the shared library gives the bits of the JIT.
#[test]
fn linked_into_c() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mnist) = shared("mnist-8") else { return };
    let module = import(&mnist.join("model.onnx"), 1);
    let ty = module.graph.ty(module.graph.inputs()[0]).clone();
    let x = Init::Rand { seed: 7, min: 0.0, max: 255.0 }.tensor(&ty).unwrap();
    let wanted = bits(&run(&jit(module.clone(), &Target::x86_64_v3()), std::slice::from_ref(&x), 1));
    let paths = ["model.so", "model.o", "model.a", "model.h"].map(|name| folder.path().join(name));
    write(module, &Target::x86_64_v3(), &paths.each_ref().map(|p| p.as_path()));
    for link in ["model.o", "model.a", "model.so"] {
        assert_eq!(
            Toolchain::HOST.link(folder.path(), link).bits(std::slice::from_ref(&x)),
            wanted,
            "{link}"
        );
    }
}
