//! Damaged models, and damaged texts of graphs: each is refused in words, or accepted and then right.
//!
//! ```text
//! cargo test -p cnnc-tests --test mutants                                                 a few hundred
//! CNNC_MUTANTS=20000 CNNC_SEED=7 cargo test -p cnnc-tests --release --test mutants        as many as you like
//! CNNC_MUTANT=1234 CNNC_SEED=7 cargo test -p cnnc-tests --test mutants one -- --ignored   that one, to a file
//! CNNC_TEXT=1 CNNC_MUTANT=12 CNNC_SEED=7 cargo test -p cnnc-tests --test mutants one -- --ignored   of the texts
//! ```
//!
//! A process of its own works through the mutants, so that a crash, a hang or a limit of memory is seen and named:
//! it has 1 GiB of address space. What each of them must come to is said in `src/judge.rs`.

use cnnc_frontends::onnx::{ImportOptions, import};
use cnnc_ir::text;
use cnnc_tests::count::{number, report, say};
use cnnc_tests::drawn::Drawing;
use cnnc_tests::judge::{is_line, judge_files, judge_text};
use cnnc_tests::models::{root, shared};
use cnnc_tests::mutate::mutant;
use cnnc_tests::mutate_text::{mutant_text, operators as operators_among, words};
use cnnc_tests::random::Random;
use onnx_protobuf::{Message, ModelProto};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How many mutants a plain test run makes.
const FEW: usize = 300;
/// Seconds that may pass before a mutant counts as hanging, on a machine with other work.
const PATIENCE: u64 = 30;
/// Address space of the process.
const SPACE: u64 = 1 << 30;

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

/// The texts that are damaged: those of the tests of passes and of errors, and drawn ones.
fn texts() -> Vec<Vec<String>> {
    let folders = ["tests/ir", "tests/plans"].map(|folder| within(&root().join(folder)));
    let passes = within(&root().join("tests/passes"));
    let written = folders.into_iter().flatten().chain(passes.iter().flat_map(|folder| within(folder)));
    let is_text = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "cnn");
    let written = written.filter(is_text).filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let drawn = || (1..200).map(|seed| text::print(&Drawing::new(seed).module())).collect();
    // Those that were written are wrong often, and short.
    vec![drawn(), written, drawn()]
}

/// The mutants of models, or of texts.
enum Source {
    Models(Vec<Vec<Vec<u8>>>, Vec<String>),
    Texts(Vec<Vec<String>>, [Vec<String>; 2]),
}

impl Source {
    fn new(is_text: bool) -> Source {
        if is_text {
            let texts = texts();
            let mut lent = [BTreeSet::new(), BTreeSet::new()];
            for text in texts.iter().flatten() {
                let words = words(text);
                lent[1].extend(operators_among(&words).into_iter().map(|k| words[k].to_string()));
                lent[0].extend(words.into_iter().map(String::from));
            }
            return Source::Texts(texts, lent.map(|words| words.into_iter().collect()));
        }
        let seeds = seeds();
        let operators = operators(&seeds);
        Source::Models(seeds, operators)
    }

    /// The bytes of a mutant.
    fn make(&self, seed: usize, index: usize) -> Vec<u8> {
        let mut random = Random((seed as u64) << 32 | index as u64);
        match self {
            Source::Models(seeds, operators) => {
                let model = random.pick(&seeds[index % seeds.len()]);
                mutant(&model, random.bits(), operators)
            }
            Source::Texts(texts, lent) => {
                let text = random.pick(&texts[index % texts.len()]);
                mutant_text(&text, random.bits(), lent.each_ref().map(|words| &words[..]))
            }
        }
    }

    fn judge(&self, bytes: &[u8]) -> Result<&'static str, String> {
        match self {
            Source::Models(..) => judge_files(bytes),
            Source::Texts(..) => judge_text(bytes),
        }
    }

    fn ending(&self) -> &'static str {
        match self {
            Source::Models(..) => "onnx",
            Source::Texts(..) => "cnn",
        }
    }
}

/// The process that works through mutants; started by the tests below, or by hand for one of them.
#[test]
#[ignore = "a part of the other tests"]
fn one_by_one() {
    let source = Source::new(std::env::var_os("CNNC_TEXT").is_some());
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
        let bytes = source.make(seed, index);
        if to - from == 1 {
            let path = root().join(format!("target/mutant_{seed}_{index}.{}", source.ending()));
            say(&format!("wrote {}: {:?}", path.display(), std::fs::write(&path, &bytes)));
        }
        match catch_unwind(AssertUnwindSafe(|| source.judge(&bytes))) {
            Ok(Ok(what)) => say(&format!("done {what}")),
            Ok(Err(why)) => say(&format!("wrong {}", why.replace('\n', " "))),
            Err(_) => say("wrong it panics"),
        }
    }
    say("end");
}

