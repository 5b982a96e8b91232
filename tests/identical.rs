//! The same bits for every number of threads and every form of the default target; the same bytes for every
//! compilation.

use cnnc_codegen::Target;
use cnnc_ir::ops::Init;
use cnnc_ir::{Module, Tensor};
use cnnc_runtime::{Model, Workspace};
use cnnc_tests::compiled::{bits, jit, run, run_in, write};
use cnnc_tests::linked::Toolchain;
use cnnc_tests::models::{import, shared};

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
        let Some(folder) = shared(name) else { continue };
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
        for threads in 2..=8 {
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

/// A C program linked with the object, the archive and the shared library gives the bits of the JIT, also one whose
/// memory and arithmetic are watched.
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
    for toolchain in [Toolchain::HOST, Toolchain::SANITIZED] {
        for link in ["model.o", "model.a", "model.so"] {
            let got = toolchain.link(folder.path(), link).bits(std::slice::from_ref(&x));
            assert_eq!(got, wanted, "{link} {:?}", toolchain.flags);
        }
    }
}
