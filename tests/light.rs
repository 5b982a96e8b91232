//! The light graphs of the onnx package: as they are, and with random weights against onnxruntime.

use cnnc_codegen::Target;
use cnnc_ir::{Shape, Tensor};
use cnnc_tests::compiled::{bits, jit, run, targets};
use cnnc_tests::count::report;
use cnnc_tests::models::{data_sets, difference, import, made, relative_l2, root, tensors};
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
    let path = |seed: u32| format!("target/oracle/light_random/{name}-{seed}");
    let more = (1..).map(|seed| root().join(path(seed))).take_while(|folder| folder.exists());
    let folders: Vec<PathBuf> = made(&path(0)).into_iter().chain(more).collect();
    for (seed, folder) in folders.iter().enumerate() {
        let module = import(&folder.join("model.onnx"), 1);
        let [model, others @ ..] = targets().map(|target| jit(module.clone(), &target));
        for (inputs, wanted) in data_sets(folder) {
            let got = run(&model, &inputs, 2);
            assert_eq!(got.len(), wanted.len());
            let logits = wanted.last().unwrap().slice::<f32>();
            assert!(logits.iter().any(|&y| y != logits[0]), "{name}: onnxruntime gives a constant");
            let d = relative_l2(logits, got.last().unwrap());
            assert!(d <= 3e-5, "{name}: relative L2 {d:e}");
            eprintln!("{name}: relative L2 of the logits {d:.1e}");
            for other in &others {
                assert!(bits(&run(other, &inputs, 2)) == bits(&got), "{name}: other bits by another way");
            }
            // A plain run has one seed, and no time for all of this.
            for threads in if seed == 0 { 1..=1 } else { 1..=8 } {
                let other = run(&model, &inputs, threads);
                assert!(bits(&other) == bits(&got), "{name}: {threads} threads give other bits");
            }
        }
        assert!(!tensors(&folder.join("test_data_set_0"), "input").is_empty());
    }
    report(&format!("drawings of the light {name} against onnxruntime"), folders.len(), 0);
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
