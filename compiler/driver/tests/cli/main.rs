//! The command line: exit statuses, messages, results, files. Each test runs the binary as a user does, in a folder of
//! its own, on networks that are written there.

mod arch;
mod compile;
mod elements;
mod examples;
mod files;
mod receptive;
mod report;
mod run;
mod show;
mod verify;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use onnx_protobuf::tensor_shape_proto::{Dimension, dimension};
use onnx_protobuf::{Message, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto};
use serde_json::Value;

/// A small classifier of pictures: 1x3x12x10 to ten scores.
const CLASSIFIER: &str = "\
graph @classifier(%x: f32[1,3,12,10]) {
  %w: f32[16,3,3,3] = const rand(1, min=-0.5, max=0.5)
  %b: f32[16] = const rand(2)
  %c: f32[1,16,12,10] = conv %x, %w, %b, pad=1
  %r: f32[1,16,12,10] = relu %c
  %v: f32[8,16,3,3] = const rand(3, min=-0.5, max=0.5)
  %d: f32[1,8,6,5] = conv %r, %v, stride=2, pad=1
  %f: f32[1,240] = reshape %d, shape=[1,240]
  %u: f32[240,10] = const rand(4, min=-0.1, max=0.1)
  %y: f32[1,10] = gemm %f, %u
  return %y
}
";

/// Gives its input back, negative elements as zero: what a picture became can be read off.
const MIRROR: &str = "\
graph @mirror(%x: f32[1,3,4,5]) {
  %y: f32[1,3,4,5] = relu %x
  return %y
}
";

/// A file of ONNX with two nodes that cannot be compiled, and one that depends on the first.
fn unsupported() -> Vec<u8> {
    let nodes = [("NonZero", "x", "p"), ("NonZero", "x", "q"), ("Neg", "p", "y")];
    onnx(&nodes, "x", &["q", "y"])
}

/// A file of ONNX: operators of one operand; inputs and outputs are of four elements.
fn onnx(nodes: &[(&str, &str, &str)], input: &str, outputs: &[&str]) -> Vec<u8> {
    let node = |&(op_type, from, to): &(&str, &str, &str)| NodeProto {
        op_type: op_type.into(),
        name: to.into(),
        input: vec![from.into()],
        output: vec![to.into()],
        ..NodeProto::default()
    };
    let of_four = |name: &&str| value(name, &[dimension::Value::DimValue(4)]);
    model(nodes.iter().map(node).collect(), [of_four(&input)], outputs.iter().map(of_four))
}

/// A file of ONNX: the sum of two inputs whose extents have names.
fn symbolic(inputs: &[(&str, &[&str]); 2]) -> Vec<u8> {
    let node = NodeProto {
        op_type: "Add".into(),
        input: inputs.iter().map(|(name, _)| name.to_string()).collect(),
        output: vec!["y".into()],
        ..NodeProto::default()
    };
    let extents = |names: &[&str]| -> Vec<dimension::Value> {
        names.iter().map(|name| dimension::Value::DimParam(name.to_string())).collect()
    };
    let of = |(name, names): &(&str, &[&str])| value(name, &extents(names));
    model(vec![node], inputs.iter().map(of), [of(&("y", inputs[0].1))])
}

/// An input or output of f32.
fn value(name: &str, extents: &[dimension::Value]) -> ValueInfoProto {
    let mut info = ValueInfoProto { name: name.into(), ..ValueInfoProto::default() };
    let tensor = info.type_.mut_or_insert_default().mut_tensor_type();
    tensor.elem_type = 1;
    let dim = |extent: &dimension::Value| Dimension { value: Some(extent.clone()), ..Dimension::default() };
    tensor.shape.mut_or_insert_default().dim.extend(extents.iter().map(dim));
    info
}

/// The bytes of a file of ONNX.
fn model(
    nodes: Vec<NodeProto>,
    inputs: impl IntoIterator<Item = ValueInfoProto>,
    outputs: impl IntoIterator<Item = ValueInfoProto>,
) -> Vec<u8> {
    let mut model = ModelProto { ir_version: 8, ..ModelProto::default() };
    model.opset_import.push(OperatorSetIdProto { version: 13, ..OperatorSetIdProto::default() });
    let graph = model.graph.mut_or_insert_default();
    graph.name = "bad".into();
    graph.node = nodes;
    graph.input.extend(inputs);
    graph.output.extend(outputs);
    model.write_to_bytes().unwrap()
}

/// A folder to work in.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    /// A folder with one network.
    fn with(name: &str, bytes: impl AsRef<[u8]>) -> Folder {
        let folder = Folder::new();
        folder.write(name, bytes);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every file, sorted.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs `cnnc` here; arguments are separated by blanks.
    fn cnnc(&self, arguments: &str) -> Ran {
        self.run(Path::new(env!("CARGO_BIN_EXE_cnnc")), &arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs a program here.
    fn run(&self, program: &Path, arguments: &[&str]) -> Ran {
        let mut command = Command::new(program);
        let output = command.args(arguments).current_dir(self.0.path()).output();
        let name = program.file_name().unwrap().to_string_lossy();
        Ran {
            command: format!("{name} {}", arguments.join(" ")),
            output: output.unwrap_or_else(|error| panic!("{name}: {error}")),
        }
    }
}

/// A program that ended.
struct Ran {
    command: String,
    output: Output,
}

impl Ran {
    fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }

    /// Status 0 and nothing on standard error; gives what was printed.
    #[track_caller]
    fn good(&self) -> String {
        let (status, stderr) = (self.output.status.code(), self.stderr());
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{}", self.command);
        self.stdout()
    }

    /// Status 0 and JSON.
    #[track_caller]
    fn json(&self) -> Value {
        let text = self.good();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", self.command))
    }

    /// Status 1 and one line an error; gives the lines.
    #[track_caller]
    fn bad(&self) -> Vec<String> {
        let lines: Vec<String> = self.stderr().lines().map(String::from).collect();
        assert_eq!(self.output.status.code(), Some(1), "{}: {lines:?}", self.command);
        assert!(!lines.is_empty(), "{} says nothing", self.command);
        for line in &lines {
            let is_whole = line.starts_with("error: E_") && line.contains("; help: ");
            assert!(is_whole, "{}: {line}", self.command);
        }
        lines
    }

    /// Status 1 and one error that contains all of this.
    #[track_caller]
    fn refuses(&self, parts: &[&str]) {
        let lines = self.bad();
        assert_eq!(lines.len(), 1, "{}: {lines:?}", self.command);
        for part in parts {
            assert!(lines[0].contains(part), "{}: no {part:?} in {}", self.command, lines[0]);
        }
    }

    /// Status 2: an error in the command line.
    #[track_caller]
    fn usage(&self, part: &str) {
        assert_eq!(self.output.status.code(), Some(2), "{}", self.command);
        assert!(self.stderr().contains(part), "{}: no {part:?} in {}", self.command, self.stderr());
    }
}

/// The `f32` elements of a .npy file, which stand at its end.
fn npy(bytes: &[u8]) -> Vec<f32> {
    npyz::NpyFile::new(bytes).unwrap().into_vec().unwrap()
}

/// A trained network beside the repository, if there is one.
fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3)?;
    let path = root.join("shared/models").join(path);
    if path.exists() {
        return Some(path);
    }
    let name = path.file_name()?.to_string_lossy();
    let _ = writeln!(std::io::stderr(), "skipped: shared/models has no {name}");
    None
}
