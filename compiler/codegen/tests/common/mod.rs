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

/// Both emitters give the same bits for these inputs, and what the evaluation in f64 gives, each element within so many
/// units of the last place of f32; NaN where that is one, zeros of the same sign.
#[allow(dead_code, reason = "not every test has operators that are element-wise")]
pub(crate) fn close(graph: &str, inputs: &[&[f32]], ulps: f64) {
    let module = text::parse(graph).unwrap_or_else(|e| panic!("{e}\n{graph}"));
    let shape = |id| &module.graph.ty(id).shape;
    let tensors: Vec<Tensor> =
        module.graph.inputs().iter().zip(inputs).map(|(&id, x)| Tensor::of(shape(id), x.to_vec())).collect();
    let wanted = evaluate(&module, &tensors, Precision::F64).unwrap();
    let fast = run(&module, &Target::x86_64_v3(), &tensors, 1);
    let slow = run(&module, &Target::clif(), &tensors, 1);
    for ((want, fast), slow) in wanted.iter().zip(&fast).zip(&slow) {
        let want = want.slice::<f64>();
        assert!(!want.is_empty() && want.len() == fast.len());
        for (i, &want) in want.iter().enumerate() {
            let (got, other) = (fast[i], slow[i]);
            let operands: Vec<f32> = inputs.iter().filter_map(|x| x.get(i).copied()).collect();
            let about = || format!("element {i}, of {operands:?}: {got} and {other}, wanted {want}\n{graph}");
            if want.is_nan() {
                assert!(got.is_nan() && other.is_nan(), "{}", about());
                continue;
            }
            assert_eq!(got.to_bits(), other.to_bits(), "{}", about());
            let nearest = want as f32;
            let last_place = f64::from(nearest.abs().next_up()) - f64::from(nearest.abs());
            let near = f64::from((got - nearest).abs()) <= ulps * last_place || got == nearest;
            assert!(near && (got != 0.0 || got.is_sign_negative() == want.is_sign_negative()), "{}", about());
        }
    }
}
