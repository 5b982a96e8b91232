//! The cases of the onnx package, each the whole way: import, passes, plan, code, runs through the C ABI in memory
//! between inaccessible pages.
//!
//! ```text
//! cargo test -p cnnc-tests --test onnx_suite                              all, against the expectations
//! CNNC_CASES=resize,upsample cargo test -p cnnc-tests --test onnx_suite   those with such a name, each with its result
//! CNNC_EVALUATE=1 ..                                                      by the evaluator, without code
//! CNNC_BLESS=1 ..                                                         writes the expectations anew
//! ```
//!
//! `onnx_suite/expected_failures.txt` names every case that does not pass, with how the reason begins. A case that
//! fails and is not named there fails the test; so does one that is named and passes, or fails otherwise. Counted apart
//! among those that pass: cases with frozen inputs, and cases of which nothing was left to compute at run time.

use cnnc::{Features, Options};
use cnnc_frontends::onnx::{ImportOptions, import_file};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::{Module, Shape, Tensor};
use cnnc_tests::close::close;
use cnnc_tests::count::say;
use cnnc_tests::guarded::run_everywhere;
use cnnc_tests::models::root;
use cnnc_tests::onnx_case::{Case, cases};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;

/// The tiers that count, and how many of their cases pass at least.
const LEAST: &[(&str, usize)] = &[
    ("A", 352),
    ("A expanded", 59),
    ("B", 285),
    ("B expanded", 253),
    ("Q", 18),
    ("pytorch-converted", 82),
    ("pytorch-operator", 35),
    ("simple", 7),
];

/// Of how many cases of tier A integer inputs may be frozen.
const MOST_FROZEN: usize = 105;

/// What stands above the expectations.
const HEADER: &str = "\
# The cases of the onnx package that cnnc does not pass, by tier and name, each with how the reason begins.
# CNNC_BLESS=1 writes this file anew; reasons that hold stay.
";

/// What a case that passed was like.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    /// Integer inputs were frozen.
    frozen: bool,
    /// Inputs of reals were frozen, such as scales.
    scales: bool,
    /// Every output is a constant.
    constant: bool,
}

type Verdict = Result<Passed, String>;

/// What gives the outputs of a module for inputs, and says whether they are constants.
type Engine = fn(Module, &[Tensor]) -> Result<(Vec<Tensor>, bool), String>;

fn compiled(module: Module, inputs: &[Tensor]) -> Result<(Vec<Tensor>, bool), String> {
    let options = Options { check: true, ..Options::default() };
    let compiled = cnnc::compile(&module, &options).map_err(|e| format!("compile: {e}"))?;
    let graph = &compiled.module().graph;
    let constant = graph.outputs().iter().all(|&id| graph[id].is_const());
    let mut models = vec![compiled.jit().map_err(|e| format!("compile: {e}"))?];
    for features in [Features::Avx2, Features::Sse41] {
        let options = Options { features, ..options.clone() };
        let twin = cnnc::compile(&module, &options).and_then(|compiled| compiled.jit());
        models.push(twin.map_err(|e| format!("compile: {e}"))?);
    }
    let outputs = run_everywhere(&models, inputs).map_err(|e| format!("run: {e}"))?;
    Ok((outputs, constant))
}

fn evaluated(module: Module, inputs: &[Tensor]) -> Result<(Vec<Tensor>, bool), String> {
    let outputs = evaluate(&module, inputs, Precision::F32).map_err(|e| format!("evaluate: {e}"))?;
    Ok((outputs, false))
}

fn judge(case: &Case, engine: Engine) -> Verdict {
    let given = case.read()?;
    let mut passed = Passed { constant: true, ..Passed::default() };
    for (inputs, wanted) in &given.data {
        let freeze = given.freeze(inputs);
        let is_real = |x: &Tensor| x.data().dtype().is_float();
        passed.frozen |= freeze.values().any(|x| !is_real(x));
        passed.scales |= freeze.values().any(is_real);
        let options = ImportOptions { freeze, ..ImportOptions::default() };
        let module = import_file(&given.model, &options).map_err(|e| format!("import: {}", e[0]))?;
        let (outputs, constant) = engine(module, &given.data(inputs))?;
        close(wanted, &outputs).map_err(|e| format!("result: {e}"))?;
        passed.constant &= constant;
    }
    Ok(passed)
}

/// A verdict in any case: a panic is a failure.
fn verdict(case: &Case, engine: Engine) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| judge(case, engine))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(format!("panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?")))
    })
}

/// The verdicts of cases, by two threads.
fn verdicts(cases: &[Case], engine: Engine) -> Vec<Verdict> {
    let next = Mutex::new(cases.iter().enumerate());
    let done = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some((at, case)) = { next.lock().unwrap().next() } {
            let verdict = verdict(case, engine);
            done.lock().unwrap().insert(at, verdict);
        }
    };
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    drop(std::panic::take_hook());
    done.into_inner().unwrap().into_values().collect()
}

fn expectations() -> PathBuf {
    root().join("tests/onnx_suite/expected_failures.txt")
}

/// The reasons, by name.
fn expected() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(expectations()).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '[']));
    let named = lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no reason: {line:?}")));
    named.map(|(name, why)| (name.to_string(), why.to_string())).collect()
}

