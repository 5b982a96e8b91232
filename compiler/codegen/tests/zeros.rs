//! Products that leave out the terms of zeros give what all terms give.

mod common;

use cnnc_codegen::Target;
use cnnc_codegen::kernels::Spec;
use cnnc_codegen::plan::{Program, Topic};
use cnnc_ir::{Module, Tensor, text};
use common::{checked, exact, run_program};

/// The product of a vector of `k` whole numbers from -50 to 50, those up to `floor` made zero, and a matrix.
fn graph(k: usize, n: usize, floor: i32) -> String {
    format!(
        "graph @g(%x: f32[1,{k}]) {{\n  %f: f32[] = const [{floor}]\n  %a: f32[1,{k}] = sub %x, %f |> relu\n  \
         %w: f32[{n},{k}] = const rand(3)\n  %b: f32[{n}] = const rand(4)\n  \
         %y: f32[1,{n}] = gemm %a, %w, %b, trans_b=true |> relu\n  return %y\n}}\n"
    )
}

/// Whether a program has a product that takes its terms from a list.
fn has_list(program: &Program) -> bool {
    let mut kernels = program.steps.iter().flat_map(|step| step.calls()).map(|call| &call.kernel);
    kernels.any(|kernel| matches!(kernel, Spec::Product(product) if product.list.is_some()))
}

#[test]
fn any_share_of_zeros_gives_the_same() {
    // Whole blocks of terms and a rest, whole panels, narrower ones, and a last vector that is not full.
    for (k, n) in [(512, 256), (1031, 131), (1000, 264), (2050, 65), (70, 1900)] {
        // None is zero, half are, most are, nearly all are, all are.
        for floor in [-51, 0, 30, 48, 51] {
            let graph = graph(k, n, floor);
            assert!(has_list(&checked(&text::parse(&graph).unwrap(), &Target::x86_64_v3())), "{graph}");
            exact(&graph);
        }
    }
}

#[test]
fn what_is_no_zero_counts() {
    let (k, n) = (515, 263);
    let module = text::parse(&format!(
        "graph @g(%x: f32[1,{k}]) {{\n  %w: f32[{k},{n}] = const rand(3)\n  \
         %y: f32[1,{n}] = matmul %x, %w\n  return %y\n}}\n"
    ))
    .unwrap();
    let all = Target { without: vec![Topic::Zeros], ..Target::x86_64_v3() };
    let of = |module: &Module, target: &Target, x: &[f32]| {
        let x = Tensor::of(&module.graph.ty(module.graph.inputs()[0]).shape, x.to_vec());
        run_program(module, &checked(module, target), target, &[x], 1)[0].slice::<f32>().to_vec()
    };
    assert!(has_list(&checked(&module, &Target::x86_64_v3())) && !has_list(&checked(&module, &all)));
    for special in [0.0, -0.0, f32::MIN_POSITIVE / 4.0, 1e-45, -1e-45, f32::INFINITY, f32::NAN] {
        for place in [0, 7, 8, 511, 512, 514] {
            let mut x = vec![0.0; k];
            (x[100], x[place]) = (0.5, special);
            let (listed, wanted) = (of(&module, &Target::x86_64_v3(), &x), of(&module, &all, &x));
            let bits = |y: &[f32]| y.iter().map(|y| y.to_bits()).collect::<Vec<_>>();
            let is_nan = wanted.iter().all(|y| y.is_nan());
            assert!(
                bits(&listed) == bits(&wanted) || is_nan && listed.iter().all(|y| y.is_nan()),
                "{special} at {place}"
            );
            let counts = if special == 0.0 { 0.0 } else { special };
            assert_eq!(wanted.iter().any(|y| y.is_nan()), counts.is_nan(), "{special} at {place}");
        }
    }
}

#[test]
fn nothing_is_left_out_where_it_may_count_or_does_not_pay() {
    let (dense, unsafe_weights, few) =
        ("nothing says that there are zeros in the vector", "some weights are not finite", "");
    let cases = [
        ("relu %x", 0.5, 512, None),
        ("identity %x |> clip min=0, max=6", 0.5, 512, None),
        ("identity %x", 0.5, 512, None),
        ("sigmoid %x", 0.5, 512, Some(dense)),
        ("relu %x", f32::INFINITY, 512, Some(unsafe_weights)),
        ("relu %x", f32::NAN, 512, Some(unsafe_weights)),
        ("relu %x", 0.5, 100, Some(few)),
    ];
    for (before, weight, outputs, why_not) in cases {
        let mut module = text::parse(&format!(
            "graph @g(%x: f32[1,512]) {{\n  %a: f32[1,512] = {before}\n  %w: f32[512,{outputs}] = const rand(3)\n  \
             %y: f32[1,{outputs}] = gemm %a, %w\n  return %y\n}}\n"
        ))
        .unwrap();
        let matrix = module.graph.order().iter().copied().find(|&id| module.graph[id].is_const()).unwrap();
        let mut weights = vec![1.0; 512 * outputs];
        weights[512 * outputs - 1] = weight;
        let weights = Tensor::of(&module.graph.ty(matrix).shape, weights);
        module.set_constant(matrix, weights.into()).unwrap();
        let program = checked(&module, &Target::x86_64_v3());
        let mut told = program.decisions.iter().filter(|decision| decision.topic == Topic::Zeros);
        let why = told.next().and_then(|decision| decision.outcome.clone().err());
        assert_eq!(why.as_deref(), why_not.filter(|why| !why.is_empty()), "{before}, {weight}");
        assert_eq!(has_list(&program), why_not.is_none(), "{before}, {weight}");
    }
}
