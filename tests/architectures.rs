//! The built-in networks compile, run and agree with the evaluator; their values keep a sane scale.
//!
//! Each network at a small picture, those of `FULL` at the paper's; `CNNC_FULL_SIZE=1` takes the paper's for all.

use cnnc_codegen::Target;
use cnnc_frontends::arch::{Arch, ArchOptions, list};
use cnnc_ir::eval::{Precision, evaluate_with};
use cnnc_ir::ops::{Init, Op};
use cnnc_ir::{Module, Tensor};
use cnnc_tests::compiled::{jit, run};

/// One network of each family that is small enough for every run.
const FULL: &[&str] = &["lenet5", "lenet5-relu", "alexnet", "resnet18", "resnet20", "squeezenet1.1"];

/// The smallest picture that suits a network, or nearly.
fn small(arch: &Arch) -> usize {
    match arch.name {
        _ if arch.size <= 32 => arch.size,
        "alexnet" | "alexnet-torchvision" | "zfnet" | "nin" => 67,
        // Smaller ones leave maps of one pixel, whose padded means are nearly zero.
        "inception-v3" => 139,
        "inception-v4" => 75,
        name if name.starts_with("vgg") => 32,
        _ => 64,
    }
}

fn picture(module: &Module) -> Tensor {
    let ty = module.graph.ty(module.graph.inputs()[0]);
    // Of the scale of a normalised picture: a deviation of 1.
    Init::Rand { seed: 7, min: -1.7, max: 1.7 }.tensor(ty).unwrap()
}

fn rms(x: &[f64]) -> f64 {
    (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt()
}

/// The outputs in f64, and what is wrong with the scale of a value.
fn evaluated(module: &Module, x: &Tensor) -> (Vec<Tensor>, Vec<String>) {
    let mut wrong = Vec::new();
    let outputs = evaluate_with(module, std::slice::from_ref(x), Precision::F64, |id, value| {
        let node = &module.graph[id];
        let is_activation = !matches!(node.op(), Op::Const(_) | Op::Input(_));
        let scale = rms(&value.data().to_f64());
        if is_activation && !(0.05..=20.0).contains(&scale) {
            wrong.push(format!("%{} has RMS {scale:.3}", node.name()));
        }
    })
    .unwrap();
    (outputs, wrong)
}

fn deviation(x: &[f64]) -> f64 {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    rms(&x.iter().map(|x| x - mean).collect::<Vec<f64>>())
}

#[test]
fn networks_agree_with_the_evaluator() {
    let full = std::env::var_os("CNNC_FULL_SIZE").is_some();
    let only = std::env::var("CNNC_NETWORK").ok();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for arch in list().iter().filter(|a| only.as_deref().is_none_or(|name| name == a.name)) {
        let size = if full || FULL.contains(&arch.name) { arch.size } else { small(arch) };
        let module = arch.build(&ArchOptions { size: Some(size), ..ArchOptions::default() }).unwrap();
        let x = picture(&module);
        let (wanted, scales) = evaluated(&module, &x);
        wrong.extend(scales.into_iter().map(|s| format!("{}: {s}", arch.name)));
        let wanted = wanted[0].data().to_f64();
        let spread = deviation(&wanted);
        if !(0.1..=10.0).contains(&spread) {
            wrong.push(format!("{}: scores deviate by {spread:.3}", arch.name));
        }
        let got = &run(&jit(module, &Target::x86_64_v3()), &[x], 2)[0];
        assert_eq!(got.len(), wanted.len(), "{}", arch.name);
        let error: Vec<f64> = got.iter().zip(&wanted).map(|(g, w)| f64::from(*g) - w).collect();
        let relative = rms(&error) / rms(&wanted);
        // Not a number must not pass.
        if relative > 1e-5 || relative.is_nan() {
            wrong.push(format!("{}: relative L2 {relative:.1e}", arch.name));
        }
        compared += 1;
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(compared == list().len() || only.is_some());
}
