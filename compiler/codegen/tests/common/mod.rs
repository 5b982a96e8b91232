//! What tests of compiled graphs share: a text graph through plan, check and all ways to code.

use cnnc_codegen::kernels::Spec;
use cnnc_codegen::kernels::winograd::Transform;
use cnnc_codegen::plan::{Goal, Program, check::check, plan, print};
use cnnc_codegen::{Machine, Origin, Target, Watch, artifact, jit_watched, pack};
use cnnc_ir::eval::{Precision, evaluate, evaluate_with};
use cnnc_ir::ops::Init;
use cnnc_ir::{DType, Data, Module, NodeId, Op, Tensor, Type, text};
use std::collections::HashMap;
use std::io::Write;
use std::sync::Once;

#[allow(dead_code, unreachable_pub, reason = "the tests of whole networks use more of it")]
#[path = "../../../../tests/src/guarded.rs"]
mod guarded;
#[allow(dead_code, reason = "not every test has convolutions that are transformed")]
mod winograd;

/// Seeded values of a type: reals in -1..1, integers of two digits.
fn random(ty: &Type, seed: u64) -> Tensor {
    let uniform = |min, max, ty: &Type| Init::Rand { seed, min, max }.tensor(ty).unwrap();
    match ty.dtype {
        DType::Bool => uniform(0.0, 2.0, &ty.with_dtype(DType::I8)).cast(ty.dtype),
        dtype if dtype.is_float() => uniform(-1.0, 1.0, ty),
        _ => uniform(-100.0, 100.0, ty),
    }
}

pub(crate) fn checked(module: &Module, target: &Target) -> Program {
    let program = plan(module, target).unwrap_or_else(|e| panic!("{e:?}"));
    check(&program).unwrap_or_else(|e| panic!("{e}\n{}", print(&program)));
    program
}

fn run(module: &Module, target: &Target, inputs: &[Tensor], threads: u32) -> Vec<Tensor> {
    run_program(module, &checked(module, target), target, inputs, threads)
}

/// How a module is planned for a target.
type Plan<'a> = &'a dyn Fn(&Module, &Target) -> Program;

/// Runs a program that has the inputs and outputs of a module, between inaccessible pages and over garbage.
pub(crate) fn run_program(
    module: &Module,
    program: &Program,
    target: &Target,
    inputs: &[Tensor],
    threads: u32,
) -> Vec<Tensor> {
    run_watched(module, program, target, inputs, threads, &mut ())
}

/// As [`run_program`]; somebody sees the code before it is compiled.
pub(crate) fn run_watched(
    module: &Module,
    program: &Program,
    target: &Target,
    inputs: &[Tensor],
    threads: u32,
    watch: &mut dyn Watch,
) -> Vec<Tensor> {
    let origin = Origin { name: "test".into(), ..Origin::default() };
    let model = jit_watched(module, program, target, &origin, watch).unwrap();
    guarded::run_both_ends(&model, inputs, threads).unwrap()
}

/// Both emitters, with wide vectors and without, and one thread and three, give the same bits, close to the evaluation
/// in f64.
#[allow(dead_code, reason = "not every test has operators that round")]
pub(crate) fn agree(graph: &str) {
    agree_by(graph, &Target::x86_64_v3(), &checked);
}

/// As [`agree`], of the plan that takes the least memory.
#[allow(dead_code, reason = "not every test is about memory")]
pub(crate) fn agree_small(graph: &str) {
    agree_by(graph, &Target { goal: Goal::Memory, ..Target::x86_64_v3() }, &checked);
}

/// As [`agree`], of a plan for targets with the goal of that one.
#[allow(dead_code, reason = "not every test is about plans")]
pub(crate) fn agree_by(graph: &str, target: &Target, plan: Plan) {
    compare(graph, 1e-5, target, plan, |x| x, |w| w);
}

/// As [`agree`], and each element of the first output within its own bound, where that is a transformed convolution.
#[allow(dead_code, reason = "not every test has convolutions that are transformed")]
pub(crate) fn within_bounds(graph: &str) {
    within_bounds_of(graph, &Target::x86_64_v3());
}

