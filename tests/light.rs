//! The light graphs of the onnx package: as they are, and with random weights against onnxruntime.
//!
//! `CNNC_LIGHT_SEEDS` says how many drawings of weights tests/run.sh has made, one if nobody says; where that is said,
//! or where they are kept, so many must be there.

use cnnc_codegen::Target;
use cnnc_ir::{Shape, Tensor};
use cnnc_tests::compiled::{bits, jit, run, targets};
use cnnc_tests::count::{number, report, say};
use cnnc_tests::models::{data_sets, difference, import, made, relative_l2, tensors};
use std::path::PathBuf;

/// The constant weights of the light graphs make one constant of every input: this proves import and shapes alone.
fn light(name: &str) {
    let Some(site) = made(".venv/lib") else { return };
    let python = std::fs::read_dir(site).unwrap().next().unwrap().unwrap().path();
    let folder = python.join("site-packages/onnx/backend/test/data/light");
    let model = jit(import(&folder.join(format!("light_{name}.onnx")), 1), &Target::x86_64_v3());
    let wanted = cnnc_frontends::onnx::tensor_from_pb(
        &std::fs::read(folder.join(format!("light_{name}_output_0.pb"))).unwrap(),
    )
    .unwrap();
    let shape = Shape::from_signed(&model.inputs()[0].shape).unwrap();
    let x = Tensor::of(&shape, (0..shape.elements()).map(|i| (i % 97) as f32 / 97.0).collect());
    let got = run(&model, &[x], 2);
    let d = difference(wanted.slice::<f32>(), &got[0]);
    assert!(d <= 1e-3, "{name}: {d:e}");
}

/// The same graph with random weights, of each seed that was drawn: the logits of onnxruntime, the last output; and the
/// same bits from either emitter and any number of threads.
fn random(name: &str) {
    let wanted = number("CNNC_LIGHT_SEEDS", 1);
    let said = std::env::var_os("CNNC_LIGHT_SEEDS").is_some();
    let Some(kept) = made("target/oracle/light_random").or_else(|| said.then(PathBuf::new)) else { return };
    let folders = (0..wanted).map(|seed| kept.join(format!("{name}-{seed}")));
    let folders: Vec<PathBuf> = folders.filter(|folder| folder.join("done").exists()).collect();
    for folder in &folders {
        let module = import(&folder.join("model.onnx"), 1);
        let models = targets().map(|target| jit(module.clone(), &target));
        for (inputs, wanted) in data_sets(folder) {
            let got = run(&models[0], &inputs, 2);
            assert_eq!(got.len(), wanted.len());
            let logits = wanted.last().unwrap().slice::<f32>();
            assert!(logits.iter().any(|&y| y != logits[0]), "{name}: onnxruntime gives a constant");
            let d = relative_l2(logits, got.last().unwrap());
            assert!(d <= 3e-5, "{name}: relative L2 {d:e}");
            say(&format!("{name}: relative L2 of the logits {d:.1e}"));
            for (k, threads) in (0..models.len()).flat_map(|k| (1..=8).map(move |threads| (k, threads))) {
                let other = run(&models[k], &inputs, threads);
                assert!(bits(&other) == bits(&got), "{name}: way {k} on {threads} threads gives other bits");
            }
        }
        assert!(!tensors(&folder.join("test_data_set_0"), "input").is_empty());
    }
    let missing = wanted - folders.len();
    report(&format!("drawings of the light {name} against onnxruntime"), folders.len(), missing);
    assert!(wanted > 0 && missing == 0, "{name}: {missing} of {wanted} drawings are missing");
}

macro_rules! light {
    ($($test:ident $name:literal $random:literal,)*) => { $(
        #[test]
        fn $test() {
            light($name);
            random($random);
        }
    )* };
}

light! {
    alexnet "bvlc_alexnet" "alexnet",
    densenet121 "densenet121" "densenet121",
    inception_v1 "inception_v1" "inception_v1",
    inception_v2 "inception_v2" "inception_v2",
    resnet50 "resnet50" "resnet50",
    shufflenet "shufflenet" "shufflenet",
    squeezenet "squeezenet" "squeezenet",
    vgg19 "vgg19" "vgg19",
    zfnet512 "zfnet512" "zfnet512",
}
