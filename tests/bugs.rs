//! Tests of the tests: bugs that are put into kernels and plans are noticed by what the tests of networks check.
//!
//! ```text
//! cargo test -p cnnc-tests --test bugs                                     five that are written down, some drawn
//! CNNC_BUGS=1000 CNNC_SEED=7 cargo test -p cnnc-tests --test bugs          as many drawn ones as you like
//! ```
//!
//! Noticed means: the checker of plans or the rules of kernels refuse it, or the code touches a page that is not its
//! own, or does not end, or gives what depends on garbage in memory or is not what the evaluator gives. Of the drawn
//! ones an eighth may go unnoticed: some change nothing that is used, such as lanes that are no channel, or a pointer
//! after its last use. They are shown, for somebody to think about.

use cnnc_codegen::plan::{Program, check::check};
use cnnc_codegen::{Origin, Target, Watch, jit_watched};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::ops::Init;
use cnnc_ir::{Module, Tensor, text};
use cnnc_tests::bugs::{Bug, Spoiler, WRITTEN, spoil_plan};
use cnnc_tests::child::child;
use cnnc_tests::compiled::{has_wide, optimized, planned};
use cnnc_tests::count::{number, report};
use cnnc_tests::guarded::run_both_ends;
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
    "graph @products(%x: f32[3,100]) {
  %w: f32[100,37] = const rand(1, min=-20, max=20)
  %b: f32[37] = const rand(2)
  %c: f32[3,37] = gemm %x, %w, %b
  %y: f32[3,37] = softmax %c, axis=1
  %z: f32[3,100] = softmax %x, axis=1
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

/// A network for a target, with what it must give.
struct Network {
    module: Module,
    target: Target,
    program: Program,
    inputs: Vec<Tensor>,
    wanted: Vec<Tensor>,
}

impl Network {
    fn new(graph: &str, target: &Target) -> Network {
        let module = text::parse(graph).unwrap_or_else(|e| panic!("{e}\n{graph}"));
        let x = Init::Rand { seed: 7, min: -1.0, max: 1.0 };
        let ty = |&id| x.tensor(module.graph.ty(id)).unwrap();
        let inputs: Vec<Tensor> = module.graph.inputs().iter().map(ty).collect();
        let wanted = evaluate(&module, &inputs, Precision::F64).unwrap();
        let module = optimized(module);
        let program = planned(&module, target);
        Network { module, target: target.clone(), program, inputs, wanted }
    }

    /// Compiles and runs a plan as the tests of networks do, in a child; what was noticed, or nothing.
    fn noticed(&self, program: &Program, watch: &mut dyn Watch) -> Option<&'static str> {
        let origin = Origin { name: "bug".into(), ..Origin::default() };
        let compiled = catch_unwind(AssertUnwindSafe(|| {
            jit_watched(&self.module, program, &self.target, &origin, watch)
        }));
        let Ok(Ok(model)) = compiled else { return Some("it has no code") };
        let status = child(|| match run_both_ends(&model, &self.inputs, 1) {
            Ok(outputs) if self.is_right(&outputs) => 0,
            Ok(_) => 1,
            Err(_) => 2,
        });
        match status {
            0 => None,
            1 => Some("other results"),
            2 => Some("results that depend on garbage"),
            signal if signal == -libc::SIGSEGV => Some("a touch beside its buffers"),
            signal if signal == -libc::SIGALRM => Some("no end"),
            _ => Some("another end"),
        }
    }

    fn is_right(&self, outputs: &[Tensor]) -> bool {
        self.wanted.iter().zip(outputs).all(|(wanted, got)| {
            let (wanted, got) = (wanted.data().to_f64(), got.data().to_f64());
            let most = wanted.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            let near = |(w, g): (&f64, &f64)| (w - g).abs() <= 1e-5 * most;
            wanted.len() == got.len() && wanted.iter().zip(&got).all(near)
        })
    }
}

/// What a bug does to a network: where it is and what was noticed; none where it fits nowhere.
fn put(network: &Network, bug: &Bug) -> Option<(String, Option<&'static str>)> {
    let mut program = network.program.clone();
    if let Some(place) = spoil_plan(bug, &mut program) {
        let refused = check(&program).err().map(|_| "the checker of plans");
        return Some((place, refused.or_else(|| network.noticed(&program, &mut ()))));
    }
    // Of a kernel and its wide twin only this one runs.
    let mut counted = Spoiler::counting(bug, network.target.wide);
    let _ = network.noticed(&program, &mut counted);
    let mut spoiler = Spoiler::after(&counted);
    let noticed = network.noticed(&program, &mut spoiler);
    Some((spoiler.done?, noticed))
}

#[test]
fn bugs_are_noticed() {
    let (count, seed) = (number("CNNC_BUGS", 25), number("CNNC_SEED", 1));
    let wide = has_wide().then(Target::x86_64_v3);
    let targets: Vec<Target> = [Target::x86_64_v3().narrow()].into_iter().chain(wide).collect();
    let of_target = |target| NETWORKS.iter().map(move |graph| Network::new(graph, target));
    let networks: Vec<Network> = targets.iter().flat_map(of_target).collect();
    for network in &networks {
        assert_eq!(network.noticed(&network.program, &mut ()), None, "{}", network.module.graph.name);
    }
    let judge = |name: &str, network: &Network, bug: &Bug| {
        let (place, noticed) = put(network, bug)?;
        let what = noticed.unwrap_or("nothing is noticed");
        let of = if network.target.wide { " of wide vectors" } else { "" };
        eprintln!("{name} in {}{of}, {place}: {what}", network.module.graph.name);
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
    assert!(count >= 5 && 8 * noticed >= 7 * count, "only {noticed} of {count} are noticed");
}