/// As [`within_bounds`], for targets that choose algorithms as that one; answers the transform.
#[allow(dead_code, reason = "not every test has convolutions that are transformed")]
pub(crate) fn within_bounds_of(graph: &str, target: &Target) -> Option<Transform> {
    let (case, got) = compare(graph, 1e-5, target, &checked, |x| x, |w| w);
    let (transform, bounds) = case.bounds(&checked(&case.module, target))?;
    assert_eq!(case.outside(&got, &bounds), 0, "elements out of their bounds\n{graph}");
    Some(transform)
}

/// A graph, what goes into it, and what must come out.
pub(crate) struct Case {
    pub module: Module,
    pub inputs: Vec<Tensor>,
    pub wanted: Vec<Tensor>,
}

impl Case {
    /// Inputs in -1..1 go through `input`, weights through `weight`.
    pub(crate) fn of(graph: &str, input: fn(f32) -> f32, weight: fn(f32) -> f32) -> Case {
        let mut module = text::parse(graph).unwrap_or_else(|e| panic!("{e}\n{graph}"));
        let through = |x: &Tensor, f: fn(f32) -> f32| match x.data() {
            Data::F32(elements) => Tensor::of(x.shape(), elements.iter().map(|&x| f(x)).collect()),
            _ => x.clone(),
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
        Case { module, inputs, wanted }
    }

    /// How far each element of the first output may be off, and by which transform it is computed; `None`: it is no
    /// convolution, a pipe follows it, or it is direct. What it is computed from must be exact.
    #[allow(dead_code, reason = "not every test has convolutions that are transformed")]
    pub(crate) fn bounds(&self, program: &Program) -> Option<(Transform, Vec<f64>)> {
        let graph = &self.module.graph;
        let y = graph.outputs()[0];
        let Op::Conv(conv) = graph[y].op() else { return None };
        let mut calls = program.steps.iter().flat_map(|step| step.calls());
        let transform = calls.find_map(|call| match &call.kernel {
            Spec::WinogradInput(input) => Some(input.transform),
            _ => None,
        })?;
        if graph[y].stages().len() > 0 {
            return None;
        }
        let mut values: HashMap<NodeId, Tensor> = HashMap::new();
        let observe = |id, value: &Tensor| drop(values.insert(id, value.clone()));
        evaluate_with(&self.module, &self.inputs, Precision::F64, observe).unwrap();
        let operands = graph.operands(y);
        let exact = matches!(graph[operands[0]].op(), Op::Input(_) | Op::MaxPool(_) | Op::Identity(_));
        assert!(exact, "%{} is rounded", graph[operands[0]].name());
        let operands: Vec<&Tensor> = operands.iter().map(|id| &values[id]).collect();
        let shape = [0, 1, 2, 3].map(|d| graph.ty(y).dims()[d]);
        let bias = operands.get(2).copied();
        Some((transform, winograd::bounds(transform, conv, operands[0], operands[1], bias, shape)))
    }

    /// How many elements of the first output are further off than they may be.
    #[allow(dead_code, reason = "not every test has convolutions that are transformed")]
    pub(crate) fn outside(&self, got: &[Tensor], bounds: &[f64]) -> usize {
        let (wanted, got) = (self.wanted[0].data().to_f64(), got[0].data().to_f64());
        assert!(wanted.len() == bounds.len() && got.len() == bounds.len());
        let within = |((w, g), bound): &((&f64, &f64), &f64)| (*w - *g).abs() <= **bound;
        bounds.len() - wanted.iter().zip(&got).zip(bounds).filter(within).count()
    }
}

/// Says once where there are no wide vectors to run.
fn says_what_is_left_out() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if !Machine::host_is_wide() {
            let _ = writeln!(
                std::io::stderr(),
                "skipped: this machine has no AVX-512, so no code with wide vectors"
            );
        }
    });
}

