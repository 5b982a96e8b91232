//! Damaged models: each is refused in words, or accepted and then right.
//!
//! ```text
//! cargo test -p cnnc-tests --test mutants                                                 a few hundred
//! CNNC_MUTANTS=20000 CNNC_SEED=7 cargo test -p cnnc-tests --release --test mutants        as many as you like
//! CNNC_MUTANT=1234 CNNC_SEED=7 cargo test -p cnnc-tests --test mutants one -- --ignored   that one, to a file
//! ```
//!
//! A process of its own works through the mutants, so that a crash, a hang or a limit of memory is seen and named:
//! it has 1 GiB of address space, and 2 s of processor time from bytes to code and library. Whatever happens leaves
//! one whole library, or no file. An accepted mutant whose run is short runs between inaccessible pages and is held
//! against the evaluator in f64; where arithmetic in f32 is far from that in f64, the model is ill-conditioned and
//! the result may be as far.

use cnnc::{Options, PassOptions, Program};
use cnnc_frontends::onnx::{ImportOptions, import};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::ops::Init;
use cnnc_ir::{Module, Op, Tensor, Type};
use cnnc_tests::count::number;
use cnnc_tests::guarded::run_both_ends;
use cnnc_tests::models::{root, shared};
use cnnc_tests::mutate::mutant;
use cnnc_tests::random::Random;
use onnx_protobuf::{Message, ModelProto};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How many mutants a plain test run makes.
const FEW: usize = 300;
/// Seconds on the processor from bytes to code.
const LONGEST: f64 = 2.0;
/// Seconds that may pass before a mutant counts as hanging, on a machine with other work.
const PATIENCE: u64 = 30;
/// Address space of the process.
const SPACE: u64 = 1 << 30;
/// What the compiler is told to stay under.
const MEMORY: usize = 128 << 20;
/// Multiply-adds and other operations of a run that is not too long to be held against the evaluator.
const SHORT: u64 = 50_000_000;

/// The models that are damaged, in groups that are damaged alike often: trained ones, the controls of the
/// hostile ones, those of the onnx package with weights, and those without.
fn seeds() -> Vec<Vec<Vec<u8>>> {
    // The smaller, the more often.
    let trained = [
        ["mnist-8"; 4].as_slice(),
        &["resnet8-cifar10-qdq-s8", "super-resolution-10", "resnet20_cifar10", "mnist-mlp-dynbatch"],
    ]
    .concat();
    let trained: Vec<_> = trained.iter().filter_map(|name| shared(name)).collect();
    let of_package = |kind: &str| root().join("target/oracle/onnx").join(kind);
    let folders = [
        trained,
        shared("bad").iter().flat_map(|folder| within(folder)).filter(|path| is_good(path)).collect(),
        ["pytorch-converted", "pytorch-operator"].iter().flat_map(|kind| within(&of_package(kind))).collect(),
        within(&of_package("node")),
    ];
    let read = |path: &PathBuf| {
        let path = if path.is_dir() { path.join("model.onnx") } else { path.clone() };
        std::fs::read(path).ok().filter(|bytes| bytes.len() < 2 << 20)
    };
    let groups = folders.iter().map(|paths| paths.iter().filter_map(read).collect::<Vec<_>>());
    groups.filter(|group| !group.is_empty()).collect()
}

/// Whether a file of the hostile ones is a well-formed control.
fn is_good(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("000_good"))
}

fn within(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The operators of all models.
fn operators(seeds: &[Vec<Vec<u8>>]) -> Vec<String> {
    let graphs = seeds
        .iter()
        .flatten()
        .filter_map(|bytes| ModelProto::parse_from_bytes(bytes).ok()?.graph.into_option());
    let names: BTreeSet<String> = graphs.flat_map(|g| g.node).map(|node| node.op_type).collect();
    names.into_iter().collect()
}

/// Seconds that this process has had on the processor.
fn processor_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists and the structure is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// What becomes of a model, compiled to a library in a folder too: a word for it, or what is wrong with cnnc.
fn judge_files(bytes: &[u8]) -> Result<&'static str, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let what = judge(bytes, &folder.path().join("net.so"))?;
    let files = within(folder.path());
    let whole = if what.starts_with("accepted") { vec![folder.path().join("net.so")] } else { Vec::new() };
    if files == whole { Ok(what) } else { Err(format!("{what}, and {files:?} is left")) }
}

