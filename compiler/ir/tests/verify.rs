//! What the verifier must not let pass.

use cnnc_ir::verify::verify;
use cnnc_ir::{Module, Tensor, text};
use std::sync::Arc;

const WHOLE: &str = "\
graph @net(%x: f32[2]) {
  %w: f32[2] = const
  %y: f32[2] = add %x, %w
  return %y
}
";

/// The graph, with weights of so many elements.
fn module(elements: usize) -> Module {
    let graph = format!("graph @other(%x: f32[{elements}]) {{\n  return %x\n}}\n");
    let mut other = text::parse(&graph).unwrap();
    let shape = other.graph.ty(other.graph.inputs()[0]).shape.clone();
    other.constant("w", Arc::new(Tensor::of(&shape, vec![1f32; elements]))).unwrap();
    Module::new(text::parse(WHOLE).unwrap().graph, other.weights)
}

#[track_caller]
fn refused(module: &Module, rule: &str) {
    let error = verify(module).unwrap_err().to_string();
    assert!(error.contains(rule), "{error}");
}

#[test]
fn magnitudes_of_drawn_elements() {
    for (range, least) in
        [("min=-1, max=2", 0.0), ("min=2, max=-1", 0.0), ("min=1, max=2", 1.0), ("min=-2, max=-1", 1.0)]
    {
        let graph =
            format!("graph @g(%x: f32[9]) {{\n  %w: f32[9] = const rand(1, {range})\n  return %w\n}}\n");
        let module = text::parse(&graph).unwrap();
        let magnitudes = module.magnitudes(module.graph.outputs()[0]).unwrap();
        assert_eq!((magnitudes.least, magnitudes.largest), (least, 2.0), "{range}");
    }
}

#[test]
fn modules_that_are_not_whole() {
    verify(&module(2)).unwrap();
    refused(&text::parse(WHOLE).unwrap(), "(V3): %w has no weights");
    refused(&module(3), "(V3): %w is f32[2], its weights are f32[3]");
    let mut without_results = module(2);
    without_results.graph.set_outputs(Vec::new());
    refused(&without_results, "(V4)");
    let mut without_names = module(2);
    without_names.input_names.clear();
    refused(&without_names, "(V5): 1 inputs and 1 outputs have 0 and 1 names");
}
