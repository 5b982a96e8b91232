//! onnxruntime, which is the oracle of what we write: run by the Python that `CNNC_PYTHON` names.

use crate::models::{root, tensors};
use cnnc_frontends::onnx::tensor_to_pb;
use cnnc_ir::Tensor;
use std::path::Path;
use std::process::Command;

/// What a model gives for these inputs; a visible line and nothing where no Python is named.
pub fn run(model: &Path, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
    run_all(&[(model, inputs)])?.pop()
}

/// What each model gives for its inputs, all of them in one process.
pub fn run_all(cases: &[(&Path, &[Tensor])]) -> Option<Vec<Vec<Tensor>>> {
    let Ok(python) = std::env::var("CNNC_PYTHON") else {
        eprintln!("skipped: CNNC_PYTHON names no Python with onnxruntime");
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
    Some(folders.iter().map(|folder| tensors(folder.path(), "output")).collect())
}
