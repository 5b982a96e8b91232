//! What may become of any bytes that are given as a model or as the text of one: they are refused in words, or compiled
//! and then right.
//!
//! A file is judged by the limits that hold by default; a text may ask for as many drawn weights as memory can hold,
//! and is judged by a limit of memory. From bytes to code and library it takes 2 s of processor time at most. Whatever
//! happens leaves one whole library, or no file. A model whose run is short runs between inaccessible pages and is held
//! against the evaluator in f64; where arithmetic in f32 is far from that in f64, the model is ill-conditioned and the
//! result may be as far. A rounding of what lies next to a tie may go either way, as it does for inputs a little larger
//! or smaller.

use crate::guarded::run_both_ends;
use cnnc::{Options, PassOptions, Program};
use cnnc_frontends::onnx::{ImportOptions, import};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::ops::Init;
use cnnc_ir::text::parse;
use cnnc_ir::verify::verify;
use cnnc_ir::{Data, Module, NodeId, Op, Tensor, Type};
use std::path::{Path, PathBuf};

/// Seconds on the processor from bytes to code.
const LONGEST: f64 = 2.0;
/// What the compiler is told to stay under where it is given a text.
const TEXT_MEMORY: u64 = 128 << 20;
/// Multiply-adds and other operations of a run that is not too long to be held against the evaluator.
const SHORT: u64 = 50_000_000;

/// How much nearer to a tie than the evaluator's sums those of transformed tiles may come, for a part of them.
const TIE: f32 = 1e-5;

/// Seconds that this process has had on the processor.
fn processor_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists and the structure is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// What becomes of a model, compiled to a library in a folder too: a word for it.
///
/// # Errors
/// What is wrong with cnnc.
pub fn judge_files(bytes: &[u8]) -> Result<&'static str, String> {
    judge_read(Options::default().max_memory, || {
        let imported = import(bytes, &ImportOptions::default());
        imported.map_err(|problems| problems.iter().map(|p| p.to_string()).collect())
    })
}

/// The same of bytes that are given as a text.
///
/// # Errors
/// What is wrong with cnnc.
pub fn judge_text(bytes: &[u8]) -> Result<&'static str, String> {
    judge_read(TEXT_MEMORY, || {
        let text = std::str::from_utf8(bytes).map_err(|_| vec!["E_IO it is no text".to_string()])?;
        let module = parse(text).map_err(|error| vec![format!("E_PARSE {error}")])?;
        // A text may be no network yet: without weights, which are another file's, or without results.
        verify(&module).map_err(|error| vec![format!("E_PARSE {error}")])?;
        Ok(module)
    })
}

fn judge_read(
    max_memory: u64,
    read: impl FnOnce() -> Result<Module, Vec<String>>,
) -> Result<&'static str, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let what = judge(max_memory, read, &folder.path().join("net.so"))?;
    let entries = std::fs::read_dir(folder.path()).map_err(|e| e.to_string())?;
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let whole = if what.starts_with("accepted") { vec![folder.path().join("net.so")] } else { Vec::new() };
    if files == whole { Ok(what) } else { Err(format!("{what}, and {files:?} is left")) }
}

