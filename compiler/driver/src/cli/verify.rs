//! `cnnc verify`: the compiled model against the evaluator, and the first node where they part.
//!
//! ```text
//! difference = |compiled - evaluated|_2 / |evaluated|_2, the evaluator in f64
//! ```
//!
//! Outputs are held against the network as it was read; results of steps against the network that was planned, by the
//! name of their node. A node of several steps is read after the last one. Results that this one writes to the caller's
//! outputs, or that share a buffer of another shape, are not read. Where the evaluator has no number, or an infinity,
//! the model must have the same. A network that rounds to f16 may differ by more than one of f32.

use std::collections::HashMap;

use cnnc::{Compiled, Diagnostic, E_RUN, Error, Module, Options, Program};
use cnnc_codegen::plan::{Buffer, Layout, Space, Step, Work};
use cnnc_ir::eval::{Precision, evaluate, evaluate_with};
use cnnc_ir::{DType, Data, NodeId, Op, Tensor};
use serde_json::{Value, json};

use super::args::{Input, Source};
use super::progress::Progress;
use super::session::Session;
use super::{inputs, output, values};

/// Compare a compiled model with the reference evaluator, and find the first node that differs
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The value of an input: [NAME=]x.npy, x.pb or random:SEED, random unless given; repeatable, without a name in the
    /// model's order. Or what it takes: NAME=u8,nhwc,.., as of compile
    #[arg(long = "input", value_name = "VALUE", value_parser = Input::parse)]
    inputs: Vec<Input>,
    /// The seed of random inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The relative difference from which a node has parted [default: 1e-5; 4e-3, four steps of f16, where a node
    /// gives f16]
    #[arg(long, value_name = "RELATIVE", value_parser = tolerance, allow_negative_numbers = true)]
    tolerance: Option<f64>,
    /// Threads; 0: as many as there are
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

/// How far a value is from the evaluator's.
struct Difference {
    name: String,
    relative: f64,
    largest: f64,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let progress = Progress::new();
    progress.say("compiling");
    let (given, pictures) = Input::sorted(&args.inputs)?;
    let options = Options { pictures, ..args.source.compilation.options()? };
    let module = cnnc::load(&args.source.input, &options)?;
    let compiled = cnnc::compile(&module, &options)?;
    let model = compiled.jit()?;
    // Not before: what is over the limits is refused by then.
    let inputs = values_of(&given, args.seed, &module)?;
    let mut session = Session::new(&model, &inputs, args.threads)?;
    let (program, lanes) = (compiled.program(), options.features.target().lanes);
    let mut steps = HashMap::new();
    session.observe(|step, workspace| {
        for (name, buffer) in computed(program, step) {
            // What a node had before its last step is only half of it.
            match value(buffer, workspace, lanes) {
                Some(value) => steps.insert(name.to_string(), value),
                None => steps.remove(name),
            };
        }
    })?;
    let results = session.results()?;
    progress.say("evaluating");
    let wanted = evaluate(&module, &inputs, Precision::F64)?;
    let outputs = module.output_names.iter().zip(wanted.iter().zip(&results));
    let outputs: Vec<Difference> =
        outputs.map(|(name, (want, got))| difference(name, want.data(), got.data())).collect();
    progress.say("evaluating each node");
    let nodes = parting(&compiled, &inputs, &steps)?;
    drop(progress);

    let tolerance = args.tolerance.unwrap_or_else(|| rounding(&module));
    let parted = |d: &&Difference| d.relative.is_nan() || d.relative > tolerance;
    let first = nodes.iter().find(parted);
    let worst = nodes.iter().max_by(|a, b| a.relative.total_cmp(&b.relative));
    let good = outputs.iter().find(parted).is_none();
    match args.json {
        true => output::json(&json!({
            "good": good && first.is_none(),
            "tolerance": tolerance,
            "outputs": outputs.iter().map(to_json).collect::<Vec<Value>>(),
            "nodes_compared": nodes.len(),
            "first_parting": first.map(to_json),
            "worst": worst.map(to_json),
        })),
        false => {
            for d in &outputs {
                output::line(format_args!("output {}", d.text()));
            }
            let count = nodes.len();
            match (first, worst) {
                (Some(d), _) => {
                    output::line(format_args!("nodes compared: {count}; the first to part: {}", d.text()))
                }
                (None, Some(d)) => {
                    output::line(format_args!("nodes compared: {count}, all agree; the worst: {}", d.text()))
                }
                (None, None) => {}
            }
        }
    }
    match first.or(outputs.iter().find(parted)) {
        None => Ok(()),
        Some(d) => Err(Error::from(Diagnostic {
            code: E_RUN,
            node: Some(d.name.clone()),
            op: None,
            message: format!("differs by {:.1e} from the evaluator, more than {tolerance:.0e}", d.relative),
            help: Some("raise --tolerance where it is only rounding; else report it with the network".into()),
        })),
    }
}

