//! The same bits for every number of threads and every form of a model; the same bytes for every compilation; no byte
//! touched outside the buffers; nothing needed from outside the library.

use cnnc_codegen::Target;
use cnnc_ir::ops::Init;
use cnnc_ir::{Module, Tensor};
use cnnc_runtime::{Model, Workspace};
use cnnc_tests::compiled::{bits, jit, run, run_in, write};
use cnnc_tests::guarded::{Tight, run_guarded};
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
        let library = folder.path().join(format!("{name}.so"));
        write(module, &Target::x86_64_v3(), &[&library]);
        let nm = |flag: &str| -> String {
            let output = Command::new("nm").args(["-D", flag]).arg(&library).output().unwrap();
            assert!(output.status.success(), "nm: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(nm("--undefined-only"), "", "{name} needs symbols from outside");
        assert_eq!(nm("--defined-only").lines().count(), 2, "{name}: {}", nm("--defined-only"));
        let output = Command::new("readelf").arg("-d").arg(&library).output().unwrap();
        let dynamic = String::from_utf8(output.stdout).unwrap();
        assert!(
            dynamic.contains("SONAME") && !dynamic.contains("NEEDED") && !dynamic.contains("TEXTREL"),
            "{dynamic}"
        );
    });
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
    let at = |name: &str| folder.path().join(name);
    let Some(mnist) = shared("mnist-8") else { return };
    let module = import(&mnist.join("model.onnx"), 1);
    let ty = module.graph.ty(module.graph.inputs()[0]).clone();
    let x = Init::Rand { seed: 7, min: 0.0, max: 255.0 }.tensor(&ty).unwrap();
    let wanted = bits(&run(&jit(module.clone(), &Target::x86_64_v3()), std::slice::from_ref(&x), 1));
    let paths = ["digits.so", "digits.o", "digits.a", "digits.h"].map(at);
    write(module, &Target::x86_64_v3(), &paths.each_ref().map(|p| p.as_path()));
    let bytes: Vec<u8> = x.slice::<f32>().iter().flat_map(|f| f.to_le_bytes()).collect();
    std::fs::write(at("x.f32"), bytes).unwrap();
    std::fs::write(at("main.c"), C_PROGRAM).unwrap();
    for link in ["digits.o", "digits.a", "digits.so"] {
        let program = at(&format!("{link}.out"));
        let cc = |args: &[&Path]| {
            let mut command = Command::new("cc");
            command.args(["-O1", "-Wall", "-Werror", "-I"]).arg(folder.path());
            command.arg(at("main.c")).args(args).arg("-o").arg(&program).arg("-Wl,-rpath,$ORIGIN");
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        cc(&[&at(link)]);
        let output = Command::new(&program).arg(at("x.f32")).output().unwrap();
        assert!(output.status.success(), "{link}: {output:?}");
        let got: Vec<u32> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|l| u32::from_str_radix(l, 16).unwrap())
            .collect();
        assert_eq!(got, wanted, "{link}");
    }
}

const C_PROGRAM: &str = r#"
#include "digits.h"
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    static float x[28 * 28], y[10];
    FILE *f = fopen(argv[argc - 1], "rb");
    if (!f || fread(x, sizeof x, 1, f) != 1) return 2;
    const cnnc_model *m = digits_model();
    const void *inputs[] = {x};
    void *outputs[] = {y};
    cnnc_call call = {sizeof call, 0, inputs, outputs};
    call.workspace_bytes = m->arena_bytes + m->scratch_bytes;
    call.workspace = aligned_alloc(m->workspace_align, call.workspace_bytes + m->workspace_align);
    int status = m->run(m, &call);
    if (status) return 10 + status;
    for (int i = 0; i < 10; i++) {
        union { float f; unsigned u; } word = {y[i]};
        printf("%08x\n", word.u);
    }
    return 0;
}
"#;
