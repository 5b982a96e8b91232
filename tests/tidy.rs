//! House rules that no compiler checks: which crate may know which, where a dependency may appear, what every file
//! and every pass must have.
//!
//! Each test names every place that breaks its rule.

use cnnc_passes::PIPELINE;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A file of the workspace.
struct Source {
    /// Its path from the root, with slashes.
    path: String,
    text: String,
}

impl Source {
    /// Lines, counted from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    /// Where a line breaks a rule.
    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace stands around this crate")
}

/// Every file of the workspace with one of these endings, without build outputs and hidden folders.
fn files(endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap().to_string_lossy().to_string();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                found.push(Source { path, text });
            }
        }
    }
    assert!(!found.is_empty(), "no file ends in {endings:?}");
    found
}

fn rust() -> Vec<Source> {
    files(&[".rs"])
}

#[track_caller]
fn none(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// The crates that each crate of the workspace may depend on; `None` is all.
fn arrows(krate: &str) -> Option<&'static [&'static str]> {
    match krate {
        "cnnc-ir" | "cnnc-runtime" => Some(&[]),
        "cnnc-passes" | "cnnc-frontends" => Some(&["cnnc-ir"]),
        "cnnc-codegen" => Some(&["cnnc-ir", "cnnc-runtime"]),
        "cnnc" | "cnnc-tests" | "cnnc-fuzz" => None,
        other => panic!("{other} is new: say here what it may depend on"),
    }
}

#[test]
fn crates_depend_as_designed() {
    let mut broken = Vec::new();
    let mut crates = BTreeSet::new();
    for manifest in files(&["Cargo.toml"]) {
        let mut section = "";
        let mut name = "";
        for (at, line) in manifest.lines() {
            if let Some(header) = line.strip_prefix('[') {
                section = header.trim_end_matches(']');
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let key = key.trim().split('.').next().unwrap_or("");
            if section == "package" && key == "name" {
                name = value.trim().trim_matches('"');
                crates.insert(name.to_string());
            }
            if !section.ends_with("dependencies") || section.starts_with("workspace") {
                continue;
            }
            let allowed = match key {
                "petgraph" => name == "cnnc-ir",
                _ if key.starts_with("cranelift") => name == "cnnc-codegen",
                // Tests may write files of ONNX anywhere.
                _ if key.contains("protobuf") => {
                    ["cnnc-frontends", "cnnc-tests"].contains(&name) || section == "dev-dependencies"
                }
                _ if key.starts_with("cnnc") => arrows(name).is_none_or(|allowed| allowed.contains(&key)),
                _ => true,
            };
            if !allowed {
                broken.push(manifest.at(at, &format!("{name} must not depend on {key}")));
            }
        }
    }
    assert!(crates.len() >= 7, "only {crates:?} were found");
    none(broken);
}

/// What codegen may know of the runtime: the contract, and what the JIT hands out.
const OF_THE_RUNTIME: [&str; 3] = ["abi", "Model", "DType"];

#[test]
fn dependencies_stay_in_their_places() {
    let in_tests = |path: &str| path.split('/').any(|part| part == "tests");
    let mut broken = Vec::new();
    for source in rust() {
        let path = &source.path[..];
        for (at, line) in source.lines().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let mut only = |word: &str, allowed: bool, place: &str| {
                if line.contains(word) && !allowed {
                    broken.push(source.at(at, &format!("`{word}` belongs in {place} alone")));
                }
            };
            if path == "tests/tidy.rs" {
                continue;
            }
            only("petgraph::", path == "compiler/ir/src/graph.rs", "compiler/ir/src/graph.rs");
            only("cranelift", path.starts_with("compiler/codegen/"), "compiler/codegen");
            let onnx = path.starts_with("frontends/src/onnx") || in_tests(path);
            only("protobuf::", onnx, "frontends/src/onnx");
            let runtime = line.split("cnnc_runtime::").skip(1);
            let known = |rest: &str| OF_THE_RUNTIME.iter().any(|word| rest.starts_with(word));
            if path.starts_with("compiler/codegen/src/") && !in_tests(path) && !runtime.into_iter().all(known)
            {
                broken.push(
                    source.at(at, &format!("of the runtime codegen may know {OF_THE_RUNTIME:?} alone")),
                );
            }
        }
    }
    none(broken);
}

