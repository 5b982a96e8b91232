//! What users read when something is wrong: one text for every class of error, as it stands in `snapshots/`.
//!
//! ```text
//! E_LIMIT node %x (input): its value, f32[1,3,8,8], takes 768 bytes, the limit is 100; help: use smaller shapes, ..
//! code    place            rule                                                        way out
//! ```
//!
//! Each problem is one line with these four; none shows a structure of Rust. No code is without a text. The texts of
//! hostile files stand beside `compiler/driver/tests/hostile.rs`.

use cnnc::{ArchOptions, Error, Options, PassOptions};
use cnnc_codegen::artifact;
use cnnc_codegen::plan::PlanError;
use cnnc_frontends::onnx::{ImportOptions, import};
use cnnc_ir::{ValueError, text};
use cnnc_runtime::{DType, Model, RunError, WorkspaceError};
use cnnc_tests::models::root;
use onnx_protobuf::{
    GraphProto, Message, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

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

/// The texts so far.
struct Texts {
    /// What they become.
    text: String,
    /// A folder of files; it has no name in the texts.
    folder: tempfile::TempDir,
}

impl Texts {
    /// Adds the text of a class and checks what all of them have in common, a place of these words among it.
    fn add(&mut self, class: &str, place: &str, error: impl Into<Error>) {
        let message = error.into().to_string().replace(&*self.folder.path().to_string_lossy(), "FOLDER");
        let rust = ["{ ", "Some(", "None", "Err(", "Ok(", "RUST_BACKTRACE", "panicked", "unwrap", ".rs:"];
        let shows = rust.iter().find(|word| message.contains(**word));
        assert!(shows.is_none(), "{class}: {message:?} shows {shows:?}");
        assert!(!message.is_empty(), "{class}");
        for line in message.lines() {
            let code = line.split([' ', ':']).next().unwrap_or_default();
            assert!(code.starts_with("E_"), "{class}: {line:?} has no code");
            let (what, help) =
                line.split_once("; help: ").unwrap_or_else(|| panic!("{class}: {line:?} has no way out"));
            assert!(what.contains(place), "{class}: {line:?} does not say where, {place:?}");
            assert!(what.len() > code.len() + 10 && help.len() > 10, "{class}: {line:?} says too little");
            assert!(!line.contains(char::is_control) && line.len() < 800, "{class}: {line:?} is no line");
        }
        writeln!(self.text, "{class}\n    {}", message.replace('\n', "\n    ")).unwrap();
    }

    /// Writes a file; its path.
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// The codes that stand in the sources.
fn codes() -> BTreeSet<String> {
    let sources = ["compiler", "frontends", "passes", "runtime"].map(|folder| root().join(folder));
    let mut codes = BTreeSet::new();
    let mut pending = Vec::from(sources);
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let defined = text.lines().filter_map(|line| line.trim().strip_prefix("pub const E_"));
            let names =
                defined.filter(|line| line.contains("str = \"E_")).filter_map(|line| line.split(':').next());
            codes.extend(names.map(|name| format!("E_{name}")));
        }
    }
    codes
}

/// An ONNX file of one node, which may read a list of integers.
fn one_node(op_type: &str, list: Option<&[i64]>) -> Vec<u8> {
    let list = list.map(|list| TensorProto {
        name: "list".into(),
        data_type: 7,
        dims: vec![list.len() as i64],
        int64_data: list.to_vec(),
        ..Default::default()
    });
    let node = NodeProto {
        name: "conv5".into(),
        op_type: op_type.into(),
        input: list.iter().map(|list| list.name.clone()).collect(),
        output: vec!["y".into()],
        ..Default::default()
    };
    let output = ValueInfoProto { name: "y".into(), ..Default::default() };
    let initializer = list.into_iter().collect();
    let graph = GraphProto { node: vec![node], output: vec![output], initializer, ..Default::default() };
    let opset = OperatorSetIdProto { version: 13, ..Default::default() };
    let model = ModelProto {
        ir_version: 8,
        graph: Some(graph).into(),
        opset_import: vec![opset],
        ..Default::default()
    };
    model.write_to_bytes().unwrap()
}

fn compiled(network: &str, options: Options) -> Error {
    cnnc::compile(&text::parse(network).unwrap(), &options).expect_err("it is wrong")
}