/// What becomes of a model: a word for what happened, or what is wrong with cnnc.
fn judge(bytes: &[u8], library: &Path) -> Result<&'static str, String> {
    let start = processor_time();
    let in_time = |what| match processor_time() - start {
        time if time > LONGEST => Err(format!("it took {time:.1} s of processor time to be {what}")),
        _ => Ok(what),
    };
    let module = match import(bytes, &ImportOptions { max_memory: MEMORY, ..ImportOptions::default() }) {
        Ok(module) => module,
        Err(problems) => {
            let lines = problems.iter().map(|p| p.to_string());
            let bad =
                lines.into_iter().find(|line| !line.starts_with("E_") || line.contains(char::is_control));
            return bad
                .map_or_else(|| in_time("refused"), |line| Err(format!("a message is no line: {line:?}")));
        }
    };
    // What is flushed to zero differs by as much as it is multiplied by.
    let passes = PassOptions { keep_denormals: true, ..PassOptions::default() };
    let winograd = !has_huge_weights(&module);
    let options = Options { check: true, max_memory: MEMORY as u64, passes, winograd, ..Options::default() };
    let compiled = match cnnc::compile(&module, &options) {
        Ok(compiled) => compiled,
        Err(error) if error.to_string().contains("E_INTERNAL") => return Err(error.to_string()),
        Err(_) => return in_time("not compiled"),
    };
    let model = compiled.jit().map_err(|e| e.to_string())?;
    compiled.write(library).map_err(|e| e.to_string())?;
    in_time("accepted")?;
    if !is_short(&module, compiled.program()) {
        return Ok("accepted, too long to run");
    }
    let inputs: Vec<Tensor> = module.graph.inputs().iter().map(|&id| random(module.graph.ty(id))).collect();
    let got = run_both_ends(&model, &inputs, 1)?;
    // Simulated quantisation lets NaN through, which an integer cannot hold: then its own graph says what is right.
    let order = module.graph.order();
    let quantises = order.iter().any(|&id| matches!(module.graph[id].op(), Op::Quantize(_)));
    let any_nan = got.iter().any(|y| y.data().to_f64().iter().any(|x| x.is_nan()));
    let meant = if quantises && any_nan { compiled.module() } else { &module };
    let wanted = evaluate(meant, &inputs, Precision::F64).map_err(|e| e.to_string())?;
    let single = evaluate(meant, &inputs, Precision::F32).map_err(|e| e.to_string())?;
    for ((got, wanted), single) in got.iter().zip(&wanted).zip(&single) {
        agree(&got.data().to_f64(), &wanted.data().to_f64(), &single.data().to_f64())?;
    }
    Ok("accepted and right")
}

fn random(ty: &Type) -> Tensor {
    let (min, max) = if ty.dtype.is_float() { (-1.0, 1.0) } else { (0.0, 2.0) };
    Init::Rand { seed: 1, min, max }.tensor(ty).unwrap()
}

/// Whether a weight is so large that, mixed into a transformed filter, it takes digits from all others there.
fn has_huge_weights(module: &Module) -> bool {
    let weights = module.graph.order().iter().filter_map(|&id| module.value(id)?.ok());
    weights.filter(|w| w.data().dtype().is_float()).any(|w| w.data().to_f64().iter().any(|x| x.abs() > 1e4))
}

fn is_short(module: &Module, program: &Program) -> bool {
    let cost = module.total_cost();
    let elements: usize = module.graph.order().iter().map(|&id| module.graph.ty(id).elements()).sum();
    let steps = program.steps.iter().map(|step| step.macs).fold(0, u64::saturating_add);
    [cost.macs, cost.flops, 16 * elements as u64, steps].into_iter().all(|work| work < SHORT)
}

/// Holds a result against the evaluator's in f64 and in f32.
fn agree(got: &[f64], wanted: &[f64], single: &[f64]) -> Result<(), String> {
    if got.len() != wanted.len() {
        return Err(format!("{} elements, wanted {}", got.len(), wanted.len()));
    }
    let finite = |x: &&f64| x.is_finite();
    let scale = wanted.iter().filter(finite).fold(0f64, |m, x| m.max(x.abs()));
    let pairs = wanted.iter().zip(single);
    let noise = pairs.map(|(w, s)| (w - s).abs()).filter(|d| d.is_finite()).fold(0f64, f64::max);
    let allowed = 1e-4 * scale + 10.0 * noise;
    for (i, ((&g, &w), &s)) in got.iter().zip(wanted).zip(single).enumerate() {
        let same = |a: f64| g == a || g.is_nan() && a.is_nan();
        // A sum that overflows in f32 alone has no value that one could ask for.
        let overflows = s.is_finite() != w.is_finite() || w.abs() > 1e30;
        if !(same(w) || same(s) || overflows || (g - w).abs() <= allowed) {
            return Err(format!("element {i} of {} is {g:?}, wanted {w:?}, in f32 {s:?}", got.len()));
        }
    }
    Ok(())
}