#[test]
fn files_say_what_they_are() {
    let mut broken = Vec::new();
    for source in rust() {
        let name = source.path.rsplit('/').next().unwrap_or("");
        if !source.text.starts_with("//! ") {
            broken.push(source.at(1, "a file opens with `//!` and what it is"));
        }
        if ["util.rs", "utils.rs", "helper.rs", "helpers.rs", "common.rs", "misc.rs"].contains(&name) {
            broken.push(source.at(1, "name what the file holds"));
        }
        let count = source.text.lines().count();
        if count > 600 {
            broken.push(source.at(count, "a file has at most 600 lines"));
        } else if count > 500 {
            println(&source.at(count, "more than 500 lines: could it be two files?"));
        }
    }
    none(broken);
}

#[expect(clippy::print_stdout, reason = "a soft budget is information for who runs the tests")]
fn println(line: &str) {
    println!("{line}");
}

#[test]
fn lines_keep_the_rules() {
    // Written in two parts, so that this file keeps them too.
    let places = [["/wo", "rk/"], ["/ro", "ot/"], ["/tm", "p/"], ["/ho", "me/"]].map(|parts| parts.concat());
    let (todo, fixme) = (["TO", "DO"].concat(), ["FIX", "ME"].concat());
    let snapshot = ["assert_debug", "_snapshot"].concat();
    let mut broken = Vec::new();
    for source in files(&[".rs", ".toml", ".md", ".cnn", ".snap", ".proto", ".h", ".c", ".py", ".yml"]) {
        for (at, line) in source.lines() {
            if places.iter().any(|place| line.contains(place.as_str())) {
                broken.push(source.at(at, "a path of one machine"));
            }
            if (line.contains(&todo) || line.contains(&fixme)) && !line.contains('#') {
                broken.push(source.at(at, "what is left to do has the number of an issue"));
            }
            if source.path.ends_with(".rs") && line.contains(&snapshot) {
                broken.push(source.at(at, "a snapshot is of the text form"));
            }
            if source.path.ends_with(".rs") && line.chars().count() > 120 {
                broken.push(source.at(at, "a line has at most 120 characters, of code 110"));
            }
        }
    }
    none(broken);
}

#[test]
fn passes_have_a_file_a_header_and_tests() {
    let mut broken = Vec::new();
    let mut named = BTreeSet::from(["pipeline".to_string()]);
    for source in
        rust().iter().filter(|s| s.path.starts_with("passes/src/") && s.text.contains("const RULE: Rule"))
    {
        let stem = source.path.trim_start_matches("passes/src/").trim_end_matches(".rs");
        let name = stem.replace('_', "-");
        let header: Vec<&str> = source.text.lines().take_while(|line| line.starts_with("//!")).collect();
        if cnnc_passes::find(&name).is_none() {
            broken.push(source.at(1, &format!("no pass of the pipeline is called {name}")));
        }
        if !header.first().is_some_and(|line| line.starts_with(&format!("//! {name}: "))) {
            broken.push(source.at(1, &format!("the header starts with `{name}: `")));
        }
        if !header.iter().any(|line| line.starts_with("//!     ") && line.contains("=>")) {
            broken.push(source.at(1, "the header shows a graph before `=>` and after"));
        }
        let folder = format!("tests/passes/{name}");
        let tests = std::fs::read_dir(root().join(&folder)).into_iter().flatten();
        if !tests.flatten().any(|entry| entry.path().extension().is_some_and(|ending| ending == "cnn")) {
            broken.push(source.at(1, &format!("no test stands in {folder}")));
        }
        named.insert(name);
    }
    assert_eq!(named.len(), PIPELINE.len() + 1, "files and pipeline differ: {named:?}");
    for entry in std::fs::read_dir(root().join("tests/passes")).unwrap() {
        let folder = entry.unwrap().file_name().to_string_lossy().to_string();
        if !named.contains(&folder) {
            broken.push(format!("tests/passes/{folder}: no pass is called so"));
        }
    }
    none(broken);
}

#[test]
fn snapshots_belong_to_a_file() {
    let mut broken = Vec::new();
    for snapshot in files(&[".snap"]).iter().filter(|s| s.path.starts_with("tests/passes/")) {
        let source = snapshot.path.replace("/snapshots/", "/").replace(".snap", ".cnn");
        let text = std::fs::read_to_string(root().join(&source)).unwrap_or_default();
        if text.is_empty() || text.contains("//! unchanged:") {
            broken.push(snapshot.at(1, &format!("{source} makes no snapshot")));
        }
    }
    none(broken);
}
