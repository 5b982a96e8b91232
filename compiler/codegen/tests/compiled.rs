//! Compiled graphs against the evaluator, by both emitters.

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
fn agree(graph: &str) {
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

fn conv(x: &str, w: &str, y: &str, attrs: &str) {
    agree(&format!(
        "graph @g(%x: f32[{x}]) {{\n  %w: f32[{w}] = const rand(1)\n  %b: f32[{}] = const rand(2)\n  \
         %y: f32[{y}] = conv %x, %w, %b{attrs} |> relu\n  return %y\n}}\n",
        w.split(',').next().unwrap()
    ));
}

#[test]
fn convolutions() {
    conv("1,1,5,5", "8,1,3,3", "1,8,5,5", ", pad=1");
    conv("1,3,9,11", "5,3,3,3", "1,5,9,11", ", pad=1");
    conv("2,16,8,8", "24,16,3,3", "2,24,8,8", ", pad=1");
    conv("1,17,7,7", "19,17,1,1", "1,19,7,7", "");
    conv("1,8,14,14", "32,8,5,5", "1,32,7,7", ", stride=2, pad=2");
    conv("1,8,14,14", "40,8,3,3", "1,40,14,14", ", pad=2, dilation=2");
    conv("1,16,6,6", "16,8,3,3", "1,16,6,6", ", pad=1, groups=2");
    conv("1,8,40,40", "64,8,1,1", "1,64,40,40", "");
}

#[test]
fn residual_and_products() {
    agree(
        "graph @g(%x: f32[1,8,6,6]) {\n  %w: f32[8,8,3,3] = const rand(1)\n  \
         %a: f32[1,8,6,6] = conv %x, %w, pad=1 |> relu\n  %v: f32[8,8,3,3] = const rand(2)\n  \
         %y: f32[1,8,6,6] = conv %a, %v, pad=1 |> add %a |> relu\n  return %y\n}\n",
    );
    agree(
        "graph @g(%x: f32[5,30]) {\n  %w: f32[30,21] = const rand(1)\n  %c: f32[21] = const rand(3)\n  \
         %y: f32[5,21] = gemm %x, %w, %c |> relu\n  %z: f32[1,105] = reshape %y, shape=[1,105]\n  \
         %v: f32[10,105] = const rand(4)\n  %o: f32[1,10] = gemm %z, %v, trans_b=true\n  return %o, %y\n}\n",
    );
    agree(
        "graph @g(%a: f32[2,3,5,7], %b: f32[3,7,11]) {\n  %y: f32[2,3,5,11] = matmul %a, %b\n  return %y\n}\n",
    );
}

#[test]
fn maps() {
    agree(
        "graph @g(%x: f32[2,3,5,7]) {\n  %b: f32[3,1,1] = const rand(1)\n  %c: f32[7] = const rand(2)\n  \
         %y: f32[2,3,5,7] = add %x, %b |> mul %c |> relu\n  %z: f32[2,3,5,7] = sub %b, %y\n  return %z, %y\n}\n",
    );
}
