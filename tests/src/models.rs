//! The models and pictures that lie beside the project: where they are, how their tensors are read.
//!
//! A test that needs a folder which is missing skips with a visible line.

use crate::count::say;
use cnnc_frontends::onnx::{self, ImportOptions};
use cnnc_ir::{Module, Tensor};
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace stands around this crate")
}

/// A folder beside the project, or a visible line saying what is skipped.
pub fn shared(path: &str) -> Option<PathBuf> {
    found(root().join("../shared/models").join(path), "it lies beside the project")
}

/// A file that the test command made, or a visible line saying what is skipped.
pub fn made(path: &str) -> Option<PathBuf> {
    found(root().join(path), "tests/run.sh makes it")
}

fn found(path: PathBuf, origin: &str) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    say(&format!("skipped: {} is missing, {origin}", path.display()));
    None
}

/// Imports a model, its symbolic first dimension bound to `batch`.
pub fn import(path: &Path, batch: usize) -> Module {
    let options = ImportOptions { batch: Some(batch), ..ImportOptions::default() };
    onnx::import_file(path, &options).unwrap_or_else(|errors| {
        let lines: Vec<String> = errors.iter().map(|e| e.to_string()).collect();
        panic!("{}:\n{}", path.display(), lines.join("\n"))
    })
}

/// The tensors `input_0.pb`, `input_1.pb`, .. of a data set.
pub fn tensors(folder: &Path, stem: &str) -> Vec<Tensor> {
    (0..)
        .map(|i| folder.join(format!("{stem}_{i}.pb")))
        .take_while(|path| path.exists())
        .map(|path| onnx::tensor_from_pb(&std::fs::read(path).unwrap()).unwrap_or_else(|e| panic!("{e}")))
        .collect()
}

/// The data sets of a model: inputs and wanted outputs. There is at least one.
pub fn data_sets(model: &Path) -> Vec<(Vec<Tensor>, Vec<Tensor>)> {
    let sets: Vec<_> = (0..)
        .map(|i| model.join(format!("test_data_set_{i}")))
        .take_while(|folder| folder.exists())
        .map(|folder| (tensors(&folder, "input"), tensors(&folder, "output")))
        .collect();
    assert!(!sets.is_empty(), "{} has no data", model.display());
    sets
}

/// A picture of `size` x `size` pixels, interleaved u8 RGB, as planes: `(value * scale - mean[c]) / std[c]`.
pub fn planes(bytes: &[u8], size: usize, scale: f32, mean: [f32; 3], std: [f32; 3]) -> Vec<f32> {
    assert_eq!(bytes.len(), size * size * 3);
    (0..3)
        .flat_map(|c| (0..size * size).map(move |p| (f32::from(bytes[3 * p + c]) * scale - mean[c]) / std[c]))
        .collect()
}

/// The index of the largest element.
pub fn top(y: &[f32]) -> usize {
    top_n(y, 1)[0]
}

/// The indices of the `n` largest elements, largest first.
pub fn top_n(y: &[f32], n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..y.len()).collect();
    order.sort_by(|&a, &b| y[b].total_cmp(&y[a]));
    order.truncate(n);
    order
}

/// The largest difference, in units of the largest wanted magnitude. NaN fails, and so does comparing nothing.
#[track_caller]
pub fn difference(wanted: &[f32], got: &[f32]) -> f64 {
    assert_eq!(wanted.len(), got.len(), "elements");
    assert!(!wanted.is_empty(), "nothing to compare");
    assert!(got.iter().all(|x| x.is_finite()), "a result is not finite");
    let scale = wanted.iter().fold(f64::MIN_POSITIVE, |m, &x| m.max(f64::from(x.abs())));
    let most = wanted.iter().zip(got).map(|(&w, &g)| (f64::from(w) - f64::from(g)).abs()).fold(0.0, f64::max);
    most / scale
}

/// The difference in L2 norm, relative to that of what is wanted.
#[track_caller]
pub fn relative_l2(wanted: &[f32], got: &[f32]) -> f64 {
    assert_eq!(wanted.len(), got.len(), "elements");
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|d| d * d).sum::<f64>().sqrt();
    let distance = norm(&mut wanted.iter().zip(got).map(|(&w, &g)| f64::from(w) - f64::from(g)));
    let scale = norm(&mut wanted.iter().map(|&w| f64::from(w)));
    assert!(scale > 0.0, "everything wanted is zero");
    distance / scale
}