/// A number that a difference can be above.
fn tolerance(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| x.is_finite() && *x >= 0.0);
    number.ok_or_else(|| "expected a finite number, not below 0".into())
}

/// The relative difference that rounding makes in a network, by the narrowest type that its nodes round to.
fn rounding(module: &Module) -> f64 {
    // From 1 to the next number of f16; of f32 it is 1.2e-7, and sums of many terms are within 1e-5.
    const STEP: f64 = 1.0 / 1024.0;
    let graph = &module.graph;
    let mut rounded =
        graph.order().iter().filter(|&&id| !matches!(graph[id].op(), Op::Input(_) | Op::Const(_)));
    match rounded.any(|&id| graph.ty(id).dtype == DType::F16) {
        true => 4.0 * STEP,
        false => 1e-5,
    }
}

/// The values of the inputs, in order; random ones where none is given.
fn values_of(given: &[String], seed: u64, module: &Module) -> Result<Vec<Tensor>, Error> {
    let (graph, ids) = (&module.graph, module.graph.inputs());
    let names: Vec<&str> = ids.iter().map(|&id| graph[id].name().as_str()).collect();
    let given = inputs::placed(&names, given)?.into_iter().enumerate();
    let read = |((i, value), &id): ((usize, Option<&str>), &NodeId)| match value {
        Some(text) => values::read(text, graph.ty(id)),
        None => values::random(graph.ty(id), seed.wrapping_add(i as u64)),
    };
    given.zip(ids).map(read).collect()
}

/// The values that a step computes, and where each lies.
fn computed(program: &Program, step: usize) -> Vec<(&str, &Buffer)> {
    let of = |name, id| (name, program.buffer(id));
    match (&program.steps[step], program.results[step]) {
        (Step { work: Work::Siblings(members), .. }, _) => {
            members.iter().map(|member| of(member.name.as_str(), member.result)).collect()
        }
        (Step { name, .. }, result) => vec![of(name.as_str(), result)],
    }
}

/// What lies in a buffer of the arena, in row-major order.
fn value(buffer: &Buffer, workspace: &[u8], lanes: usize) -> Option<Data> {
    if buffer.space != Space::Arena {
        return None;
    }
    let from = usize::try_from(buffer.offset).ok()?;
    let bytes = workspace.get(from..from.checked_add(usize::try_from(buffer.bytes).ok()?)?)?;
    let elements = Data::from_le_bytes(buffer.dtype, bytes);
    match (buffer.layout, &buffer.shape[..]) {
        (Layout::Plain, _) => Some(elements),
        (Layout::Blocked, [n, c, rest @ ..]) => {
            let (blocks, plane) = (c.div_ceil(lanes), rest.iter().product::<usize>());
            let at = |i: usize| {
                let (image, channel, pixel) = (i / plane / c, i / plane % c, i % plane);
                ((image * blocks + channel / lanes) * plane + pixel) * lanes + channel % lanes
            };
            Some(elements.gather(n * c * plane, f64::NAN, |i| Some(at(i)).filter(|&i| i < elements.len())))
        }
        (Layout::Blocked, _) => None,
    }
}

/// How far each step's result is from that of its node, in the order of the nodes.
fn parting(
    compiled: &Compiled,
    inputs: &[Tensor],
    steps: &HashMap<String, Data>,
) -> Result<Vec<Difference>, Error> {
    let module = compiled.module();
    let mut differences = Vec::new();
    evaluate_with(module, inputs, Precision::F64, |id, want| {
        let name = module.graph[id].name().as_str();
        if let Some(got) = steps.get(name).filter(|got| got.len() == want.shape().elements()) {
            differences.push(difference(&format!("%{name}"), want.data(), got));
        }
    })?;
    Ok(differences)
}

fn difference(name: &str, want: &Data, got: &Data) -> Difference {
    let (want, got) = (want.to_f64(), got.to_f64());
    let (mut square, mut norm, mut largest) = (0.0, 0.0, 0.0f64);
    // What is not a number there must be none here; a norm of infinities would hide all that is finite.
    let agree = |w: f64, g: f64| (w.is_nan() && g.is_nan()) || (w.is_infinite() && w == g);
    for (&w, &g) in want.iter().zip(&got).filter(|&(&w, &g)| !agree(w, g)) {
        let d = if w == g { 0.0 } else { g - w };
        square += d * d;
        norm += w * w;
        largest = if d.abs() > largest || d.is_nan() { d.abs() } else { largest };
    }
    let relative =
        if square == 0.0 { 0.0 } else { f64::sqrt(square) / f64::sqrt(norm).max(f64::MIN_POSITIVE) };
    Difference { name: name.into(), relative, largest }
}

impl Difference {
    fn text(&self) -> String {
        format!("{}: relative {:.1e}, at most {:.1e}", output::name(&self.name), self.relative, self.largest)
    }
}

fn to_json(d: &Difference) -> Value {
    json!({ "name": d.name, "relative": d.relative, "largest": d.largest })
}
