//! Tests of the tests: bugs that are put into kernels and plans are noticed by what the tests of networks check.
//!
//! ```text
//! cargo test -p cnnc-tests --test bugs                                     five that are written down, some drawn
//! CNNC_BUGS=1000 CNNC_SEED=7 cargo test -p cnnc-tests --test bugs          as many drawn ones as you like
//! ```
//!
//! Noticed means: the checker of plans or the rules of kernels refuse it, or the code touches a page that is not its
//! own, or does not end, or gives what depends on garbage in memory or is not what the evaluator gives, or leaves
//! something in lanes that are no channel. A drawn change that changes no byte of memory after any step is no bug, such
//! as that of a pointer after its last use, and another is drawn.

use cnnc_codegen::plan::{Program, check::check};
use cnnc_codegen::{Origin, Target, Watch, jit_watched};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::ops::Init;
use cnnc_ir::{Module, Tensor, text};
use cnnc_runtime::Model;
use cnnc_tests::bugs::{Bug, Spoiler, WRITTEN, spoil_plan};
use cnnc_tests::child::child;
use cnnc_tests::compiled::{has_wide, optimized, planned};
use cnnc_tests::count::{number, report, say};
use cnnc_tests::guarded::run_both_ends;
use cnnc_tests::steps::{idle_lanes, trace};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Windows with tails, groups, transforms, products, rings, movement.
const NETWORKS: [&str; 6] = [
    "graph @windows(%x: f32[1,13,9,10]) {
  %w: f32[11,13,3,3] = const rand(1)
  %b: f32[11] = const rand(2)
  %c: f32[1,11,9,10] = conv %x, %w, %b, pad=1 |> relu
  %v: f32[16,11,3,3] = const rand(3)
  %d: f32[1,16,5,5] = conv %c, %v, stride=2, pad=1
  %y: f32[1,16,3,3] = max_pool %d, kernel=3, stride=2, pad=1
  return %y
}",
    "graph @grouped(%x: f32[2,12,8,6]) {
  %w: f32[12,1,3,3] = const rand(1)
  %c: f32[2,12,8,6] = conv %x, %w, pad=1, groups=12 |> add %x
  %y: f32[2,12,4,3] = avg_pool %c, kernel=2, stride=2
  return %y
}",
    "graph @transformed(%x: f32[1,64,28,28]) {
  %w: f32[64,64,3,3] = const rand(1)
  %b: f32[64] = const rand(2)
  %y: f32[1,64,28,28] = conv %x, %w, %b, pad=1 |> relu
  return %y
}",
    "graph @products(%x: f32[97,100]) {
  %w: f32[100,37] = const rand(1, min=-20, max=20)
  %b: f32[37] = const rand(2)
  %c: f32[97,37] = gemm %x, %w, %b
  %y: f32[97,37] = softmax %c, axis=1
  %z: f32[97,100] = softmax %x, axis=1
  return %c, %y, %z
}",
    "graph @rings(%x: f32[1,16,64,64]) {
  %v: f32[96,16,1,1] = const rand(1)
  %a: f32[1,96,64,64] = conv %x, %v
  %w: f32[96,1,3,3] = const rand(2)
  %b: f32[1,96,64,64] = conv %a, %w, pad=1, groups=96
  %u: f32[16,96,1,1] = const rand(3)
  %y: f32[1,16,64,64] = conv %b, %u |> add %x
  return %y
}",
    "graph @movement(%x: f32[1,5,6,7]) {
  %a: f32[1,5,12,14] = resize %x, mode=linear, scales=[1,1,2,2], sizes=[1,5,12,14]
  %b: f32[1,10,12,14] = concat %a, %a, axis=1
  %y: f32[1,12,14,10] = transpose %b, perm=[0,2,3,1]
  return %y
}",
];

/// What inputs are made of numbers from -1 to 1: those, small ones, and some of which the largest is so much larger
/// than the others that a softmax needs it.
const INPUTS: [fn(f32) -> f32; 3] = [|x| x, |x| x / 100.0, |x| 1e4 * x.powi(9)];

/// A network for a target, with what it must give.
struct Network {
    module: Module,
    target: Target,
    program: Program,
    cases: Vec<Case>,
}

/// Inputs, and what they make.
struct Case {
    inputs: Vec<Tensor>,
    wanted: Vec<Tensor>,
    /// The memory of a run without a bug.
    trace: [u64; 2],
}

impl Network {
    fn new(graph: &str, target: &Target) -> Network {
        let module = text::parse(graph).unwrap_or_else(|e| panic!("{e}\n{graph}"));
        let cases = INPUTS.map(|of| {
            let x = Init::Rand { seed: 7, min: -1.0, max: 1.0 };
            let tensor = |&id| {
                let x = x.tensor(module.graph.ty(id)).unwrap();
                Tensor::of(x.shape(), x.slice::<f32>().iter().map(|&x| of(x)).collect())
            };
            let inputs: Vec<Tensor> = module.graph.inputs().iter().map(tensor).collect();
            let wanted = evaluate(&module, &inputs, Precision::F64).unwrap();
            (inputs, wanted)
        });
        let module = optimized(module);
        let program = planned(&module, target);
        let mut network = Network { module, target: target.clone(), program, cases: Vec::new() };
        let model = network.compiled(&network.program, &mut ()).unwrap();
        let case = |(inputs, wanted): (Vec<Tensor>, _)| {
            let trace = trace(&model, &network.program, &inputs).unwrap();
            Case { inputs, wanted, trace }
        };
        network.cases = cases.into_iter().map(case).collect();
        network
    }

