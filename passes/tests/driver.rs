//! What the driver promises around the passes: options, reports, budgets, and time that grows with the graph.

use cnnc_ir::text;
use cnnc_passes::{Failure, PIPELINE, PassOptions, run};
use std::fmt::Write;
use std::time::{Duration, Instant};

const NET: &str = "\
graph @net(%x: f32[1,2,4,4]) {
  %w: f32[2,2,3,3] = const [0,0,0,0,1,0,0,0,0,0,0,0,0,1e-40,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,1,0,0,0,0]
  %p: f32[2] = const rand(1, min=0.5)
  %a: f32[1,2,4,4] = conv %x, %w, pad=1
  %b: f32[1,2,4,4] = batch_norm %a, %p, %p, %p, %p
  %c: f32[1,2,4,4] = dropout %b
  %d: f32[1,2,4,4] = relu %c
  %e: f32[1,4,4,4] = concat %c, %d, axis=1
  return %e
}
";

fn options() -> PassOptions {
    PassOptions { verify: true, ..PassOptions::default() }
}

#[test]
fn every_pass_is_traced_and_reported() {
    let mut module = text::parse(NET).unwrap();
    let mut traced = Vec::new();
    let report = run(&mut module, &options(), &mut |event| {
        assert_eq!(event.pass.name, event.report.name);
        assert_eq!(event.module.graph.order().len(), event.report.nodes.1);
        traced.push((event.pass.name, event.report.changed));
    })
    .unwrap();
    let names: Vec<&str> = PIPELINE.iter().map(|pass| pass.name).collect();
    assert_eq!(traced.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
    assert_eq!(report.passes.iter().map(|pass| (pass.name, pass.changed)).collect::<Vec<_>>(), traced);
    let changed: Vec<&str> = traced.iter().filter(|(_, changed)| *changed).map(|(name, _)| *name).collect();
    assert_eq!(changed, ["drop-identity", "fold-batch-norm", "fold-constants", "flush-denormals"]);
    let fuse = report.passes.last().unwrap();
    assert_eq!(fuse.declines, [("d".to_string(), "%b has another reader".to_string())]);
}

#[test]
fn a_pass_can_be_left_out() {
    let mut module = text::parse(NET).unwrap();
    let disable = vec!["fold-batch-norm".to_string(), "lower-batch-norm".to_string()];
    let report = run(&mut module, &PassOptions { disable, ..options() }, &mut |_| {}).unwrap();
    assert_eq!(report.passes.len(), PIPELINE.len() - 2);
    assert!(text::print(&module).contains("batch_norm %a"));

    let disable = vec!["fold-batchnorm".to_string()];
    let failure = run(&mut module, &PassOptions { disable, ..options() }, &mut |_| {}).unwrap_err();
    assert_eq!(failure, Failure::Unknown("fold-batchnorm".into()));
    assert!(failure.to_string().contains("fold-batch-norm"));
}

#[test]
fn denormals_are_counted_and_can_stay() {
    let denormals = |keep_denormals| {
        let mut module = text::parse(NET).unwrap();
        let report = run(&mut module, &PassOptions { keep_denormals, ..options() }, &mut |_| {}).unwrap();
        let weights = module.weights.iter().flat_map(|(_, tensor)| tensor.slice::<f32>().to_vec());
        let left = weights.filter(|x| x.is_subnormal()).count();
        (left, report.passes.iter().find_map(|pass| pass.note.clone()))
    };
    assert_eq!(denormals(true), (1, None));
    assert_eq!(denormals(false), (0, Some("1 denormal elements of 1 constants became 0".into())));
}

#[test]
fn folding_keeps_to_its_budget() {
    // A sum over 8 GiB of ones, of which the file needs one number.
    let source = "graph @bomb(%x: f32[1]) {\n  %ones: f32[2048,1024,1024] = const splat(1)\n  \
                  %n: f32[] = reduce_sum %ones, axes=[0,1,2], keep=false\n  \
                  %y: f32[1] = add %x, %n\n  return %y\n}\n";
    let mut module = text::parse(source).unwrap();
    let report = run(&mut module, &options(), &mut |_| {}).unwrap();
    let fold = report.passes.iter().find(|pass| pass.name == "fold-constants").unwrap();
    assert!(!fold.changed);
    let why = "evaluating it takes 8589934596 bytes, 268435456 are left for that";
    assert_eq!(fold.declines, [("n".to_string(), why.to_string())]);
}

#[test]
fn folding_keeps_to_its_work() {
    // Three megabytes of constants, and 1.2 billion multiply-adds.
    let source = "graph @bomb(%x: f32[1]) {\n  %v: f32[1,64,64,64] = const rand(1)\n  \
                  %w: f32[512,64,3,3] = const rand(2)\n  \
                  %c: f32[1,512,64,64] = conv %v, %w, pad=1\n  \
                  %n: f32[] = reduce_sum %c, axes=[0,1,2,3], keep=false\n  \
                  %y: f32[1] = add %x, %n\n  return %y\n}\n";
    let mut module = text::parse(source).unwrap();
    let start = Instant::now();
    let report = run(&mut module, &options(), &mut |_| {}).unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let fold = report.passes.iter().find(|pass| pass.name == "fold-constants").unwrap();
    assert!(fold.declines.iter().any(|(name, why)| name == "c" && why.contains("operations")), "{fold:?}");
}

#[test]
fn a_constant_without_weights_is_left_alone() {
    let source = "graph @bare(%x: f32[2]) {\n  %w: f32[2] = const\n  %v: f32[2] = relu %w\n  \
                  %y: f32[2] = max %x, %v\n  return %y\n}\n";
    let mut module = text::parse(source).unwrap();
    let report = run(&mut module, &PassOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(text::print(&module), source);
    assert!(report.passes.iter().any(|pass| pass.declines.iter().any(|(_, why)| why.contains("no weights"))));
}

/// Blocks of convolution, batch norm and relu with a skip, 10 nodes each.
fn tower(blocks: usize) -> String {
    let mut source = String::from("graph @tower(%v0: f32[1,2,4,4]) {\n");
    for i in 0..blocks {
        let _ = write!(
            source,
            "  %w{i}: f32[2,2,1,1] = const rand({i})\n  %g{i}: f32[2] = const rand({i}, min=0.5)\n  \
             %b{i}: f32[2] = const rand({i})\n  %m{i}: f32[2] = const rand({i})\n  \
             %s{i}: f32[2] = const rand({i}, min=0.5)\n  %c{i}: f32[1,2,4,4] = conv %v{i}, %w{i}\n  \
             %n{i}: f32[1,2,4,4] = batch_norm %c{i}, %g{i}, %b{i}, %m{i}, %s{i}\n  \
             %d{i}: f32[1,2,4,4] = dropout %n{i}\n  %a{i}: f32[1,2,4,4] = add %d{i}, %v{i}\n  \
             %v{}: f32[1,2,4,4] = relu %a{i}\n",
            i + 1
        );
    }
    let _ = write!(source, "  return %v{blocks}\n}}\n");
    source
}

#[test]
fn twenty_thousand_nodes_take_no_time() {
    let mut module = text::parse(&tower(2000)).unwrap();
    let start = Instant::now();
    let report = run(&mut module, &PassOptions::default(), &mut |_| {}).unwrap();
    let time = start.elapsed();
    assert_eq!(module.graph.order().len(), 1 + 3 * 2000);
    // Some tens of milliseconds; quadratic passes would take minutes.
    assert!(time < Duration::from_secs(5), "{time:?}: {report:#?}");
}

/// A graph of that many values `%p0`, `%p1`, .., joined and activated.
fn joined(count: usize, value: impl Fn(usize) -> String) -> String {
    let mut source = String::from("graph @joined(%x: f32[1,4]) {\n");
    (0..count).for_each(|i| source += &value(i));
    let names: Vec<String> = (0..count).map(|i| format!("%p{i}")).collect();
    let ty = format!("f32[1,{}]", 4 * count);
    let _ = writeln!(source, "  %y: {ty} = concat {}, axis=1", names.join(", "));
    let _ = writeln!(source, "  %z: {ty} = relu %y\n  return %z\n}}");
    source
}

/// Quadratic, either would take ten seconds.
#[test]
fn many_readers_and_many_like_names_take_no_time() {
    let equal = joined(60_000, |i| format!("  %p{i}: f32[1,4] = tanh %x\n"));
    let value = |i| format!("  %k{i}: f32[1,4] = const rand({i})\n  %p{i}: f32[1,4] = mul %x, %k{i}\n");
    for (source, nodes) in [(equal, 4), (joined(12_000, value), 2 + 2 * 12_000)] {
        let mut module = text::parse(&source).unwrap();
        let start = Instant::now();
        let report = run(&mut module, &PassOptions::default(), &mut |_| {}).unwrap();
        let time = start.elapsed();
        assert_eq!(module.graph.order().len(), nodes);
        assert!(time < Duration::from_secs(5), "{time:?}: {report:#?}");
    }
}

/// A copy of the table for each reader would take ten seconds.
#[test]
fn many_readers_of_a_large_constant_take_no_time() {
    let table = "  %t: f32[4096,4096] = const rand(1)\n";
    let value = |i| {
        let first = if i == 0 { table } else { "" };
        let slice = format!("%s{i}: f32[1,4] = slice %t, starts=[{i},0], ends=[{},4]", i + 1);
        format!("{first}  {slice}\n  %p{i}: f32[1,4] = mul %x, %s{i}\n")
    };
    let mut module = text::parse(&joined(100, value)).unwrap();
    let start = Instant::now();
    let report = run(&mut module, &PassOptions::default(), &mut |_| {}).unwrap();
    let time = start.elapsed();
    assert!(!text::print(&module).contains("slice"), "{report:#?}");
    assert!(time < Duration::from_secs(5), "{time:?}: {report:#?}");
}

#[test]
fn a_long_chain_of_convolutions_becomes_one() {
    let mut source = String::from("graph @chain(%a0: f32[1,4,2,2]) {\n");
    for i in 0..60 {
        let _ = write!(
            source,
            "  %w{i}: f32[4,4,1,1] = const rand({i})\n  %b{i}: f32[4] = const rand({i})\n  \
             %a{}: f32[1,4,2,2] = conv %a{i}, %w{i}, %b{i}\n",
            i + 1
        );
    }
    let mut module = text::parse(&(source + "  return %a60\n}\n")).unwrap();
    run(&mut module, &options(), &mut |_| {}).unwrap();
    assert_eq!(module.graph.order().len(), 4, "{}", text::print(&module));
}