/// What becomes of a model: a word for what happened, or what is wrong with cnnc.
fn judge(
    max_memory: u64,
    read: impl FnOnce() -> Result<Module, Vec<String>>,
    library: &Path,
) -> Result<&'static str, String> {
    let start = processor_time();
    let in_time = |what| match processor_time() - start {
        time if time > LONGEST => Err(format!("it took {time:.1} s of processor time to be {what}")),
        _ => Ok(what),
    };
    let module = match read() {
        Ok(module) => module,
        Err(problems) => {
            let bad = problems.iter().find(|line| !is_line(line));
            return bad
                .map_or_else(|| in_time("refused"), |line| Err(format!("a message is no line: {line:?}")));
        }
    };
    // What is flushed to zero differs by as much as it is multiplied by.
    let passes = PassOptions { keep_denormals: true, ..PassOptions::default() };
    let winograd = !has_huge_weights(&module);
    let options = Options { check: true, max_memory, passes, winograd, ..Options::default() };
    let compiled = match cnnc::compile(&module, &options) {
        Ok(compiled) => compiled,
        Err(error) if error.to_string().contains("E_INTERNAL") => return Err(error.to_string()),
        Err(_) => return in_time("not compiled"),
    };
    let model = compiled.jit().map_err(|e| e.to_string())?;
    compiled.write(library).map_err(|e| e.to_string())?;
    in_time("accepted")?;
    if !is_short(&module, compiled.program()) {
        return Ok("accepted, too long to run");
    }
    let inputs: Vec<Tensor> = module.graph.inputs().iter().map(|&id| random(module.graph.ty(id))).collect();
    let got = run_both_ends(&model, &inputs, 1)?;
    // Simulated quantisation lets NaN through, which an integer cannot hold: then its own graph says what is right.
    let order = module.graph.order();
    let quantises = order.iter().any(|&id| matches!(module.graph[id].op(), Op::Quantize(_)));
    let any_nan = got.iter().any(|y| y.data().to_f64().iter().any(|x| x.is_nan()));
    let meant = if quantises && any_nan { compiled.module() } else { &module };
    let wanted = evaluate(meant, &inputs, Precision::F64).map_err(|e| e.to_string())?;
    let single = evaluate(meant, &inputs, Precision::F32).map_err(|e| e.to_string())?;
    let all_agree = |others: &[Vec<Tensor>]| {
        let elements = |tensors: &[Tensor], k: usize| tensors[k].data().to_f64();
        (0..got.len()).try_for_each(|k| {
            let others: Vec<Vec<f64>> = others.iter().map(|other| elements(other, k)).collect();
            agree(&elements(&got, k), &elements(&wanted, k), &elements(&single, k), &others)
        })
    };
    if all_agree(&[]).is_err() {
        let moved = |by: f32| {
            let inputs: Vec<Tensor> = inputs.iter().map(|x| scaled(x, by)).collect();
            evaluate(meant, &inputs, Precision::F64).map_err(|e| e.to_string())
        };
        all_agree(&[moved(1.0 + TIE)?, moved(1.0 - TIE)?])?;
    }
    Ok("accepted and right")
}

/// Whether a message begins with a code and is one line of text.
pub fn is_line(message: &str) -> bool {
    message.starts_with("E_") && !message.contains(char::is_control)
}

fn random(ty: &Type) -> Tensor {
    let (min, max) = if ty.dtype.is_float() { (-1.0, 1.0) } else { (0.0, 2.0) };
    Init::Rand { seed: 1, min, max }.tensor(ty).unwrap()
}

/// Whether a weight is so large that in a transformed filter it takes all digits from those beside it.
fn has_huge_weights(module: &Module) -> bool {
    let is_huge = |&id: &NodeId| {
        let is_float = module.graph.ty(id).dtype.is_float();
        is_float && module.magnitudes(id).is_some_and(|weights| weights.largest > 1e4)
    };
    module.graph.order().iter().any(is_huge)
}

fn is_short(module: &Module, program: &Program) -> bool {
    let cost = module.total_cost();
    let elements: usize = module.graph.order().iter().map(|&id| module.graph.ty(id).elements()).sum();
    let steps = program.steps.iter().map(|step| step.macs).fold(0, u64::saturating_add);
    [cost.macs, cost.flops, 16 * elements as u64, steps].into_iter().all(|work| work < SHORT)
}

/// A tensor of reals, scaled.
fn scaled(x: &Tensor, by: f32) -> Tensor {
    match x.data() {
        Data::F32(elements) => Tensor::of(x.shape(), elements.iter().map(|x| x * by).collect()),
        Data::F64(elements) => Tensor::of(x.shape(), elements.iter().map(|x| x * f64::from(by)).collect()),
        _ => x.clone(),
    }
}

/// Holds a result against the evaluator's in f64 and in f32, or against others that are right too.
fn agree(got: &[f64], wanted: &[f64], single: &[f64], others: &[Vec<f64>]) -> Result<(), String> {
    if got.len() != wanted.len() {
        return Err(format!("{} elements, wanted {}", got.len(), wanted.len()));
    }
    let finite = |x: &&f64| x.is_finite();
    let scale = wanted.iter().filter(finite).fold(0f64, |m, x| m.max(x.abs()));
    let pairs = wanted.iter().zip(single);
    let noise = pairs.map(|(w, s)| (w - s).abs()).filter(|d| d.is_finite()).fold(0f64, f64::max);
    let allowed = 1e-4 * scale + 10.0 * noise;
    for (i, ((&g, &w), &s)) in got.iter().zip(wanted).zip(single).enumerate() {
        let same = |a: f64| g == a || g.is_nan() && a.is_nan();
        // A sum that overflows in f32 alone has no value that one could ask for.
        let overflows = s.is_finite() != w.is_finite() || w.abs() > 1e30;
        let near = |a: f64| (g - a).abs() <= allowed;
        if !(same(w) || same(s) || overflows || near(w) || others.iter().any(|other| near(other[i]))) {
            return Err(format!("element {i} of {} is {g:?}, wanted {w:?}, in f32 {s:?}", got.len()));
        }
    }
    Ok(())
}
