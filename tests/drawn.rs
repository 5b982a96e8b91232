//! Drawn networks: whatever the passes do to them, they compute the same, verify, parse back, and are done at once; and
//! code compiled with every pass left out computes the same as code compiled with all, in every form the same bits.
//! Plans for speed and for memory, and those without one of the things that plans do, give the bits of any other that
//! sums in the same order; some networks take pictures as they are, some are of f64.
//! onnxruntime, which shares no code with us, computes what the evaluator does.
//!
//! `CNNC_GRAPHS` says how many networks, `CNNC_SEED` the first; a failure is shrunk before it is shown. A plain run
//! compiles some of them only.

use cnnc::Picture;
use cnnc_codegen::kernels::Spec;
use cnnc_codegen::plan::{Call, Decision, Goal, Program, Topic, Work, print};
use cnnc_codegen::{Origin, Target};
use cnnc_frontends::onnx::export_file;
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::ops::Sliding;
use cnnc_ir::{Module, NodeId, Op, Shape, Tensor, text, verify};
use cnnc_passes::{PIPELINE, Pass, run_passes};
use cnnc_runtime::Model;
use cnnc_tests::bound::{Given, bounds, bounds_from};
use cnnc_tests::compiled::{self, planned};
use cnnc_tests::count::{number, report};
use cnnc_tests::drawn::Drawing;
use cnnc_tests::guarded::run_both_ends;
use cnnc_tests::onnxruntime;
use cnnc_tests::random::Random;
use cnnc_tests::steps::idle_lanes;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Half a unit in the last place, of f32 and of f64.
const F32: f64 = 1.0 / (1u64 << 24) as f64;
const F64: f64 = 1.0 / (1u64 << 53) as f64;

/// Passes that round constants to f32.
const ROUND: [&str; 2] = ["fold-constants", "flush-denormals"];

/// Passes of which drawn networks have no use: quantised ones are not drawn, nor denormals, nor what looks for the
/// greatest element, for its place jumps where an error is small.
const IDLE: [&str; 3] = ["drop-softmax", "simulate-quantize", "flush-denormals"];

/// Code knows no batch norm.
const NEEDED: &str = "lower-batch-norm";

/// One drawing in so many of a plain run: compiling takes a while without optimisation.
const SOME: usize = if cfg!(debug_assertions) { 6 } else { 1 };

/// Drawings that were wrong when what a pipe reads was taken to move from image to image as its result does: one of
/// the two is a piece of a concatenation. In the third all steps of a map of one pixel are equal. And one that sums in
/// another order where it takes least memory, as a convolution then reads its operand in blocks.
const FOUND: [u64; 4] = [101_087, 101_688, 103_033, 106_599];

/// The seeds of one drawing in so many, of all where somebody says how many there are; and those that were found.
fn seeds(every: usize) -> Vec<u64> {
    let (count, seed) = (number("CNNC_GRAPHS", 300), number("CNNC_SEED", 1));
    let every = if std::env::var_os("CNNC_GRAPHS").is_some() { 1 } else { every };
    (seed as u64..(seed + count) as u64).step_by(every).chain(FOUND).collect()
}

/// Tries every drawing; a failure is shrunk and shown.
fn every_drawing(what: &str, check: impl Fn(&Drawing) -> Result<usize, String> + Sync, seeds: Vec<u64>) {
    // A panic of what is tested is a failure like any other.
    let tried = |drawing: &Drawing| {
        catch_unwind(AssertUnwindSafe(|| check(drawing))).unwrap_or_else(|_| Err("it panics".into()))
    };
    let done: Vec<Result<usize, u64>> =
        seeds.par_iter().map(|&seed| tried(&Drawing::new(seed)).map_err(|_| seed)).collect();
    let compared: usize = done.iter().flatten().sum();
    let failed: Vec<u64> = done.iter().filter_map(|r| r.err()).collect();
    report(&format!("{what}, {compared} numbers"), done.len() - failed.len(), failed.len());
    if let Some(&seed) = failed.first() {
        let least = Drawing::new(seed).shrunk(|drawing| tried(drawing).is_err());
        let why = tried(&least).unwrap_err();
        panic!("seeds {failed:?}; the first, shrunk: {why}\n{}", text::print(&least.module()));
    }
    assert!(compared > 20 * done.len(), "only {compared} numbers compared");
}

