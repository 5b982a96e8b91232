//! `docs/operators.md` says what the code says: it is made of the tables of operators and the headers of their files.
//!
//! `CNNC_BLESS=1 cargo test -p cnnc-tests --test operators` writes it anew.

use cnnc_ir::{DType, Op, Type};
use cnnc_tests::models::root;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEAD: &str = "\
# Operators

Made from the sources by `CNNC_BLESS=1 cargo test -p cnnc-tests --test operators`.

cnnc reads ONNX and computes on a vocabulary of its own. The first part lists the operators of ONNX that it reads, of
all operator sets that define them, up to 28; the second says how each is read; the third what each operator of the
IR means. Notation: `X?` may be left out, `name=value` is an attribute or input with its default, `(C1)` a rule that
messages cite.
";

/// A file of the workspace.
fn source(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The header of a source file as Markdown: without the links that only rustdoc resolves.
fn header(path: &str) -> String {
    let text = source(path);
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let mut text = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n");
    while let Some(at) = text.find("](super::").or_else(|| text.find("](crate::")) {
        let end = at + text[at..].find(')').expect("a link ends");
        let start = text[..at].rfind('[').expect("a link starts");
        text = format!("{}{}{}", &text[..start], &text[start + 1..at], &text[end + 1..]);
    }
    text.replace("[`", "`").replace("`]", "`")
}

/// The operators of ONNX by name, each with the file that reads it, those of a domain under the name of the function
/// that lists them.
fn imported(function: &str) -> BTreeMap<String, String> {
    let text = source("frontends/src/onnx/ops/mod.rs");
    let from = text.find(&format!("fn {function}(")).unwrap_or(text.len());
    let rows = text[from..].lines().skip(1).take_while(|line| !line.starts_with('}'));
    let row = |line: &str| {
        let (name, path) = line.trim().strip_prefix('"')?.split_once("\" => ")?;
        // What is a closure calls a function that the table's file takes from `elementwise`.
        let file = if path.starts_with('|') { "elementwise" } else { path.split("::").next()? };
        Some((name.to_string(), file.to_string()))
    };
    rows.filter_map(row).collect()
}

/// The files of the IR's operators, each with the words of its operators, in the order of the table.
fn operators() -> Vec<(String, Vec<&'static str>)> {
    let text = source("compiler/ir/src/ops/mod.rs");
    let rows =
        text.split("\noperators! {\n").nth(1).expect("the table").lines().take_while(|line| *line != "}");
    let mut words = Op::NAMES.iter().copied();
    let files = rows.map(|line| {
        let mut row = line.trim().trim_end_matches(',').split(' ');
        let file = row.next().expect("a file").to_string();
        (file, row.map(|_| words.next().expect("a word for each operator")).collect())
    });
    let files = files.collect();
    assert_eq!(words.next(), None, "an operator of the table was not found");
    files
}

/// The opsets that define an operator: the first, and those that changed it.
fn opsets() -> BTreeMap<String, String> {
    let text = source("tests/onnx_suite/versions.csv");
    let rows = text.lines().skip(1).map(|line| line.split_once(',').expect("operator and opsets"));
    let list = |versions: &str| versions.replace(' ', ", ").replace("-", "gone in ");
    rows.map(|(name, versions)| (name.to_string(), list(versions))).collect()
}

/// The element types that an element-wise operator takes for all its operands; those of `select` differ.
fn element_types(name: &str) -> Option<String> {
    let op = Op::from_name(name)?;
    let takes = |dtype: &DType| {
        let ty = Type::new(*dtype, [2usize]).ok()?;
        op.infer(&vec![&ty; op.arity().0]).ok()
    };
    let types: Vec<&str> = DType::ALL.iter().filter(|d| takes(d).is_some()).map(|d| d.name()).collect();
    let alike = op.is_elementwise() && !matches!(op, Op::Select(_));
    (alike && op.arity().0 > 0 && !types.is_empty()).then(|| types.join(", "))
}

fn document() -> String {
    let mut text = HEAD.to_string();
    let opsets = opsets();
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (title, function) in [("ONNX", "function"), ("Domain `com.microsoft`", "microsoft_function")] {
        let operators = imported(function);
        if operators.is_empty() {
            continue;
        }
        writeln!(text, "\n## {title}\n\n| operator | defined anew in opset | read as |\n|---|---|---|")
            .unwrap();
        for (name, file) in operators {
            let versions = match function {
                "function" => opsets.get(&name).map_or("-", String::as_str),
                _ => "1",
            };
            writeln!(text, "| {name} | {versions} | [{file}](#read-{file}) |").unwrap();
            files.entry(file).or_default().push(name);
        }
    }
    writeln!(text, "\n## How ONNX is read").unwrap();
    for file in files.keys() {
        let header = header(&format!("frontends/src/onnx/ops/{file}.rs"));
        writeln!(text, "\n### read {file}\n\n{header}").unwrap();
    }
    writeln!(text, "\n## The operators of the IR").unwrap();
    for (file, words) in operators() {
        let header = header(&format!("compiler/ir/src/ops/{file}.rs"));
        writeln!(text, "\n### {}\n\n{header}", words.join(", ")).unwrap();
        let types: Vec<Option<String>> = words.iter().map(|word| element_types(word)).collect();
        for (k, types_of) in types.iter().enumerate().filter_map(|(k, types)| Some((k, types.as_ref()?))) {
            let same = types.iter().all(|other| *other == types[0]);
            match (same, k) {
                (true, 0) => writeln!(text, "\nElement types: {types_of}.").unwrap(),
                (true, _) => {}
                (false, _) => writeln!(text, "\nElement types of `{}`: {types_of}.", words[k]).unwrap(),
            }
        }
    }
    text
}

#[test]
fn the_document_is_what_the_code_says() {
    let wanted = document();
    assert!(imported("function").len() > 50 && operators().len() > 30, "the tables were not found");
    let path = root().join("docs/operators.md");
    if std::env::var_os("CNNC_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &wanted).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = wanted.lines().zip(written.lines()).find(|(a, b)| a != b);
    assert!(
        wanted == written,
        "docs/operators.md is not up to date, CNNC_BLESS=1 writes it; first {differs:?}"
    );
}
