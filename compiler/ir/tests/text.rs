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
fn integers_are_meant_to_the_unit() {
    let graph =
        |init: &str| format!("graph @g(%x: i64[1]) {{\n  %k: i64[1] = const {init}\n  return %k\n}}\n");
    for init in ["[9007199254740993]", "splat(-9007199254740993)"] {
        let error = text::parse(&graph(init)).unwrap_err();
        assert!(error.message.contains("9007199254740993 would become"), "{error}");
    }
    for init in ["[9007199254740994]", "splat(9223372036854775807)", "[9007199254740993.0]"] {
        text::parse(&graph(init)).unwrap();
    }
}

#[test]
fn pipes_have_an_end() {
    let pipe = |stages: usize| {
        let stages = " |> relu".repeat(stages);
        text::parse(&format!("graph @g(%x: f32[1]) {{\n  %y: f32[1] = abs %x{stages}\n  return %y\n}}\n"))
    };
    pipe(64).unwrap();
    assert_eq!(pipe(65).unwrap_err().message, "a pipe of 65 stages, the most are 64");
}

/// Every token of a line of blanks would walk over all of them.
#[test]
fn blanks_behind_a_line_take_no_time() {
    let blanks = " ".repeat(1 << 20);
    let start = std::time::Instant::now();
    let graph = BLOCK.replace("add %x |> relu", &format!("add %x |> relu{}{blanks}", " |> relu".repeat(60)));
    assert!(graph.len() > 1 << 20);
    text::parse(&graph).unwrap();
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
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