/// Runs passes and answers what became of the module, or what is wrong with it.
fn through(module: &Module, passes: &[&'static Pass]) -> Result<Module, String> {
    let mut after = module.clone();
    run_passes(&mut after, passes.iter().copied(), true, &mut |_| {})
        .map_err(|failure| failure.to_string())?;
    let printed = text::print(&after);
    let reparsed =
        text::parse_with(&printed, after.weights.clone()).map_err(|e| format!("{e}\n{printed}"))?;
    if text::print(&reparsed.module) != printed {
        return Err(format!("it prints differently when parsed\n{printed}"));
    }
    let again = run_passes(&mut after, passes.iter().copied(), true, &mut |_| {});
    let again = again.map_err(|failure| failure.to_string())?;
    match again.passes.iter().find(|pass| pass.changed) {
        Some(pass) => Err(format!("{} changes it again\n{printed}", pass.name)),
        None => Ok(reparsed.module),
    }
}

/// How many elements were found within the bound, or the first that is not.
fn within(wanted: &[Vec<f64>], got: &[Vec<f64>], bounds: &[f64]) -> Result<usize, String> {
    let mut compared = 0;
    for (k, ((wanted, got), &bound)) in wanted.iter().zip(got).zip(bounds).enumerate() {
        if wanted.len() != got.len() || !bound.is_finite() {
            return Err(format!(
                "result {k}: {} elements, {} wanted, bound {bound}",
                got.len(),
                wanted.len()
            ));
        }
        for (i, (w, g)) in wanted.iter().zip(got).enumerate() {
            let near = (w - g).abs() <= bound;
            if !near {
                return Err(format!("result {k}[{i}] is {g}, wanted {w} within {bound:.1e}"));
            }
            compared += 1;
        }
    }
    Ok(compared)
}

fn evaluated(module: &Module, inputs: &[Tensor]) -> Result<Vec<Vec<f64>>, String> {
    let results = evaluate(module, inputs, Precision::F64).map_err(|e| e.to_string())?;
    Ok(results.iter().map(|tensor| tensor.data().to_f64()).collect())
}

#[test]
fn passes_preserve_what_networks_compute() {
    let check = |drawing: &Drawing| {
        let module = drawing.module();
        verify::verify(&module).map_err(|e| e.to_string())?;
        let inputs = [drawing.input(&module)];
        let wanted = evaluated(&module, &inputs)?;
        let mut compared = 0;
        let alone = PIPELINE.iter().map(|pass| vec![pass]);
        for passes in alone.chain([PIPELINE.iter().collect()]) {
            let named = |why: String| match passes[..] {
                [pass] => format!("{}: {why}", pass.name),
                _ => format!("all passes: {why}"),
            };
            let rounds = passes.iter().any(|pass| ROUND.contains(&pass.name));
            let after = through(&module, &passes).map_err(named)?;
            let bounds = bounds(&module, &inputs, if rounds { F32 } else { F64 });
            let got = evaluated(&after, &inputs)?;
            compared +=
                within(&wanted, &got, &bounds).map_err(|e| named(format!("{e}\n{}", text::print(&after))))?;
        }
        Ok(compared)
    };
    every_drawing("drawn networks through passes", check, seeds(1));
}

#[test]
fn code_computes_the_same_with_and_without_passes() {
    let check = |drawing: &Drawing| {
        let module = drawing.module();
        let inputs = [drawing.input(&module)];
        let wanted = evaluated(&module, &inputs)?;
        let bounds = bounds(&module, &inputs, F32);
        let needed = PIPELINE.iter().filter(|pass| pass.name == NEEDED).collect::<Vec<_>>();
        let mut compared = 0;
        for passes in [needed, PIPELINE.iter().collect()] {
            let after = through(&module, &passes)?;
            // With transforms sums round otherwise, but the plan must hold.
            planned(&after, &Target::x86_64_v3());
            let (got, sums) = compiled_results(&after, &inputs, Target::x86_64_v3())?;
            let named =
                |why| format!("compiled after {} passes: {why}\n{}", passes.len(), text::print(&after));
            compared += within(&wanted, &as_f64(&got), &bounds).map_err(named)?;
            let topic = Topic::ALL[drawing.seed() as usize % Topic::ALL.len()];
            for (goal, without) in
                [(Goal::Memory, vec![]), (Goal::Speed, vec![]), (Goal::Balanced, vec![topic])]
            {
                let of_plan = |why| named(format!("for {}, without {without:?}: {why}", goal.name()));
                let target = Target { goal, without: without.clone(), ..Target::x86_64_v3() };
                let (other, other_sums) = compiled_results(&after, &inputs, target)?;
                within(&wanted, &as_f64(&other), &bounds).map_err(of_plan)?;
                if other_sums == sums && compiled::bits(&other) != compiled::bits(&got) {
                    return Err(of_plan("other bits".into()));
                }
            }
        }
        Ok(compared)
    };
    every_drawing("drawn networks with and without passes", check, seeds(SOME));
}

/// Code of f64 computes every element by itself, whatever plans want of layers.
#[test]
fn networks_of_f64() {
    let check = |drawing: &Drawing| {
        let printed = text::print(&drawing.module()).replace("f32", "f64");
        let module = text::parse(&printed).map_err(|e| format!("{e}\n{printed}"))?;
        let inputs = [drawing.input(&module)];
        let (wanted, bounds) = (evaluated(&module, &inputs)?, bounds(&module, &inputs, F64));
        let after = through(&module, &PIPELINE.iter().collect::<Vec<_>>())?;
        let mut compared = 0;
        for goal in [Goal::Balanced, Goal::Memory] {
            let target = Target { goal, ..Target::x86_64_v3() };
            let (_, model) = compiled_model(&after, &target)?;
            let got = run_both_ends(&model, &inputs, 1)?;
            let got: Vec<Vec<f64>> = got.iter().map(|tensor| tensor.data().to_f64()).collect();
            let named = |why| format!("for {}: {why}\n{}", goal.name(), text::print(&after));
            compared += within(&wanted, &got, &bounds).map_err(named)?;
        }
        Ok(compared)
    };
    let quarter = seeds(SOME).into_iter().filter(|seed| seed % 4 == 3).collect();
    every_drawing("drawn f64 networks", check, quarter);
}

fn compiled_model(module: &Module, target: &Target) -> Result<(Program, Model), String> {
    let program = planned(module, target);
    let origin = Origin { name: "drawn".into(), ..Origin::default() };
    let model = cnnc_codegen::jit(module, &program, target, &origin).map_err(|e| e.to_string())?;
    Ok((program, model))
}

/// What compiled code computes, and how it sums: a map that is summed while it is computed has its terms in another
/// order than one that is stored, and so has a convolution that reads channels in blocks and not one by one. Bits are
/// the same only where orders are. Transforms round more than sums do and have their own tests.
fn compiled_results(
    module: &Module,
    inputs: &[Tensor],
    target: Target,
) -> Result<(Vec<Vec<f32>>, BTreeSet<String>), String> {
    let target = Target { winograd: false, ..target };
    let (program, model) = compiled_model(module, &target)?;
    idle_lanes(&model, &program, inputs)?;
    let printed = print(&program);
    let sums = printed.lines().filter(|line| line.contains(" to one, ")).filter_map(|line| {
        let (value, how) = line.split_once("//")?;
        Some(format!("{}{how}", value.trim_start().split(':').next()?))
    });
    let side_by_side = |name: &str, calls: &[Call]| -> Vec<String> {
        let blocks = calls.iter().filter_map(|call| match &call.kernel {
            Spec::Product(product) => Some(product.block),
            _ => None,
        });
        blocks.map(|block| format!("{name} by {block} channels")).collect()
    };
    let products = program.steps.iter().flat_map(|step| match &step.work {
        Work::Nests(calls) => side_by_side(&step.name, calls),
        _ => step.members().iter().flat_map(|member| side_by_side(&member.name, &member.calls)).collect(),
    });
    Ok((compiled::run(&model, inputs, 1), sums.chain(products).collect()))
}

fn as_f64(results: &[Vec<f32>]) -> Vec<Vec<f64>> {
    results.iter().map(|y| y.iter().map(|&y| f64::from(y)).collect()).collect()
}

/// A kind of pictures for an input of so many channels, the bytes of one, and what a network makes of them:
/// `(byte / 255 - mean) / std`, in its own order.
fn picture(seed: u64, dims: &[usize]) -> (Picture, Tensor, Tensor) {
    let &[n, c, h, w] = dims else { panic!("an input of rank {}", dims.len()) };
    let mut random = Random(seed);
    let [interleaved, raw] = [(); 2].map(|()| random.once_in(2));
    let reversed = c == 3 && random.once_in(2);
    let unit = if raw { 1.0 } else { 255.0 };
    let mut some = |least: f64| -> Vec<f64> {
        let count = random.pick(&[0, 1, c]);
        (0..count).map(|_| (least + random.below(100) as f64 / 200.0) * 255.0 / unit).collect()
    };
    let (mean, std) = (some(0.0), some(0.25));
    let of = |numbers: &[f64], c: usize, none| numbers.get(c % numbers.len().max(1)).copied().unwrap_or(none);
    // Of each element of the network, in its order: the place of its byte.
    let place = |k: usize| {
        let (image, channel, y, x) = (k / (c * h * w), k / (h * w) % c, k / w % h, k % w);
        let channel = if reversed { c - 1 - channel } else { channel };
        match interleaved {
            true => ((image * h + y) * w + x) * c + channel,
            false => ((image * c + channel) * h + y) * w + x,
        }
    };
    let bytes: Vec<u8> = (0..n * c * h * w).map(|_| random.bits() as u8).collect();
    let number = |k: usize| {
        let channel = k / (h * w) % c;
        (f64::from(bytes[place(k)]) / unit - of(&mean, channel, 0.0)) / of(&std, channel, 1.0)
    };
    let real = Tensor::of(&Shape::new(dims).unwrap(), (0..bytes.len()).map(|k| number(k) as f32).collect());
    let shape = if interleaved { [n, h, w, c] } else { [n, c, h, w] };
    let picture = Picture { interleaved, reversed, raw, mean, std };
    (picture, Tensor::of(&Shape::new(shape).unwrap(), bytes), real)
}

#[test]
fn pictures_are_normalised() {
    let check = |drawing: &Drawing| {
        let module = drawing.module();
        let x = module.graph.inputs()[0];
        let (picture, bytes, real) = picture(drawing.seed(), module.graph.ty(x).dims());
        let mut pictured = module.clone();
        picture.enter(&mut pictured, "x").map_err(|e| e.to_string())?;
        let after = through(&pictured, &PIPELINE.iter().collect::<Vec<_>>())?;
        let (got, _) = compiled_results(&after, &[bytes], Target::x86_64_v3())?;
        let inputs = [real];
        // A byte is scaled and then shifted, or what reads it is: either is as large as these.
        let unit = if picture.raw { 255.0 } else { 1.0 };
        let (mean, std) = (
            picture.mean.iter().copied().fold(0.0, f64::max),
            picture.std.iter().copied().fold(f64::INFINITY, f64::min),
        );
        let most = (unit + mean) / if picture.std.is_empty() { 1.0 } else { std };
        let bounds = bounds_from(&module, &inputs, F32, Given { most, error: 4.0 * F32 * most });
        let named = |why| format!("{picture}: {why}\n{}", text::print(&after));
        within(&evaluated(&module, &inputs)?, &as_f64(&got), &bounds).map_err(named)
    };
    let quarter = seeds(SOME).into_iter().filter(|seed| seed % 4 == 1).collect();
    every_drawing("drawn pictures", check, quarter);
}

/// From a library and from memory by every twin, on one thread and on three.
#[test]
fn every_form_gives_the_same_bits() {
    let check = |drawing: &Drawing| {
        let module = drawing.module();
        let inputs = [drawing.input(&module)];
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let library = folder.path().join("drawn.so");
        compiled::write(module.clone(), &Target::x86_64_v3(), &[&library]);
        let library = Model::open(&library).map_err(|e| e.to_string())?;
        let models = compiled::targets().map(|target| compiled::jit(module.clone(), &target));
        let forms: Vec<Model> = models.into_iter().chain([library]).collect();
        let runs = [1, 3].iter().flat_map(|&threads| forms.iter().map(move |model| (model, threads)));
        let all = runs.map(|(model, threads)| compiled::bits(&compiled::run(model, &inputs, threads)));
        let all: Vec<Vec<u32>> = all.collect();
        match all.iter().position(|bits| *bits != all[0]) {
            Some(k) => Err(format!(
                "form {} on {} threads gives other bits",
                k % forms.len(),
                1 + k / forms.len() * 2
            )),
            None => Ok(all.iter().map(Vec::len).sum()),
        }
    };
    every_drawing("drawn networks in every form", check, seeds(if SOME == 1 { 1 } else { 10 }));
}

/// What onnxruntime gives for drawings, a hundred in one process; none where there is no Python with it.
fn by_onnxruntime(drawings: &[Drawing]) -> Option<HashMap<Drawing, Result<Vec<Tensor>, String>>> {
    let folder = tempfile::tempdir().unwrap();
    let mut results = HashMap::new();
    for some in drawings.chunks(100) {
        let cases = some.iter().enumerate().map(|(k, drawing)| {
            let module = drawing.module();
            let path = folder.path().join(format!("{k}.onnx"));
            export_file(&module, &path).unwrap_or_else(|e| panic!("{e:?}\n{}", text::print(&module)));
            (path, [drawing.input(&module)])
        });
        let cases: Vec<_> = cases.collect();
        let cases: Vec<_> = cases.iter().map(|(path, inputs)| (path.as_path(), &inputs[..])).collect();
        results.extend(some.iter().cloned().zip(onnxruntime::run_all(&cases)?));
    }
    Some(results)
}

/// Whether a pool rounds up along one dimension, and along the other leaves a window out that would start in the
/// padding: ONNX has one flag for both, and its own inference of shapes would count that window.
fn is_disputed(module: &Module) -> bool {
    let graph = &module.graph;
    let mixed = |id: NodeId| {
        let window = match graph[id].op() {
            Op::MaxPool(pool) => pool.window(),
            Op::AvgPool(pool) => pool.window(),
            _ => return false,
        };
        let &[.., height, width] = graph.ty(graph.operands(id)[0]).dims() else { return false };
        let along = window.over(height, width);
        let adds = along.map(|s| s.count() != Sliding { ceil: false, ..s }.count());
        window.ceil && adds[0] != adds[1]
    };
    graph.order().iter().any(|&id| mixed(id))
}

#[test]
fn onnxruntime_computes_the_same() {
    let drawings: Vec<Drawing> = seeds(SOME).into_iter().map(Drawing::new).collect();
    let Some(known) = by_onnxruntime(&drawings) else { return };
    let check = |drawing: &Drawing| {
        let module = drawing.module();
        let inputs = [drawing.input(&module)];
        // Those that a failure shrinks to were not asked for.
        if is_disputed(&module) {
            return Ok(0);
        }
        let known = known.get(drawing).cloned();
        let got = known.or_else(|| by_onnxruntime(std::slice::from_ref(drawing))?.remove(drawing));
        let got = got.ok_or("onnxruntime is gone")??;
        let got: Vec<Vec<f64>> = got.iter().map(|y| y.data().to_f64()).collect();
        within(&evaluated(&module, &inputs)?, &got, &bounds(&module, &inputs, F32))
    };
    every_drawing("drawn networks in onnxruntime", check, seeds(SOME));
}

#[test]
fn every_pass_finds_work() {
    let mut changed: Vec<&str> = Vec::new();
    for seed in 1..200 {
        let mut module = Drawing::new(seed).module();
        let report = run_passes(&mut module, PIPELINE, false, &mut |_| {}).unwrap();
        changed.extend(report.passes.iter().filter(|pass| pass.changed).map(|pass| pass.name));
    }
    let few = |name: &&str| changed.iter().filter(|other| *other == name).count() < 5;
    let few: Vec<&str> = PIPELINE.iter().map(|pass| pass.name).filter(few).collect();
    assert_eq!(few, IDLE, "of {} changes", changed.len());
}

#[test]
fn pieces_of_several_images_are_drawn() {
    let images_in_place = |seed: u64| {
        let module = through(&Drawing::new(seed).module(), &PIPELINE.iter().collect::<Vec<_>>()).unwrap();
        let program = planned(&module, &Target::x86_64_v3());
        let did = |d: &Decision| d.topic == Topic::Concats && d.outcome.is_ok();
        let images = module.graph.ty(module.graph.inputs()[0]).dims()[0];
        program.decisions.iter().any(did).then_some(images)
    };
    let drawn: Vec<usize> = (1..300).filter_map(images_in_place).collect();
    let counts = [1, 2, 3].map(|images| drawn.iter().filter(|&&n| n == images).count());
    assert!(counts.iter().all(|&count| count >= 10), "{counts:?} of 1, 2 and 3 images");
}

#[test]
fn a_failure_shrinks() {
    let has_pool = |drawing: &Drawing| text::print(&drawing.module()).contains("max_pool");
    let seed = (0..).find(|&seed| has_pool(&Drawing::new(seed))).unwrap();
    let least = Drawing::new(seed).shrunk(has_pool).module();
    let nodes = least.graph.order().iter().filter(|&&id| !least.graph[id].is_const()).count();
    assert!(has_pool(&Drawing::new(seed)) && nodes <= 3, "{}", text::print(&least));
}

/// What drawn networks found: the pool is computed with the convolution behind it, after the sigmoid.
const READ_LATER: &str = "\
graph @read_later(%x: f32[1,3,10,10]) {
  %k: f32[16,3,3,3] = const rand(1)
  %a: f32[1,16,8,8] = conv %x, %k
  %b: f32[1,16,8,8] = max_pool %a, kernel=3, pad=1
  %c: f32[1,16,8,8] = sigmoid %a
  %l: f32[8,16,1,1] = const rand(2)
  %d: f32[1,8,8,8] = conv %b, %l
  return %d, %c
}
";

#[test]
fn nothing_is_written_over_what_a_group_reads_later() {
    let module = text::parse(READ_LATER).unwrap();
    let inputs = [Drawing::new(1).input(&module)];
    let wanted = evaluated(&module, &inputs).unwrap();
    let bounds = bounds(&module, &inputs, F32);
    for goal in Goal::ALL {
        let target = Target { goal, ..Target::x86_64_v3() };
        let (got, _) = compiled_results(&module, &inputs, target).unwrap();
        within(&wanted, &as_f64(&got), &bounds).unwrap_or_else(|why| panic!("{}: {why}", goal.name()));
    }
}
