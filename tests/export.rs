//! Networks written as ONNX: they compile to the same bytes as before, and onnxruntime computes what we do.

use cnnc_codegen::Target;
use cnnc_frontends::onnx;
use cnnc_ir::ops::Init;
use cnnc_ir::{Module, Tensor};
use cnnc_tests::compiled::{jit, run, write};
use cnnc_tests::models::{difference, import, shared};
use cnnc_tests::onnxruntime;
use std::path::Path;

/// Export, import and compile give the bytes that compiling gives, and the numbers of onnxruntime.
fn survives(name: &str, module: Module) {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let (first, second) = (at("first"), at("second"));
    std::fs::create_dir(&first).unwrap();
    std::fs::create_dir(&second).unwrap();
    onnx::export_file(&module, &at("net.onnx")).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
    let again = import(&at("net.onnx"), 1);
    let target = Target::x86_64_v3();
    let library = |module: Module, folder: &Path| {
        write(module, &target, &[&folder.join("net.so")]);
        std::fs::read(folder.join("net.so")).unwrap()
    };
    assert!(library(module.clone(), &first) == library(again, &second), "{name}: the bytes differ");

    let input = |(seed, &id)| {
        let init = Init::Rand { seed, min: -1.0, max: 1.0 };
        init.tensor(module.graph.ty(id)).unwrap()
    };
    let inputs: Vec<Tensor> = (1..).zip(module.graph.inputs()).map(input).collect();
    let Some(wanted) = onnxruntime::run(&at("net.onnx"), &inputs) else { return };
    let got = run(&jit(module, &target), &inputs, 2);
    assert_eq!(got.len(), wanted.len(), "{name}: outputs");
    for (wanted, got) in wanted.iter().zip(&got) {
        let d = difference(wanted.slice::<f32>(), got);
        assert!(d <= 1e-4, "{name}: {d:e} of the largest output");
    }
}

macro_rules! imported {
    ($($test:ident $name:literal,)*) => { $(
        #[test]
        fn $test() {
            if let Some(folder) = shared($name) {
                survives($name, import(&folder.join("model.onnx"), 1));
            }
        }
    )* };
}

imported! {
    mnist_8 "mnist-8",
    mnist_mlp_dynbatch "mnist-mlp-dynbatch",
    resnet20_cifar10 "resnet20_cifar10",
    squeezenet_v1_1 "squeezenet_v1.1",
    mobilenet_v2 "mobilenet_v2_1.0_224-float",
    super_resolution "super-resolution-10",
    ultraface "ultraface-slim-320-simplified",
}