#[test]
fn texts_of_every_class() {
    let mut texts = Texts { text: String::new(), folder: tempfile::tempdir().unwrap() };
    let options = Options::default();
    let load = |path: &Path, options: &Options| cnnc::load(path, options).expect_err("it is wrong");
    for (class, from, to) in TEXTS {
        let wrong = NETWORK.replace(from, to);
        assert_ne!(wrong, NETWORK);
        let path = texts.file("net.cnn", wrong);
        texts.add(&format!("text: {class}"), "FOLDER/net.cnn:", load(&path, &options));
    }
    let files = [
        ("no protobuf", "byte 0", b"\xFF\xFF\xFF".to_vec()),
        ("nothing", "the file", Vec::new()),
        ("an operator that is none", "node 0 \"conv5\" (Convolve)", one_node("Convolve", None)),
        ("too few inputs", "node 0 \"conv5\" (Conv)", one_node("Conv", None)),
    ];
    for (class, place, bytes) in files {
        let problems = import(&bytes, &ImportOptions::default()).expect_err(class);
        texts.add(&format!("file: {class}"), place, problems);
    }

    // A hundred bytes that ask for 1 GiB.
    let path = texts.file("net.onnx", one_node("ConstantOfShape", Some(&[1 << 28])));
    texts.add("source: over the limit of what is generated", "node 0 \"conv5\"", load(&path, &options));
    let granted = load(&path, &Options { max_generated: 1 << 30, ..Options::default() }).to_string();
    assert!(!granted.contains("E_LIMIT"), "{granted}");

    texts.add("source: a name that is nearly one", "\"resnet5\"", load(Path::new("resnet5"), &options));
    texts.add("source: no such file", "absent.cnn", load(Path::new("absent.cnn"), &options));
    let arch = ArchOptions { size: Some(1), ..ArchOptions::default() };
    let small = Options { arch, ..Options::default() };
    texts.add("source: pictures too small", "alexnet", load(Path::new("alexnet"), &small));
    let path = texts.file("net.cnn", NETWORK);
    let header = r#"{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let others = [&header.len().to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat();
    for (class, place, bytes) in
        [("other tensors", "\"", &others[..]), ("no weights", "FOLDER/net.safetensors", b"none")]
    {
        let weights = Some(texts.file("net.safetensors", bytes));
        texts.add(
            &format!("source: {class}"),
            place,
            load(&path, &Options { weights, ..Options::default() }),
        );
    }

    let little = Options { max_memory: 100, ..Options::default() };
    texts.add("compile: over the limit of memory", "node %x (input)", compiled(NETWORK, little));
    let short = Options { max_code: 1000, ..Options::default() };
    let long = cnnc::compile(&text::parse(NETWORK).unwrap(), &short).unwrap();
    texts.add("compile: over the limit of code", "the code", long.jit().err().unwrap());
    let passes = PassOptions { disable: vec!["fold".into()], ..PassOptions::default() };
    texts.add(
        "compile: a pass that is none",
        "fold",
        compiled(NETWORK, Options { passes, ..Options::default() }),
    );
    let names: Vec<&str> = cnnc_passes::PIPELINE.iter().map(|pass| pass.name).collect();
    texts.text = texts.text.replace(&names.join(", "), "NAMES");
    let refused = ValueError::NoMemory(1 << 40, 4).to_string();
    let plans = [
        ("an operator without a plan", "it is not compiled yet".to_string(), false),
        ("no memory for a constant", refused, true),
    ];
    for (class, message, no_memory) in plans {
        let (node, op) = ("y".into(), "conv".into());
        let errors = vec![PlanError { node, op, message, no_memory }];
        texts.add(&format!("compile: {class}"), "node %y (conv)", errors);
    }
    texts.add("compile: a bug", "the plan", artifact::Error::Internal("the plan breaks (P1)".into()));

    let good = cnnc::compile(&text::parse(NETWORK).unwrap(), &options).unwrap();
    let written = |texts: &Texts, name: &str| good.write(&texts.folder.path().join(name)).unwrap_err();
    texts.add("write: another ending", "FOLDER/net.dll", written(&texts, "net.dll"));
    texts.add("write: no such folder", "FOLDER/absent/net.so", written(&texts, "absent/net.so"));

    let model = good.jit().unwrap();
    let mut workspace = cnnc::Workspace::new(&model, 1).unwrap();
    let (x, mut y) = (vec![0.0; 192], vec![0.0; 256]);
    let mut run = |x: &[&[f32]], y: &mut [f32]| model.run_f32(x, &mut [y], &mut workspace).unwrap_err();
    texts.add("run: too few inputs", "input", run(&[], &mut y));
    texts.add("run: an input too short", "input \"x\"", run(&[&x[1..]], &mut y));
    texts.add("run: an output too long", "output \"y\"", run(&[&x], &mut [0.0; 257]));
    let tensor = "input \"x\"".to_string();
    let other = RunError::DType { tensor, given: DType::F32, expected: DType::U8 };
    texts.add("run: another type", "input \"x\"", other);
    let places = [
        "pointer of the call",
        "workspace",
        "workspace",
        "processor",
        "external weights",
        "executor",
        "the call",
        "the run",
        "the model",
    ];
    for (status, place) in (1..).zip(places) {
        texts.add(&format!("run: status {status}"), place, RunError::from_status(status).unwrap_err());
    }
    for error in [WorkspaceError::TooLarge, WorkspaceError::OutOfMemory(1 << 40)] {
        texts.add("workspace", "workspace", error);
    }
    let path = texts.file("net.so", "no library");
    texts.add("open: no library", "FOLDER/net.so", Model::open(path).unwrap_err());

    let codes = codes();
    assert!(codes.len() >= 10, "{codes:?}");
    let has_text = |code: &&String| texts.text.contains(&format!("    {code}"));
    let without: Vec<&String> = codes.iter().filter(|code| !has_text(code)).collect();
    assert!(without.is_empty(), "codes without a text: {without:?}");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("errors", texts.text);
    });
}
