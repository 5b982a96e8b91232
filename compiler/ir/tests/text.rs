//! The text form prints back what it parsed, and the evaluator gives it its meaning.

use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::{Tensor, text};

const BLOCK: &str = "\
graph @block(%x: f32[1,2,3,3]) {
  %w: f32[2,2,3,3] = const rand(1)
  %b: f32[2] = const [0.5,-1]
  %c: f32[1,2,3,3] = conv %x, %w, %b, pad=1 |> add %x |> relu
  %d: f32[1,2,2,1] = conv %c, %w, stride=2x3, pad=[1,0,1,0]
  return %c, %d
}
";

#[test]
fn round_trip() {
    let module = text::parse(BLOCK).unwrap();
    assert_eq!(text::print(&module), BLOCK);
    cnnc_ir::verify::verify(&module).unwrap();
}

#[test]
fn without_results() {
    let graph = "graph @half(%x: f32[1]) {\n  %y: f32[1] = relu %x\n}\n";
    assert_eq!(text::print(&text::parse(graph).unwrap()), graph);
}

#[test]
fn errors_name_the_place() {
    let wrong = BLOCK.replace("f32[1,2,3,3] = conv %x, %w, %b", "f32[1,2,3,4] = conv %x, %w, %b");
    let error = text::parse(&wrong).unwrap_err();
    assert_eq!((error.line, error.column), (4, 22));
    let wrong = BLOCK.replace("stride=2x3", "strife=2x3");
    assert_eq!(
        text::parse(&wrong).unwrap_err().message,
        "conv has no attribute strife, or it stands there twice"
    );
}

#[test]
fn convolution_by_hand() {
    let module = text::parse(
        "graph @g(%x: f32[1,1,2,2]) {\n  %w: f32[1,1,2,2] = const [1,2,3,4]\n  \
         %y: f32[1,1,3,3] = conv %x, %w, pad=1\n  return %y\n}\n",
    )
    .unwrap();
    let x = Tensor::of(&module.graph.ty(module.graph.inputs()[0]).shape, vec![1f32, 10.0, 100.0, 1000.0]);
    let y = evaluate(&module, &[x], Precision::F32).unwrap();
    assert_eq!(y[0].slice::<f32>(), [4.0, 43.0, 30.0, 402.0, 4321.0, 3010.0, 200.0, 2100.0, 1000.0]);
}
