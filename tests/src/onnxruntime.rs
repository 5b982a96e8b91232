//! onnxruntime, which is the oracle of what we write: run by the Python that `CNNC_PYTHON` names.

use crate::count::say;
use crate::models::{root, tensors};
use cnnc_frontends::onnx::tensor_to_pb;
use cnnc_ir::Tensor;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// What a model gives for these inputs; a visible line and nothing where no Python is named.
pub fn run(model: &Path, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
    let result = run_all(&[(model, inputs)])?.pop()?;
    Some(result.unwrap_or_else(|error| panic!("onnxruntime: {error}")))
}

/// What each model gives for its inputs, or what is wrong with it; all of them in one process.
pub fn run_all(cases: &[(&Path, &[Tensor])]) -> Option<Vec<Result<Vec<Tensor>, String>>> {
    let Ok(python) = std::env::var("CNNC_PYTHON") else {
        say("skipped: CNNC_PYTHON names no Python with onnxruntime");
        return None;
    };
    let mut command = Command::new(python);
    command.arg(root().join("tests/onnxruntime.py"));
    let mut folders = Vec::new();
    for (model, inputs) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        for (k, input) in inputs.iter().enumerate() {
            let bytes = tensor_to_pb(&format!("input_{k}"), input);
            std::fs::write(folder.path().join(format!("input_{k}.pb")), bytes).expect("a file");
        }
        command.arg(model).arg(folder.path());
        folders.push(folder);
    }
    let ran = command.output().expect("a Python");
    assert!(ran.status.success(), "onnxruntime: {}", String::from_utf8_lossy(&ran.stderr));
    let result = |folder: &TempDir| match std::fs::read_to_string(folder.path().join("error")) {
        Ok(error) => Err(error),
        Err(_) => Ok(tensors(folder.path(), "output")),
    };
    Some(folders.iter().map(result).collect())
}
