//! Trained networks: their expected outputs, and what they recognise.

use cnnc_codegen::Target;
use cnnc_ir::{Shape, Tensor};
use cnnc_runtime::Model;
use cnnc_tests::compiled::{jit, run, targets, write};
use cnnc_tests::count::say;
use cnnc_tests::guarded::run_everywhere;
use cnnc_tests::models::{data_sets, difference, import, planes, shared, top, top_n};
use cnnc_tests::onnxruntime;
use std::path::Path;

const RGB: [f32; 3] = [1.0; 3];

/// Compiles a network in every way for the batch of each of its data sets, runs it on 1 to 8 threads, and compares all
/// outputs.
fn expected(name: &str) {
    let Some(folder) = shared(name) else { return };
    for (set, (inputs, outputs)) in data_sets(&folder).into_iter().enumerate() {
        let module = import(&folder.join("model.onnx"), inputs[0].shape()[0]);
        let models = targets().map(|target| jit(module.clone(), &target));
        let got = run_everywhere(&models, &inputs).unwrap_or_else(|e| panic!("{name}, data set {set}: {e}"));
        assert_eq!(got.len(), outputs.len());
        for (wanted, got) in outputs.iter().zip(&got) {
            let d = difference(wanted.slice::<f32>(), got.slice());
            assert!(d <= 1e-4, "{name}, data set {set}: {d:e} of the largest output");
        }
    }
}

macro_rules! expected {
    ($($test:ident $name:literal,)*) => { $(#[test] fn $test() { expected($name); })* };
}

expected! {
    mnist_8 "mnist-8",
    mnist_mlp_dynbatch "mnist-mlp-dynbatch",
    resnet20_cifar10 "resnet20_cifar10",
    squeezenet_v1_1 "squeezenet_v1.1",
    mobilenet_v2 "mobilenet_v2_1.0_224-float",
    super_resolution "super-resolution-10",
    ultraface "ultraface-slim-320-simplified",
}

/// A network ready to be asked about one picture after the other.
struct Classifier(Model);

impl Classifier {
    fn new(path: &Path) -> Classifier {
        Classifier(jit(import(&path.join("model.onnx"), 1), &Target::x86_64_v3()))
    }

    fn scores(&self, picture: &[f32]) -> Vec<f32> {
        let shape = Shape::from_signed(&self.0.inputs()[0].shape).unwrap();
        run(&self.0, &[Tensor::of(&shape, picture.to_vec())], 2).remove(0)
    }
}

#[test]
fn mnist_digits() {
    let (Some(model), Some(csv)) = (shared("mnist-8"), shared("csv/mnist_test_100.csv")) else { return };
    let network = Classifier::new(&model);
    let text = std::fs::read_to_string(csv).unwrap();
    let right = text.lines().filter(|line| {
        let mut numbers = line.split(',').map(|n| n.trim().parse::<f32>().unwrap());
        let label = numbers.next().unwrap();
        top(&network.scores(&numbers.collect::<Vec<_>>())) == label as usize
    });
    assert_eq!((right.count(), text.lines().count()), (99, 100));
}

#[test]
fn cifar_pictures() {
    let (Some(model), Some(folder)) = (shared("resnet20_cifar10"), shared("ic01")) else { return };
    let network = Classifier::new(&model);
    let labels = std::fs::read_to_string(folder.join("y_labels.csv")).unwrap();
    let right = labels.lines().filter(|line| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let bytes = std::fs::read(folder.join(fields[0])).unwrap();
        let x = planes(&bytes, 32, 1.0 / 255.0, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        top(&network.scores(&x)) == fields[2].parse::<usize>().unwrap()
    });
    assert_eq!((right.count(), labels.lines().count()), (180, 200));
}

/// The labelled pictures: their bytes and their class, in a column of `labels.csv`.
fn pictures(column: usize) -> Vec<(Vec<u8>, usize)> {
    let Some(folder) = shared("images") else { return Vec::new() };
    let labels = std::fs::read_to_string(folder.join("labels.csv")).unwrap();
    let labelled = labels.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let class = fields[column].parse().ok()?;
        Some((std::fs::read(folder.join(fields[0])).unwrap(), class))
    });
    labelled.collect()
}

#[test]
fn mobilenet_pictures() {
    let Some(model) = shared("mobilenet_v2_1.0_224-float") else { return };
    let network = Classifier::new(&model);
    let pictures = pictures(3);
    let right = pictures
        .iter()
        .filter(|(bytes, class)| top(&network.scores(&planes(bytes, 224, 1.0 / 128.0, RGB, RGB))) == *class);
    assert_eq!((right.count(), pictures.len()), (6, 6));
}

/// The steps of the softmax that quantised networks end with.
const QUANTUM: f32 = 1.0 / 256.0;