/// Writes the expectations as the verdicts are; known reasons stay where they hold.
fn bless(judged: &[(&Case, &Verdict)]) {
    let known = expected();
    let mut text = HEADER.to_string();
    for (tier, _) in LEAST {
        writeln!(text, "\n[{tier}]").unwrap();
        for (case, verdict) in judged.iter().filter(|(case, _)| case.tier == *tier) {
            let Err(why) = verdict else { continue };
            let known = known.get(&case.name).filter(|known| why.starts_with(*known));
            let why: String = known.unwrap_or(why).chars().take_while(|&c| c != '\n').take(180).collect();
            writeln!(text, "{}: {why}", case.name).unwrap();
        }
    }
    std::fs::write(expectations(), text).unwrap();
}

#[test]
fn every_case_does_as_expected() {
    let all = cases();
    if all.is_empty() {
        return;
    }
    let evaluate = std::env::var_os("CNNC_EVALUATE").is_some();
    let engine = if evaluate { evaluated } else { compiled };
    if let Ok(names) = std::env::var("CNNC_CASES") {
        let wanted = |case: &&Case| names.split(',').any(|name| case.name.contains(name));
        let some: Vec<Case> = all.iter().filter(wanted).cloned().collect();
        assert!(!some.is_empty(), "no case is called like {names}");
        // One after the other, so that a crash shows its case.
        for case in &some {
            let _ = write!(std::io::stderr(), "{} ({}): ", case.name, case.tier);
            match &verdicts(std::slice::from_ref(case), engine)[0] {
                Ok(passed) => say(&format!("ok {passed:?}")),
                Err(why) => say(&format!("FAIL {why}")),
            }
        }
        return;
    }
    let counted: Vec<Case> =
        all.into_iter().filter(|c| LEAST.iter().any(|(tier, _)| c.tier == *tier)).collect();
    assert!(counted.len() >= 1100, "only {} cases were found", counted.len());
    let verdicts = verdicts(&counted, engine);
    let judged: Vec<(&Case, &Verdict)> = counted.iter().zip(&verdicts).collect();
    if std::env::var_os("CNNC_BLESS").is_some() {
        bless(&judged);
    }
    let expected = expected();
    let mut wrong = Vec::new();
    for (case, verdict) in &judged {
        match (verdict, expected.get(&case.name)) {
            (Ok(_), Some(_)) => {
                wrong.push(format!("{} passes: take it from the expected failures", case.name))
            }
            (Err(why), None) => wrong.push(format!("{}: {why}", case.name)),
            (Err(why), Some(known)) if !why.starts_with(known) => {
                wrong.push(format!("{}: {why}, where {known} was expected", case.name));
            }
            _ => {}
        }
    }
    for name in expected.keys().filter(|&name| counted.iter().all(|case| case.name != *name)) {
        wrong.push(format!("{name} is an expected failure, and no case"));
    }
    for &(tier, least) in LEAST {
        let of_tier: Vec<_> = judged.iter().filter(|(case, _)| case.tier == tier).collect();
        let passed: Vec<Passed> = of_tier.iter().filter_map(|(_, v)| v.as_ref().ok().copied()).collect();
        let frozen = passed.iter().filter(|p| p.frozen).count();
        let constant = passed.iter().filter(|p| p.constant).count();
        let (count, total) = (passed.len(), of_tier.len());
        let scales = passed.iter().filter(|p| p.scales && !p.frozen).count();
        say(&format!(
            "tier {tier}: {count} of {total} (frozen {frozen}, by reals alone {scales}, constant {constant})"
        ));
        if count < least {
            wrong.push(format!("tier {tier}: {count} cases pass, {least} did"));
        }
        if tier == "A" && frozen > MOST_FROZEN {
            wrong.push(format!("tier A: {frozen} cases with frozen inputs, at most {MOST_FROZEN} may be"));
        }
    }
    let passed = judged.iter().filter(|(_, verdict)| verdict.is_ok()).count();
    let refused = (judged.len() - passed).saturating_sub(wrong.len());
    say(&format!("cases of the onnx package: {passed} passed, {} failed", wrong.len()));
    say(&format!(
        "cases that are refused, for the reasons that are written down: {refused} passed, 0 failed"
    ));
    // The expectations are about code; the evaluator is ahead of it.
    assert!(evaluate || wrong.is_empty(), "{} surprises:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn comparing_sees_one_wrong_element() {
    let of = |elements: Vec<f32>| Tensor::of(&Shape::new([3]).unwrap(), elements);
    let wanted = of(vec![1.0, f32::NAN, f32::INFINITY]);
    let differs = |got: Tensor| close(std::slice::from_ref(&wanted), &[got]).is_err();
    assert!(!differs(of(vec![1.0009, f32::NAN, f32::INFINITY])));
    assert!(differs(of(vec![1.002, f32::NAN, f32::INFINITY])));
    assert!(differs(of(vec![1.0, 0.0, f32::INFINITY])));
    assert!(differs(of(vec![1.0, f32::NAN, f32::MAX])));
    assert!(differs(wanted.reshaped(&Shape::new([1, 3]).unwrap())));
    assert!(close(&[], &[]).is_err(), "nothing to compare");
}
