//! Files that were made to break importers, and their well-formed controls.
//!
//! Each must be accepted or refused as the manifest beside them says, within two seconds and without a panic.
//! Those that cnnc refuses for lack of an operator are listed by name; one that is accepted after all fails
//! the test, so that the list shrinks.

use cnnc_frontends::onnx::{ImportOptions, import, import_file};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Well-formed files with operators that cnnc lacks.
const LACKING: &[&str] = &["000_good_quantize.onnx", "000_good_dequantize_axis.onnx"];

#[test]
fn files_are_judged_as_the_manifest_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = ["../shared/models/bad", "../../shared/models/bad"].map(|f| root.join(f));
    let Some(folder) = folder.into_iter().find(|f| f.is_dir()) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no folder of hostile models");
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.csv")).expect("the manifest");
    let (mut judged, mut wrong) = (0, Vec::new());
    for line in manifest.lines().skip(1) {
        let (file, expected) =
            (line.split(',').next().unwrap_or(""), columns(line).pop().unwrap_or_default());
        let path = folder.join(file);
        let start = Instant::now();
        let options = ImportOptions::default();
        let from_file = import_file(&path, &options);
        let from_memory = import(&std::fs::read(&path).expect(file), &options);
        assert!(start.elapsed() < Duration::from_secs(2), "{file} took {:?}", start.elapsed());
        assert_eq!(from_file.is_ok(), from_memory.is_ok(), "{file}: from a file and from memory");
        for problem in from_file.as_ref().err().into_iter().flatten() {
            let text = problem.to_string();
            let plain = !text.chars().any(char::is_control) && text.len() < 1000;
            assert!(plain && text.starts_with("E_"), "{file}: {text:?}");
        }
        let lacking = LACKING.contains(&file);
        let as_expected = match expected.split([',', ' ', '(']).next() {
            Some("accept") => from_file.is_ok() != lacking,
            Some("reject") => from_file.is_err(),
            // What is left says what must not happen, not what must.
            _ => true,
        };
        judged += 1;
        if !as_expected {
            let why = from_file.err().map(|problems| problems[0].to_string());
            wrong.push(format!("{file}: expected {expected:?}, problem {why:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {judged} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged >= 80, "only {judged} files were judged");
}

/// The columns of a line of comma-separated values, some in double quotes.
fn columns(line: &str) -> Vec<String> {
    let mut columns = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => columns.push(String::new()),
            c => columns.last_mut().into_iter().for_each(|column| column.push(c)),
        }
    }
    columns
}
