//! What tests of compiled graphs share: a text graph through plan, check and both emitters.

use cnnc_codegen::plan::{check::check, plan, print};
use cnnc_codegen::{Origin, Target, jit};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::ops::Init;
use cnnc_ir::{Module, Tensor, Type, text};
use cnnc_runtime::Workspace;

/// Seeded values of a type.
fn random(ty: &Type, seed: u64) -> Tensor {
    Init::Rand { seed, min: -1.0, max: 1.0 }.tensor(ty).unwrap()
}

fn run(module: &Module, target: &Target, inputs: &[Tensor]) -> Vec<Vec<f32>> {
    let program = plan(module, target).unwrap_or_else(|e| panic!("{e:?}"));
    check(&program).unwrap_or_else(|e| panic!("{e}\n{}", print(&program)));
    let origin = Origin { name: "test".into(), ..Origin::default() };
    let model = jit(module, &program, target, &origin).unwrap();
    let mut workspace = Workspace::new(&model, 1).unwrap();
    workspace.bytes_mut().fill(0xFF);
    let mut outputs: Vec<Vec<f32>> =
        model.outputs().iter().map(|t| vec![f32::NAN; t.bytes as usize / 4]).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(|t| t.slice::<f32>()).collect();
    let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(|o| &mut o[..]).collect();
    model.run_f32(&inputs, &mut slices, &mut workspace).unwrap();
    outputs
}

/// Both emitters give the same bits, close to the evaluation in f64.
pub(crate) fn agree(graph: &str) {
    let module = text::parse(graph).unwrap_or_else(|e| panic!("{e}\n{graph}"));
    let inputs: Vec<Tensor> = module
        .graph
        .inputs()
        .iter()
        .enumerate()
        .map(|(i, &id)| random(module.graph.ty(id), 100 + i as u64))
        .collect();
    let wanted = evaluate(&module, &inputs, Precision::F64).unwrap();
    let fast = run(&module, &Target::x86_64_v3(), &inputs);
    let slow = run(&module, &Target::clif(), &inputs);
    let bits = |o: &[Vec<f32>]| -> Vec<u32> { o.iter().flatten().map(|x| x.to_bits()).collect() };
    for (want, got) in wanted.iter().zip(&fast) {
        let want = want.slice::<f64>();
        assert_eq!(want.len(), got.len());
        let scale = want.iter().fold(1e-30, |m: f64, x| m.max(x.abs()));
        for (i, (w, g)) in want.iter().zip(got).enumerate() {
            assert!((w - f64::from(*g)).abs() <= 1e-5 * scale, "element {i}: {g}, wanted {w}\n{graph}");
        }
    }
    assert_eq!(bits(&fast), bits(&slow), "emitters differ\n{graph}");
}
