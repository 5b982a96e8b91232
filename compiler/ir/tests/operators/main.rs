//! The operators: what each computes, what each refuses, and that no attribute makes one panic.

mod agreement;
mod convolution;
mod errors;
mod hostile;
mod values;

use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::{Tensor, text};

/// The last value of a graph without inputs, given by its nodes, one a line.
fn value_of(nodes: &str, precision: Precision) -> Tensor {
    let last = nodes.trim().lines().last().unwrap().trim();
    let name = last.split(':').next().unwrap();
    let module = text::parse(&format!("graph @g() {{\n{nodes}\n  return {name}\n}}\n"))
        .unwrap_or_else(|e| panic!("{nodes}\n{e}"));
    cnnc_ir::verify::verify(&module).unwrap();
    evaluate(&module, &[], precision).unwrap().remove(0)
}