    fn compiled(&self, program: &Program, watch: &mut dyn Watch) -> Option<Model> {
        let origin = Origin { name: "bug".into(), ..Origin::default() };
        let compile = || jit_watched(&self.module, program, &self.target, &origin, watch);
        catch_unwind(AssertUnwindSafe(compile)).ok()?.ok()
    }

    /// Whether a run leaves the same memory as one without a bug; of another plan, which may put values elsewhere, the
    /// same values.
    fn is_same(&self, program: &Program, model: &Model, is_planned: bool) -> bool {
        let which = usize::from(is_planned);
        let same = |case: &Case| {
            trace(model, program, &case.inputs).is_ok_and(|trace| trace[which] == case.trace[which])
        };
        child(|| i32::from(!self.cases.iter().all(same))) == 0
    }

    /// Runs a model as the tests of networks do, in a child; what was noticed, or nothing.
    fn noticed(&self, program: &Program, model: &Model) -> Option<&'static str> {
        let status = child(|| {
            let judge = |case: &Case| match run_both_ends(model, &case.inputs, 1) {
                Ok(outputs) if !case.is_right(&outputs) => 1,
                Ok(_) if idle_lanes(model, program, &case.inputs).is_err() => 2,
                Ok(_) => 0,
                Err(_) => 3,
            };
            self.cases.iter().map(judge).find(|&status| status != 0).unwrap_or(0)
        });
        match status {
            0 => None,
            1 => Some("other results"),
            2 => Some("something in a lane that is no channel"),
            3 => Some("results that depend on garbage"),
            signal if signal == -libc::SIGSEGV => Some("a touch beside its buffers"),
            signal if signal == -libc::SIGALRM => Some("no end"),
            _ => Some("another end"),
        }
    }
}

impl Case {
    fn is_right(&self, outputs: &[Tensor]) -> bool {
        self.wanted.iter().zip(outputs).all(|(wanted, got)| {
            let (wanted, got) = (wanted.data().to_f64(), got.data().to_f64());
            let most = wanted.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            let near = |(w, g): (&f64, &f64)| (w - g).abs() <= 1e-5 * most;
            wanted.len() == got.len() && wanted.iter().zip(&got).all(near)
        })
    }
}

/// What a bug does to a network: where it is and what was noticed; none where it fits nowhere, or is no bug.
fn put(network: &Network, bug: &Bug) -> Option<(String, Option<&'static str>)> {
    let mut program = network.program.clone();
    // Of a kernel and its wide twin only this one runs.
    let mut counted = Spoiler::counting(bug, network.target.wide);
    let place = spoil_plan(bug, &mut program);
    if place.is_some() && check(&program).is_err() {
        return Some((place?, Some("the checker of plans")));
    }
    if place.is_none() {
        let _ = network.compiled(&program, &mut counted);
    }
    let mut spoiler = Spoiler::after(&counted);
    let model = network.compiled(&program, &mut spoiler);
    let place = place.or(spoiler.done)?;
    let Some(model) = model else { return Some((place, Some("it has no code"))) };
    if network.is_same(&program, &model, matches!(bug, Bug::Planned(_) | Bug::DrawnPlan(_))) {
        return None;
    }
    let noticed = network.noticed(&program, &model);
    Some((place, noticed))
}

#[test]
fn bugs_are_noticed() {
    let (count, seed) = (number("CNNC_BUGS", 25), number("CNNC_SEED", 1));
    let wide = has_wide().then(Target::x86_64_v3);
    let targets: Vec<Target> = [Target::x86_64_v3().narrow()].into_iter().chain(wide).collect();
    let of_target = |target| NETWORKS.iter().map(move |graph| Network::new(graph, target));
    let networks: Vec<Network> = targets.iter().flat_map(of_target).collect();
    for network in &networks {
        let model = network.compiled(&network.program, &mut ()).unwrap();
        let is_same = network.is_same(&network.program, &model, false);
        assert!(is_same, "{} is not the same twice", network.module.graph.name);
        assert_eq!(network.noticed(&network.program, &model), None, "{}", network.module.graph.name);
    }
    let judge = |name: &str, network: &Network, bug: &Bug| {
        let (place, noticed) = put(network, bug)?;
        let what = noticed.unwrap_or("nothing is noticed");
        let of = if network.target.wide { " of wide vectors" } else { "" };
        say(&format!("{name} in {}{of}, {place}: {what}", network.module.graph.name));
        Some(noticed.is_some())
    };
    for (name, bug) in &WRITTEN {
        let fits: Vec<bool> = networks.iter().filter_map(|network| judge(name, network, bug)).collect();
        assert!(!fits.is_empty() && fits.iter().all(|&noticed| noticed), "{name}: {fits:?}");
    }
    let drawn = (0..).filter_map(|k: usize| {
        let number = ((seed as u64) << 32) + k as u64;
        let bug = if k % 3 == 2 { Bug::DrawnPlan(number) } else { Bug::Drawn(number) };
        judge(&format!("bug {k}"), &networks[k % networks.len()], &bug)
    });
    let noticed = drawn.take(count).filter(|&noticed| noticed).count();
    report("drawn bugs", noticed, count - noticed);
    assert!(count >= 5 && noticed == count, "only {noticed} of {count} are noticed");
}
