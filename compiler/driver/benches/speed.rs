//! The speed of single layers and of whole networks, on one thread: `cargo bench -p cnnc`.
//!
//! A layer is compiled as a network of its own, behind a 1x1 convolution that puts its input into channel blocks and
//! takes little time beside it. Throughput counts the layer's multiply-adds, those of a direct sum whatever runs
//! instead. Weights are warm here, as they are not inside of a network; only figures of one run compare.

use cnnc::{Module, Options, Workspace};
use cnnc_ir::text;
use divan::Bencher;
use divan::counter::ItemsCount;
use std::path::Path;

fn main() {
    divan::main();
}

/// Input and output channels, height and width of the result.
type Shape = [usize; 3];

/// 1x1 convolutions, by the register tile that the plan gives them.
#[divan::bench(args = [[256, 256, 28], [256, 64, 56], [512, 2048, 7], [1024, 48, 14], [512, 24, 14], [512, 8, 28]])]
fn tiles(bencher: Bencher, shape: Shape) {
    layer(bencher, shape, [1, 1], 1, true);
}

/// 3x3 convolutions by the tiles that the plan chooses.
#[divan::bench(args = [[64, 64, 56], [128, 128, 28], [256, 256, 14], [512, 512, 7]])]
fn transformed(bencher: Bencher, shape: Shape) {
    layer(bencher, shape, [3, 3], 1, true);
}

/// The same convolutions by direct sums.
#[divan::bench(args = [[64, 64, 56], [128, 128, 28], [256, 256, 14], [512, 512, 7]])]
fn direct(bencher: Bencher, shape: Shape) {
    layer(bencher, shape, [3, 3], 1, false);
}

/// With a stride of two.
#[divan::bench]
fn strided(bencher: Bencher) {
    layer(bencher, [128, 128, 28], [3, 3], 2, true);
}

/// Along one dimension.
#[divan::bench]
fn along_rows(bencher: Bencher) {
    layer(bencher, [192, 224, 17], [1, 7], 1, true);
}

/// Whole networks, their weights as cold as they are in use.
#[divan::bench(args = ["lenet5", "squeezenet1.1", "resnet18", "resnet50", "densenet121"])]
fn networks(bencher: Bencher, name: &str) {
    let options = Options::default();
    let module = cnnc::load(Path::new(name), &options).expect("a built-in network");
    let macs = module.graph.order().iter().map(|&id| module.graph.cost(id).macs).sum();
    measure(bencher, &module, &options, macs);
}

fn layer(
    bencher: Bencher,
    [inputs, outputs, size]: Shape,
    [kh, kw]: [usize; 2],
    stride: usize,
    winograd: bool,
) {
    let from = size * stride;
    // A table of which one row is read: filters may take as much as all constants do.
    let rows = 16 * inputs * outputs;
    let text = format!(
        "graph @layer(%x: f32[1,8,{from},{from}], %i: i64[1]) {{\n  %u: f32[{inputs},8,1,1] = const rand(1)\n  \
         %a: f32[1,{inputs},{from},{from}] = conv %x, %u\n  \
         %w: f32[{outputs},{inputs},{kh},{kw}] = const rand(2)\n  \
         %y: f32[1,{outputs},{size},{size}] = conv %a, %w, pad=[{},{},{},{}], stride={stride}\n  \
         %t: f32[{rows},8] = const rand(3)\n  %z: f32[1,8] = gather %t, %i, axis=0\n  return %y, %z\n}}\n",
        kh / 2,
        kw / 2,
        kh / 2,
        kw / 2
    );
    let module = text::parse(&text).expect("a layer");
    let options = Options { winograd, ..Options::default() };
    measure(bencher, &module, &options, (size * size * outputs * inputs * kh * kw) as u64);
}

fn measure(bencher: Bencher, module: &Module, options: &Options, macs: u64) {
    let model = cnnc::jit(module, options).expect("a model");
    let mut workspace = Workspace::new(&model, 1).expect("a workspace");
    let inputs: Vec<Vec<u8>> = model.inputs().iter().map(|input| vec![0; input.bytes]).collect();
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let mut outputs: Vec<Vec<u8>> = model.outputs().iter().map(|output| vec![0; output.bytes]).collect();
    let mut outputs: Vec<&mut [u8]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    bencher
        .counter(ItemsCount::new(macs))
        .bench_local(|| model.run(&inputs, &mut outputs, &mut workspace).expect("a run"));
}