/// Of the Arm: what runs there is held against these results elsewhere; that there is code, its frames small, is seen
/// here.
fn has_code(module: &Module, target: &Target, plan: Plan) {
    let program = plan(module, target);
    let weights = pack(&program).unwrap();
    artifact(module, &program, &weights, target, &Origin { name: "test".into(), ..Origin::default() })
        .unwrap_or_else(|e| panic!("{e} on {}", target.name()));
}

/// Of inputs and weights that are small integers, both emitters give what the evaluation in f64 does, rounded once.
/// Convolutions are direct: transforms round.
#[allow(dead_code, reason = "not every test has operators that are exact")]
pub(crate) fn exact(graph: &str) {
    exact_for(graph, Goal::Balanced);
}

/// As [`exact`], of the plan that takes the least memory.
#[allow(dead_code, reason = "not every test is about memory")]
pub(crate) fn exact_small(graph: &str) {
    exact_for(graph, Goal::Memory);
}

fn exact_for(graph: &str, goal: Goal) {
    let target = Target { winograd: false, goal, ..Target::x86_64_v3() };
    compare(graph, 0.0, &target, &checked, |x| (x * 50.0).round(), |w| (w * 4.0).round());
}

/// `tolerance` is relative to the greatest element of an output. Answers what it got.
fn compare(
    graph: &str,
    tolerance: f64,
    target: &Target,
    plan: Plan,
    input: fn(f32) -> f32,
    weight: fn(f32) -> f32,
) -> (Case, Vec<Tensor>) {
    let case = Case::of(graph, input, weight);
    let Case { module, inputs, wanted } = &case;
    says_what_is_left_out();
    let chosen_alike = |other: Target| {
        let Target { winograd, goal, ref times, .. } = *target;
        Target { winograd, goal, times: times.clone(), ..other }
    };
    let run = |target: &Target, threads: u32| {
        let program = plan(module, target);
        check(&program).unwrap_or_else(|e| panic!("{e}\n{}", print(&program)));
        run_program(module, &program, target, inputs, threads)
    };
    let (fast, shared) = (run(target, 1), run(target, 3));
    let narrow = run(&target.clone().narrow(), 1);
    let slow = run(&chosen_alike(Target::clif()), 1);
    has_code(module, &chosen_alike(Target::aarch64()), plan);
    for (want, got) in wanted.iter().zip(&fast) {
        // As it is stored: of integers and truth values every bit counts.
        let want = want.data().cast(got.data().dtype()).to_f64();
        let tolerance = if got.data().dtype().is_float() { tolerance } else { 0.0 };
        let got = got.data().to_f64();
        assert_eq!(want.len(), got.len());
        let finite = want.iter().filter(|x| x.is_finite());
        let scale = finite.fold(1e-30, |m: f64, x| m.max(x.abs()));
        for (i, (w, g)) in want.iter().zip(&got).enumerate() {
            // A maximum of no taps is an infinity, and zero times it no number.
            let same = w == g || w.is_nan() && g.is_nan();
            assert!(same || (w - g).abs() <= tolerance * scale, "element {i}: {g}, wanted {w}\n{graph}");
        }
    }
    let bits = |o: &[Tensor]| -> Vec<Vec<u8>> { o.iter().map(|x| x.data().to_le_bytes()).collect() };
    assert_eq!(bits(&fast), bits(&narrow), "wide vectors and others differ\n{graph}");
    assert_eq!(bits(&fast), bits(&slow), "emitters differ\n{graph}");
    assert_eq!(bits(&fast), bits(&shared), "one thread and three differ\n{graph}");
    (case, fast)
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
    let narrow = run(&module, &Target::x86_64_v3().narrow(), &tensors, 1);
    assert!(
        fast.iter().zip(&narrow).all(|(x, y)| x.data().to_le_bytes() == y.data().to_le_bytes()),
        "{graph}"
    );
    let slow = run(&module, &Target::clif(), &tensors, 1);
    for ((want, fast), slow) in wanted.iter().zip(&fast).zip(&slow) {
        let (want, fast, slow) = (want.slice::<f64>(), fast.slice::<f32>(), slow.slice::<f32>());
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
