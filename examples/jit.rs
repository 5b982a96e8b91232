//! Compiles a network into this process and runs it, with no file in between.
//!
//! ```text
//! cargo run --release --example jit -- squeezenet.onnx
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use cnnc::{Options, Workspace};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: jit MODEL.onnx")?;
    let options = Options::default();
    let network = cnnc::load(path.as_ref(), &options)?;
    let model = cnnc::jit(&network, &options)?;

    // One model serves any number of threads at once; each brings its own workspace.
    let mut workspace = Workspace::new(&model, 1)?;
    let inputs: Vec<Vec<f32>> = model.inputs().iter().map(|input| vec![0.5; input.bytes / 4]).collect();
    let mut outputs: Vec<Vec<f32>> =
        model.outputs().iter().map(|output| vec![0.0; output.bytes / 4]).collect();
    model.run_f32(
        &inputs.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        &mut outputs.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(),
        &mut workspace,
    )?;

    for (output, values) in model.outputs().iter().zip(&outputs) {
        println!("{} {:?} = {:?} ..", output.name, output.shape, &values[..values.len().min(4)]);
    }
    Ok(())
}