/// What mutants came to.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

/// Works through a range of mutants, in as many processes as crash.
fn work(is_text: bool, seed: usize, mut from: usize, to: usize) -> Tally {
    let mut tally = Tally::default();
    while from < to {
        let mut command = Command::new(std::env::current_exe().unwrap());
        match is_text {
            true => command.env("CNNC_TEXT", "1"),
            false => command.env_remove("CNNC_TEXT"),
        };
        let mut child = command
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

/// A file that ends too early, wherever, is refused in words.
#[test]
fn every_prefix_of_a_model_is_refused() {
    let (Some(mnist), Some(bad)) = (shared("mnist-8"), shared("bad")) else { return };
    let small = std::fs::read_dir(bad).unwrap().map(|entry| entry.unwrap().path());
    let good = small.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("000_good_"));
    let models: Vec<PathBuf> = good.chain([mnist.join("model.onnx")]).collect();
    let (mut refused, mut wrong, options) = (0, Vec::new(), ImportOptions::default());
    for path in &models {
        let whole = std::fs::read(path).unwrap();
        assert!(import(&whole, &options).is_ok(), "{}", path.display());
        for end in 0..whole.len() {
            match import(&whole[..end], &options) {
                Err(problems) if problems.iter().all(|problem| is_line(&problem.to_string())) => refused += 1,
                _ => wrong.push(format!("{} of {}", end, path.display())),
            }
        }
    }
    report(&format!("prefixes of {} models", models.len()), refused, wrong.len());
    assert!(wrong.is_empty() && refused > 20_000, "of {}: {}", models.len(), wrong.join("\n"));
    assert!(models.len() > 3, "only {} models", models.len());
}

#[test]
fn every_prefix_of_a_text_is_refused() {
    let read = |path| std::fs::read_to_string(root().join(path)).unwrap();
    let drawn = text::print(&Drawing::new(2).module());
    let (mut refused, mut wrong) = (0, Vec::new());
    for whole in [read("tests/passes/pipeline/residual_scaling.cnn"), drawn] {
        assert!(text::parse(&whole).is_ok());
        // What follows the graph may be missing.
        for end in (0..=whole.rfind('}').unwrap()).filter(|&end| whole.is_char_boundary(end)) {
            match text::parse(&whole[..end]) {
                Err(error) if is_line(&format!("E_PARSE {error}")) => refused += 1,
                result => {
                    wrong.push(format!("{end}: {}", result.map_or_else(|e| e.to_string(), |_| whole.clone())))
                }
            }
        }
    }
    report("text prefixes", refused, wrong.len());
    assert!(wrong.is_empty() && refused > 500, "of {refused}: {}", wrong.join("\n"));
}

/// Works through so many mutants, in two processes at a time.
fn all(is_text: bool, count: usize) {
    let seed = number("CNNC_SEED", 1);
    let half = count / 2;
    let (mut tally, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| work(is_text, seed, half, count));
        (work(is_text, seed, 0, half), other.join().unwrap())
    });
    tally.wrong.extend(other.wrong);
    for (what, n) in other.counts {
        *tally.counts.entry(what).or_default() += n;
    }
    let judged: usize = tally.counts.values().sum();
    let what = if is_text { "text mutants" } else { "mutants" };
    say(&format!("{what} of seed {seed}: {:?}", tally.counts));
    report(what, judged, tally.wrong.len());
    let right = tally.counts.get("accepted and right").copied().unwrap_or(0);
    assert!(tally.wrong.is_empty(), "{} are wrong:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
    // A text fits less often: each says the types of all values.
    let least = count / if is_text { 40 } else { 20 };
    assert!(judged == count && right >= least, "{judged} judged, {right} of them ran");
}

/// One mutant in four is one of a text.
fn of_texts() -> usize {
    number("CNNC_MUTANTS", FEW).div_ceil(4)
}

#[test]
fn mutants_do_no_harm() {
    if shared("mnist-8").is_none() || !root().join("target/oracle/onnx").is_dir() {
        say("skipped: the models to damage are missing");
        return;
    }
    all(false, number("CNNC_MUTANTS", FEW) - of_texts());
}

#[test]
fn mutants_of_texts_do_no_harm() {
    all(true, of_texts());
}