/// The bytes of a mutant.
fn make(seeds: &[Vec<Vec<u8>>], operators: &[String], seed: usize, index: usize) -> Vec<u8> {
    let group = &seeds[index % seeds.len()];
    let mut random = Random((seed as u64) << 32 | index as u64);
    let model = random.pick(group);
    mutant(&model, random.bits(), operators)
}

/// The process that works through mutants; started by the test below, or by hand for one of them.
#[test]
#[ignore = "a part of the other test"]
fn one_by_one() {
    let seeds = seeds();
    let operators = operators(&seeds);
    let seed = number("CNNC_SEED", 1);
    let (from, to) = match number("CNNC_MUTANT", usize::MAX) {
        usize::MAX => (number("CNNC_FROM", 0), number("CNNC_TO", 0)),
        one => (one, one + 1),
    };
    let limit = libc::rlimit { rlim_cur: SPACE, rlim_max: SPACE };
    // SAFETY: the structure is whole, and only a limit of this process is lowered.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
    std::panic::set_hook(Box::new(|panic| say(&format!("panic {}", panic.to_string().replace('\n', " ")))));
    for index in from..to {
        say(&format!("begin {index}"));
        let bytes = make(&seeds, &operators, seed, index);
        if to - from == 1 {
            let path = root().join(format!("target/mutant_{seed}_{index}.onnx"));
            say(&format!("wrote {}: {:?}", path.display(), std::fs::write(&path, &bytes)));
        }
        match catch_unwind(AssertUnwindSafe(|| judge_files(&bytes))) {
            Ok(Ok(what)) => say(&format!("done {what}")),
            Ok(Err(why)) => say(&format!("wrong {}", why.replace('\n', " "))),
            Err(_) => say("wrong it panics"),
        }
    }
    say("end");
}

/// A line for the process above this one.
fn say(line: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "{line}");
}

/// What mutants came to.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

/// Works through a range of mutants, in as many processes as crash.
fn work(seed: usize, mut from: usize, to: usize) -> Tally {
    let mut tally = Tally::default();
    while from < to {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["one_by_one", "--exact", "--ignored", "--nocapture"])
            .env("CNNC_FROM", from.to_string())
            .env("CNNC_TO", to.to_string())
            .env("CNNC_SEED", seed.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut said = String::new();
        let mut current = None;
        let ended = loop {
            let Ok(line) = receive.recv_timeout(Duration::from_secs(PATIENCE)) else { break false };
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match word {
                "begin" => (current, said) = (rest.parse::<usize>().ok(), String::new()),
                "done" => {
                    *tally.counts.entry(rest.to_string()).or_default() += 1;
                    current = None;
                }
                "wrong" => {
                    tally.wrong.push(format!("mutant {}: {rest} {said}", current.take().unwrap_or(from)));
                }
                "end" => break true,
                _ => said = line,
            }
        };
        let _ = child.kill();
        let status = child.wait().unwrap();
        from = match (ended, current) {
            (true, _) => to,
            (false, Some(index)) => {
                tally.wrong.push(format!("mutant {index}: it crashes or hangs, {status}: {said}"));
                index + 1
            }
            (false, None) => panic!("the process ends without a word: {status}: {said}"),
        };
    }
    tally
}

#[test]
fn mutants_do_no_harm() {
    if shared("mnist-8").is_none() || !root().join("target/oracle/onnx").is_dir() {
        say("skipped: the models to damage are missing");
        return;
    }
    let (count, seed) = (number("CNNC_MUTANTS", FEW), number("CNNC_SEED", 1));
    let half = count / 2;
    let (mut tally, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| work(seed, half, count));
        (work(seed, 0, half), other.join().unwrap())
    });
    tally.wrong.extend(other.wrong);
    for (what, n) in other.counts {
        *tally.counts.entry(what).or_default() += n;
    }
    let judged: usize = tally.counts.values().sum();
    say(&format!("seed {seed}: {:?}", tally.counts));
    say(&format!("mutants: {judged} passed, {} failed", tally.wrong.len()));
    let right = tally.counts.get("accepted and right").copied().unwrap_or(0);
    assert!(tally.wrong.is_empty(), "{} are wrong:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
    assert!(judged == count && right > count / 20, "{judged} judged, {right} of them ran");
}
