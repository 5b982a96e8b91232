//! What tests of compiled graphs share: a text graph through plan, check and both emitters.

use cnnc_codegen::plan::{check::check, plan, print};
use cnnc_codegen::{Origin, Target, jit};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::ops::Init;
use cnnc_ir::{DType, Module, Tensor, Type, text};
use cnnc_runtime::Workspace;

/// Seeded values of a type.
fn random(ty: &Type, seed: u64) -> Tensor {
    Init::Rand { seed, min: -1.0, max: 1.0 }.tensor(ty).unwrap()
}

fn run(module: &Module, target: &Target, inputs: &[Tensor], threads: u32) -> Vec<Vec<f32>> {
    let program = plan(module, target).unwrap_or_else(|e| panic!("{e:?}"));
    check(&program).unwrap_or_else(|e| panic!("{e}\n{}", print(&program)));
    let origin = Origin { name: "test".into(), ..Origin::default() };
    let model = jit(module, &program, target, &origin).unwrap();
    let mut workspace = Workspace::new(&model, threads).unwrap();
    workspace.bytes_mut().fill(0xFF);
    let mut outputs: Vec<Vec<f32>> = model.outputs().iter().map(|t| vec![f32::NAN; t.bytes / 4]).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(|t| t.slice::<f32>()).collect();
    let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(|o| &mut o[..]).collect();
    model.run_f32(&inputs, &mut slices, &mut workspace).unwrap();
    outputs
}

/// Both emitters, and one thread and three, give the same bits, close to the evaluation in f64.
#[allow(dead_code, reason = "not every test has operators that round")]
pub(crate) fn agree(graph: &str) {
    compare(graph, 1e-5, |x| x, |w| w);
}

/// Of inputs and weights that are small integers, both emitters give what the evaluation in f64 does, rounded once.
#[allow(dead_code, reason = "not every test has operators that are exact")]
pub(crate) fn exact(graph: &str) {
    compare(graph, 0.0, |x| (x * 50.0).round(), |w| (w * 4.0).round());
}

/// `tolerance` is relative to the greatest element of an output; inputs in -1..1 go through `input`,
/// weights through `weight`.
fn compare(graph: &str, tolerance: f64, input: fn(f32) -> f32, weight: fn(f32) -> f32) {
    let mut module = text::parse(graph).unwrap_or_else(|e| panic!("{e}\n{graph}"));
    let through = |x: &Tensor, f: fn(f32) -> f32| {
        Tensor::of(x.shape(), x.slice::<f32>().iter().map(|&x| f(x)).collect())
    };
    for id in module.graph.order().to_vec() {
        if module.graph[id].is_const() && module.graph.ty(id).dtype == DType::F32 {
            let weights = through(&module.value(id).unwrap().unwrap(), weight);
            module.set_constant(id, weights.into()).unwrap();
        }
    }
    let inputs: Vec<Tensor> = module
        .graph
        .inputs()
        .iter()
        .enumerate()
        .map(|(i, &id)| through(&random(module.graph.ty(id), 100 + i as u64), input))
        .collect();
    let wanted = evaluate(&module, &inputs, Precision::F64).unwrap();
    let fast = run(&module, &Target::x86_64_v3(), &inputs, 1);
    let shared = run(&module, &Target::x86_64_v3(), &inputs, 3);
    let slow = run(&module, &Target::clif(), &inputs, 1);
    let bits = |o: &[Vec<f32>]| -> Vec<u32> { o.iter().flatten().map(|x| x.to_bits()).collect() };
    for (want, got) in wanted.iter().zip(&fast) {
        let want = want.slice::<f64>();
        assert_eq!(want.len(), got.len());
        let scale = want.iter().fold(1e-30, |m: f64, x| m.max(x.abs()));
        for (i, (w, g)) in want.iter().zip(got).enumerate() {
            let error = (f64::from(*w as f32) - f64::from(*g)).abs();
            assert!(error <= tolerance * scale, "element {i}: {g}, wanted {w}\n{graph}");
        }
    }
    assert_eq!(bits(&fast), bits(&slow), "emitters differ\n{graph}");
    assert_eq!(bits(&fast), bits(&shared), "one thread and three differ\n{graph}");
}
