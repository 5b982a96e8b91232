//! Networks written as ONNX: they compile to the same bytes as before, and onnxruntime computes what we do.
//!
//! Built-in networks are small here; all of them at their size, or that of `CNNC_NETWORK`, are an ignored test.

use cnnc_codegen::Target;
use cnnc_frontends::arch::{self, ArchOptions};
use cnnc_frontends::onnx;
use cnnc_ir::ops::Init;
use cnnc_ir::{Module, Tensor};
use cnnc_tests::compiled::{jit, run, write};
use cnnc_tests::count::say;
use cnnc_tests::models::{difference, import, shared};
use cnnc_tests::onnxruntime;
use std::path::Path;

/// Export, import and compile give the bytes that compiling gives, and the numbers of onnxruntime: how near these are,
/// in units of the largest output, if there is an onnxruntime.
fn survives(name: &str, module: Module) -> Option<f64> {
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
    let wanted = onnxruntime::run(&at("net.onnx"), &inputs)?;
    let got = run(&jit(module, &target), &inputs, 2);
    assert_eq!(got.len(), wanted.len(), "{name}: outputs");
    let d = wanted.iter().zip(&got).map(|(w, g)| difference(w.slice::<f32>(), g)).fold(0.0, f64::max);
    assert!(d <= 1e-5, "{name}: {d:e} of the largest output");
    Some(d)
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

/// A built-in network for pictures of that size.
fn built_in(name: &str, size: Option<usize>) -> Option<f64> {
    let arch = arch::find(name).unwrap_or_else(|| panic!("no {name}"));
    let module = arch.build(&ArchOptions { size, ..ArchOptions::default() });
    survives(name, module.unwrap_or_else(|error| panic!("{error}")))
}

macro_rules! built_in {
    ($($test:ident $name:literal $size:expr,)*) => { $(
        #[test]
        fn $test() {
            built_in($name, $size);
        }
    )* };
}

// One network of each family, small where it may be.
built_in! {
    lenet5 "lenet5" None,
    alexnet "alexnet" Some(67),
    zfnet "zfnet" Some(67),
    vgg11 "vgg11" Some(32),
    nin_cifar "nin-cifar" None,
    googlenet "googlenet" Some(64),
    googlenet_bn "googlenet-bn" Some(64),
    inception_v3 "inception-v3" Some(75),
    inception_v4 "inception-v4" Some(75),
    resnet18 "resnet18" Some(64),
    resnet50 "resnet50" Some(64),
    resnet110_sd "resnet110-sd" None,
    preresnet50 "preresnet50" Some(64),
    wrn_28_10 "wrn-28-10" Some(8),
    resnext50 "resnext50-32x4d" Some(64),
    seresnet50 "seresnet50" Some(64),
    densenet121 "densenet121" Some(64),
    fractalnet "fractalnet" None,
    squeezenet "squeezenet1.1" Some(64),
}

#[test]
#[ignore = "takes minutes and gigabytes: `cargo test -p cnnc-tests --test export -- --ignored --nocapture`"]
fn every_built_in_network_at_its_size() {
    let only = std::env::var("CNNC_NETWORK").ok();
    for arch in arch::list().iter().filter(|a| only.as_deref().is_none_or(|name| name == a.name)) {
        if let Some(d) = built_in(arch.name, None) {
            say(&format!("{}: {d:.1e} of the largest output", arch.name));
        }
    }
}
