//! What users read when something is wrong: one text for every class of error, as it stands in `snapshots/`.
//!
//! Each is one line that says what was given, which rule it breaks, and a way out; none shows a structure of Rust.

use cnnc::{ArchOptions, Error, Options, PassOptions};
use cnnc_frontends::onnx::{ImportOptions, import};
use cnnc_ir::text;
use cnnc_runtime::{DType, Model, RunError, WorkspaceError};
use std::fmt::{Display, Write as _};
use std::path::Path;

const NETWORK: &str = "\
graph @net(%x: f32[1,3,8,8]) {
  %w: f32[4,3,3,3] = const rand(1)
  %y: f32[1,4,8,8] = conv %x, %w, pad=1
  return %y
}
";

/// What is wrong with a text of the graph language, by what is changed in the network above.
const TEXTS: [(&str, &str, &str); 12] = [
    ("no graph", NETWORK, ""),
    ("an operator that is none", "conv", "convolve"),
    ("an unknown value", "conv %x", "conv %z"),
    ("too few operands", "%x, %w", "%x"),
    ("another type than inferred", "f32[1,4,8,8]", "f32[1,4,7,8]"),
    ("an unknown attribute", "pad=1", "padding=1"),
    ("a stride of zero", "pad=1", "stride=0"),
    ("a window larger than the picture", "pad=1", "dilation=9"),
    ("groups that do not divide", "pad=1", "groups=2"),
    ("a number that is none", "rand(1)", "rand(x)"),
    ("a name twice", "%y", "%w"),
    ("an end too early", "  return %y\n}\n", ""),
];

/// Adds a text and checks what all of them have in common.
fn add(texts: &mut String, class: &str, error: &dyn Display) {
    let message = error.to_string();
    let rust = ["{ ", "Some(", "None", "Err(", "Ok(", "RUST_BACKTRACE", "panicked", "unwrap", ".rs:"];
    let shows = rust.iter().find(|word| message.contains(**word));
    assert!(shows.is_none(), "{class}: {message:?} shows {shows:?}");
    assert!(!message.is_empty() && message.lines().all(|line| !line.contains(char::is_control)), "{class}");
    writeln!(texts, "{class}\n    {}", message.replace('\n', "\n    ")).unwrap();
}

fn compiled(network: &str, options: Options) -> Error {
    cnnc::compile(&text::parse(network).unwrap(), &options).expect_err("it is wrong")
}

#[test]
fn texts_of_every_class() {
    let mut texts = String::new();
    for (class, from, to) in TEXTS {
        let wrong = NETWORK.replace(from, to);
        assert_ne!(wrong, NETWORK);
        add(&mut texts, &format!("text: {class}"), &text::parse(&wrong).expect_err(class));
    }
    for (class, bytes) in [("no protobuf", &b"\xFF\xFF\xFF"[..]), ("nothing", b"")] {
        let problems = import(bytes, &ImportOptions::default()).expect_err(class);
        add(&mut texts, &format!("file: {class}"), &Error::from(problems));
    }

    let folder = tempfile::tempdir().unwrap();
    let options = Options::default();
    let load = |path: &Path, options: &Options| cnnc::load(path, options).expect_err("it is wrong");
    add(&mut texts, "source: a name that is nearly one", &load(Path::new("resnet5"), &options));
    add(&mut texts, "source: no such file", &load(Path::new("absent.cnn"), &options));
    let arch = ArchOptions { size: Some(1), ..ArchOptions::default() };
    let small = Options { arch, ..Options::default() };
    add(&mut texts, "source: pictures too small", &load(Path::new("alexnet"), &small));

    let little = Options { max_memory: 100, ..Options::default() };
    add(&mut texts, "compile: over the limit of memory", &compiled(NETWORK, little));
    let short = Options { max_code: 1000, ..Options::default() };
    let long = cnnc::compile(&text::parse(NETWORK).unwrap(), &short).unwrap();
    add(&mut texts, "compile: over the limit of code", &long.jit().err().unwrap());
    let passes = PassOptions { disable: vec!["fold".into()], ..PassOptions::default() };
    let no_pass = Options { passes, ..Options::default() };
    let names: Vec<&str> = cnnc_passes::PIPELINE.iter().map(|pass| pass.name).collect();
    let no_pass = compiled(NETWORK, no_pass).to_string().replace(&names.join(", "), "NAMES");
    add(&mut texts, "compile: a pass that is none", &no_pass);

    let good = cnnc::compile(&text::parse(NETWORK).unwrap(), &options).unwrap();
    let written = |name: &str| good.write(&folder.path().join(name)).unwrap_err().to_string();
    let written = |name: &str| written(name).replace(&*folder.path().to_string_lossy(), "FOLDER");
    add(&mut texts, "write: another ending", &written("net.dll"));
    add(&mut texts, "write: no such folder", &written("absent/net.so"));

    let model = good.jit().unwrap();
    let mut workspace = cnnc::Workspace::new(&model, 1).unwrap();
    let (x, mut y) = (vec![0.0; 192], vec![0.0; 256]);
    let mut run =
        |x: &[&[f32]], y: &mut [f32]| Error::from(model.run_f32(x, &mut [y], &mut workspace).unwrap_err());
    add(&mut texts, "run: too few inputs", &run(&[], &mut y));
    add(&mut texts, "run: an input too short", &run(&[&x[1..]], &mut y));
    add(&mut texts, "run: an output too long", &run(&[&x], &mut [0.0; 257]));
    let tensor = "input \"x\"".to_string();
    add(&mut texts, "run: another type", &RunError::DType { tensor, given: DType::F32, expected: DType::U8 });
    for status in 1..=9 {
        let error = RunError::from_status(status).unwrap_err();
        add(&mut texts, &format!("run: status {status}"), &Error::from(error));
    }
    for error in [WorkspaceError::TooLarge, WorkspaceError::OutOfMemory(1 << 40)] {
        add(&mut texts, "workspace", &Error::from(error));
    }
    std::fs::write(folder.path().join("net.so"), "no library").unwrap();
    let opened = Model::open(folder.path().join("net.so")).unwrap_err();
    let opened = Error::from(opened).to_string().replace(&*folder.path().to_string_lossy(), "FOLDER");
    add(&mut texts, "open: no library", &opened);

    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("errors", texts);
    });
}
