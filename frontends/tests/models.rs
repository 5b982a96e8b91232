//! Trained networks: imported, evaluated, and compared with the outputs that come with them.
//!
//! The networks lie outside of the project; without them the test says so and passes.

use cnnc_frontends::onnx::{ImportOptions, import_file, tensor_from_pb};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::{Tensor, verify};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of networks beside the project.
fn models() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models");
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/models");
    [folder, beside].into_iter().find(|f| f.is_dir())
}

/// The tensors `input_0.pb`, `input_1.pb`, ... of a data set.
fn tensors(set: &Path, kind: &str) -> Vec<Tensor> {
    let file = |k: usize| std::fs::read(set.join(format!("{kind}_{k}.pb")));
    (0..).map_while(|k| file(k).ok()).map(|bytes| tensor_from_pb(&bytes).expect("a tensor")).collect()
}

/// Compares a network with its data sets; returns how many numbers were compared.
fn compare(name: &str, sets: usize) -> usize {
    let Some(models) = models() else {
        let _ = writeln!(std::io::stderr(), "SKIPPED {name}: there is no folder of models");
        return 0;
    };
    let folder = models.join(name);
    let mut compared = 0;
    for k in 0..sets {
        let set = folder.join(format!("test_data_set_{k}"));
        let (inputs, expected) = (tensors(&set, "input"), tensors(&set, "output"));
        assert!(!inputs.is_empty() && !expected.is_empty(), "{name}: set {k} is empty");
        let options = ImportOptions { batch: batch(name, &inputs), ..ImportOptions::default() };
        let module = import_file(&folder.join("model.onnx"), &options).expect(name);
        verify::verify(&module).expect(name);
        let results = evaluate(&module, &inputs, Precision::F32).expect(name);
        assert_eq!(results.len(), expected.len(), "{name}: outputs");
        for (result, expected) in results.iter().zip(&expected) {
            assert_eq!(result.ty(), expected.ty(), "{name}");
            let (got, want) = (result.data().to_f64(), expected.data().to_f64());
            let scale = want.iter().fold(0.0, |max: f64, y| max.max(y.abs()));
            let worst = got.iter().zip(&want).fold(0.0, |max: f64, (a, b)| max.max((a - b).abs()));
            let finite = got.iter().all(|x| x.is_finite());
            assert!(
                finite && worst <= 1e-4 * scale,
                "{name}, set {k}: off by {worst}, the largest is {scale}"
            );
            assert!(want.iter().any(|y| *y != want[0]), "{name}, set {k}: all outputs are equal");
            compared += want.len();
        }
    }
    compared
}

/// The batch of the data where the network leaves it open.
fn batch(name: &str, inputs: &[Tensor]) -> Option<usize> {
    let open = ["mnist-mlp-dynbatch", "resnet20_cifar10", "super-resolution-10"].contains(&name);
    open.then(|| inputs[0].shape()[0])
}

macro_rules! networks {
    ($($test:ident: $name:literal, $sets:literal sets, $count:literal numbers;)*) => {
        $(#[test]
        fn $test() {
            let compared = compare($name, $sets);
            assert!(compared == $count || models().is_none(), "{compared} numbers were compared");
        })*
    };
}

networks! {
    mnist: "mnist-8", 3 sets, 30 numbers;
    mnist_mlp: "mnist-mlp-dynbatch", 3 sets, 110 numbers;
    resnet20: "resnet20_cifar10", 3 sets, 80 numbers;
    squeezenet: "squeezenet_v1.1", 3 sets, 3000 numbers;
    mobilenet_v2: "mobilenet_v2_1.0_224-float", 3 sets, 3003 numbers;
    super_resolution: "super-resolution-10", 1 sets, 451584 numbers;
    ultraface: "ultraface-slim-320-simplified", 1 sets, 26520 numbers;
}
