//! Loads a compiled library and runs it on two threads. Needs `cnnc-runtime` alone, no compiler.
//!
//! ```text
//! cnnc compile squeezenet.onnx -o squeezenet.so
//! cargo run --release --example load -- squeezenet.so
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use cnnc_runtime::{Model, Workspace};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: load MODEL.so")?;
    let model = Model::open(path)?;
    println!("{}: {} inputs, {} outputs", model.name(), model.inputs().len(), model.outputs().len());

    let mut workspace = Workspace::new(&model, 2)?;
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
