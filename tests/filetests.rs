//! File tests: graphs as text. A snapshot shows what a pass does; an evaluation proves that it may.
//!
//! `passes/<pass>/*.cnn` names passes in its directives (`pass: pipeline` means all). Each file goes eight steps: it
//! prints as it is written; it verifies; the passes run, and verify after each; a second run changes nothing; its
//! results before and after agree on seeded inputs; what it became parses back; and matches the snapshot beside it.
//! `unchanged: reason` says that the passes must leave the graph alone, and why.
//!
//! `ir/*.cnn` are wrong: each has `// error: message` on the line where parsing or verification must stop.
//!
//! `INSTA_GLOB_FILTER=basic_block.cnn` runs one file; `INSTA_UPDATE=always` accepts what it became.

use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::ops::Init;
use cnnc_ir::text::{self, Directive};
use cnnc_ir::{Mismatch, Module, Tensor, Type, verify};
use cnnc_passes::{PIPELINE, Pass, Report, run_passes};
use std::path::Path;

#[test]
fn passes() {
    let mut compared = 0;
    insta::glob!("passes/*/*.cnn", |path| compared += pass_test(path));
    assert!(compared > 0, "no file compared anything");
}

#[test]
fn errors() {
    let mut count = 0;
    insta::glob!("ir/*.cnn", |path| {
        error_test(path);
        count += 1;
    });
    assert!(count > 0, "no file was read");
}

/// Runs one file; answers how many numbers were compared.
fn pass_test(path: &Path) -> usize {
    let shown = path.display();
    let source = std::fs::read_to_string(path).unwrap();
    let file =
        text::parse_with(&source, Default::default()).unwrap_or_else(|error| panic!("{shown}:{error}"));
    let before = file.module;
    assert_eq!(text::print(&before), without_comments(&source), "{shown}: printed differently");
    verify::verify(&before).unwrap_or_else(|error| panic!("{shown}: {error}"));

    let passes = named_passes(path, &file.directives);
    let mut after = before.clone();
    let report = run(&mut after, &passes, path);
    let printed = text::print(&after);
    let mut again = after.clone();
    run(&mut again, &passes, path);
    assert_eq!(text::print(&again), printed, "{shown}: a second run changes the graph");

    let compared = compare(&before, &after, &passes, path);

    let reparsed = text::parse_with(&printed, after.weights.clone());
    let reparsed = reparsed.unwrap_or_else(|error| panic!("{shown}: after the passes {error}\n{printed}"));
    assert_eq!(text::print(&reparsed.module), printed, "{shown}: what it became prints differently");

    if let Some(reason) = text_of(&file.directives, "unchanged") {
        assert_eq!(printed, text::print(&before), "{shown}: must stay as it is");
        let reasons: Vec<&String> =
            report.passes.iter().flat_map(|pass| pass.declines.iter().map(|(_, why)| why)).collect();
        assert!(reasons.contains(&&reason), "{shown}: declined because {reasons:?}, not {reason:?}");
    } else {
        assert_ne!(printed, text::print(&before), "{shown}: no pass changes it");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(path.with_file_name("snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.remove_snapshot_suffix();
        settings.set_omit_expression(true);
        let stem = path.file_stem().unwrap().to_string_lossy().to_string();
        settings.bind(|| insta::assert_snapshot!(stem, with_notes(&report, &printed)));
    }
    compared
}

fn run(module: &mut Module, passes: &[&'static Pass], path: &Path) -> Report {
    run_passes(module, passes.iter().copied(), true, &mut |_| {})
        .unwrap_or_else(|failure| panic!("{}: {failure}", path.display()))
}

/// The passes of a file; the one that its folder is named after must be among them.
fn named_passes(path: &Path, directives: &[Directive]) -> Vec<&'static Pass> {
    let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let named: Vec<&str> = directives.iter().filter(|d| d.key == "pass").map(|d| d.text.as_str()).collect();
    assert!(named.contains(&folder), "{}: does not run {folder}", path.display());
    if named == ["pipeline"] {
        return PIPELINE.iter().collect();
    }
    let find = |name: &&str| {
        cnnc_passes::find(name).unwrap_or_else(|| panic!("{}: no pass is called {name}", path.display()))
    };
    named.iter().map(find).collect()
}

/// The graph after the passes, and what they noted.
fn with_notes(report: &Report, printed: &str) -> String {
    let notes =
        report.passes.iter().filter_map(|pass| Some(format!("// {}: {}\n", pass.name, pass.note.as_ref()?)));
    notes.chain([printed.to_string()]).collect()
}

/// Evaluates both modules on the same inputs. In f64 the passes may differ by the rounding of folded constants alone;
/// in f32 what they made must be near to the truth.
fn compare(before: &Module, after: &Module, passes: &[&'static Pass], path: &Path) -> usize {
    let graph = &before.graph;
    let inputs: Vec<Tensor> =
        graph.inputs().iter().zip(1..).map(|(&id, seed)| input(graph.ty(id), seed)).collect();
    let truth = evaluate(before, &inputs, Precision::F64).unwrap();
    let rounds = passes.iter().any(|pass| ["fold-constants", "flush-denormals"].contains(&pass.name));
    let mut compared = 0;
    for (precision, rtol) in [(Precision::F64, if rounds { 1e-6 } else { 1e-12 }), (Precision::F32, 1e-5)] {
        let results = evaluate(after, &inputs, precision).unwrap();
        assert_eq!(results.len(), truth.len(), "{}: results", path.display());
        for (k, (truth, result)) in truth.iter().zip(&results).enumerate() {
            assert_eq!(truth.shape(), result.shape(), "{}: result {k}", path.display());
            let (truth, result) = (truth.data().to_f64(), result.data().to_f64());
            let scale = truth.iter().fold(0f64, |m, x| m.max(x.abs()));
            assert!(scale > 0.0 && scale.is_finite(), "{}: result {k} tells nothing", path.display());
            for (i, (t, r)) in truth.iter().zip(&result).enumerate() {
                let far = (t - r).abs() > rtol * scale;
                assert!(
                    !far && !r.is_nan(),
                    "{}: {precision:?} result {k}[{i}]: {t} became {r}",
                    path.display()
                );
                compared += 1;
            }
        }
    }
    compared
}

/// Seeded numbers, half of them negative.
fn input(ty: &Type, seed: u64) -> Tensor {
    let reach = if ty.dtype.is_float() { 1.0 } else { 3.0 };
    Init::Rand { seed: 1000 + seed, min: -reach, max: reach }.tensor(ty).unwrap()
}

/// One wrong file.
fn error_test(path: &Path) {
    let source = std::fs::read_to_string(path).unwrap();
    let expected =
        source.lines().enumerate().find_map(|(at, line)| Some((at + 1, line.split_once("// error: ")?.1)));
    let (line, message) = expected.unwrap_or_else(|| panic!("{}: expects no error", path.display()));
    match text::parse(&source) {
        Err(error) => assert_eq!((error.line, &error.message[..]), (line, message), "{}", path.display()),
        Ok(module) => {
            let Err(Mismatch(why)) = verify::verify(&module) else { panic!("{} is right", path.display()) };
            assert_eq!(why, message, "{}", path.display());
        }
    }
}

/// The graph as the printer would write it, if it is written so.
fn without_comments(source: &str) -> String {
    let code = source.lines().map(|line| line.split("//").next().unwrap_or("").trim_end());
    code.filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

fn text_of(directives: &[Directive], key: &str) -> Option<String> {
    directives.iter().find(|d| d.key == key).map(|d| d.text.clone())
}