/// Compares a quantised network, compiled with all that it has of rounding, with its data sets in steps of the result:
/// one that is rounded the other way early on moves several.
fn quantised(name: &str) -> Option<Classifier> {
    let folder = shared(name)?;
    let network = Classifier::new(&folder);
    let mut compared = 0;
    for (inputs, outputs) in data_sets(&folder) {
        let (wanted, got) = (outputs[0].slice::<f32>(), network.scores(inputs[0].slice::<f32>()));
        assert_eq!(got.len(), wanted.len());
        for (i, (wanted, got)) in wanted.iter().zip(&got).enumerate() {
            let steps = (wanted - got).abs() / QUANTUM;
            assert!(steps <= 8.0, "{name}: score {i} is {got}, wanted {wanted}: {steps} steps");
            assert_eq!((got / QUANTUM).fract(), 0.0, "{name}: score {i} is {got}, no whole step");
            compared += 1;
        }
    }
    assert!(compared >= 30, "only {compared} scores were compared");
    Some(network)
}

#[test]
fn quantised_cifar_pictures() {
    let Some(network) = quantised("resnet8-cifar10-qdq-s8") else { return };
    let Some(folder) = shared("ic01") else { return };
    let labels = std::fs::read_to_string(folder.join("y_labels.csv")).unwrap();
    let right = labels.lines().filter(|line| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let bytes = std::fs::read(folder.join(fields[0])).unwrap();
        let x = planes(&bytes, 32, 1.0, [0.0; 3], RGB);
        top(&network.scores(&x)) == fields[2].parse::<usize>().unwrap()
    });
    let right = right.count();
    assert!((167..=171).contains(&right), "{right} of {} pictures", labels.lines().count());
}

#[test]
fn quantised_pictures() {
    let Some(network) = quantised("mobilenet_v2_1.0_224-qdq-u8") else { return };
    let pictures = pictures(3);
    let right = pictures
        .iter()
        .filter(|(bytes, class)| top(&network.scores(&planes(bytes, 224, 1.0 / 128.0, RGB, RGB))) == *class);
    assert_eq!((right.count(), pictures.len()), (6, 6));
}

/// Libraries of every kind give the same bits on 1 to 8 threads, near those of onnxruntime, for a picture and its
/// mirror image.
fn quantised_library(name: &str) {
    let Some(folder) = shared(name) else { return };
    let path = folder.join("model.onnx");
    let models = targets().map(|target| {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("quantised.so");
        write(import(&path, 1), &target, &[&library]);
        Model::open(&library).unwrap()
    });
    let picture = data_sets(&folder).remove(0).0.remove(0);
    let mirrored: Vec<f32> = picture.slice::<f32>().iter().rev().copied().collect();
    let mirrored = Tensor::of(picture.shape(), mirrored);
    for x in [picture, mirrored] {
        let inputs = [x];
        let got = run_everywhere(&models, &inputs).unwrap_or_else(|e| panic!("{name}: {e}"));
        let Some(wanted) = onnxruntime::run(&path, &inputs) else { continue };
        let (wanted, got) = (wanted[0].slice::<f32>(), got[0].slice::<f32>());
        assert_eq!(wanted.len(), got.len());
        let steps = wanted.iter().zip(got).map(|(w, g)| (w - g).abs() / QUANTUM);
        let most = steps.fold(0.0, f32::max);
        say(&format!("{name}: at most {most} steps from onnxruntime"));
        assert!(most <= 8.0, "{name}: {most} steps from onnxruntime");
    }
}

#[test]
fn quantised_cifar_library() {
    quantised_library("resnet8-cifar10-qdq-s8");
}

#[test]
fn quantised_picture_library() {
    quantised_library("mobilenet_v2_1.0_224-qdq-u8");
}

/// Resizes planes to another size, linearly between pixel centres.
fn resized(x: &[f32], from: usize, to: usize) -> Vec<f32> {
    let place = |i: usize| {
        let at = ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, (from - 1) as f32);
        (at as usize, (at as usize + 1).min(from - 1), at.fract())
    };
    let mut out = Vec::with_capacity(3 * to * to);
    for plane in x.chunks_exact(from * from) {
        for i in 0..to {
            let (top, bottom, down) = place(i);
            for j in 0..to {
                let (left, right, along) = place(j);
                let row = |r: usize| plane[r * from + left] * (1.0 - along) + plane[r * from + right] * along;
                out.push(row(top) * (1.0 - down) + row(bottom) * down);
            }
        }
    }
    out
}

#[test]
fn squeezenet_pictures() {
    let Some(model) = shared("squeezenet_v1.1") else { return };
    let network = Classifier::new(&model);
    let pictures = pictures(4);
    let right = pictures.iter().filter(|(bytes, class)| {
        // The network wants blue, green, red, without their means.
        let rgb = resized(&planes(bytes, 224, 1.0, [123.0, 117.0, 104.0], RGB), 224, 227);
        let bgr: Vec<f32> = rgb.chunks_exact(227 * 227).rev().flatten().copied().collect();
        top_n(&network.scores(&bgr), 5).contains(class)
    });
    assert_eq!((right.count(), pictures.len()), (6, 6));
}
