//! `cnnc bench --passes`: what each pass is worth, and what the plan does.
//!
//! ```text
//! a network -> compiled with all passes, and once more without each pass that changes it, and without each thing that
//!              the plan does to it -> all of them in turns
//! ```
//!
//! Refused are libraries: they are compiled already.

use cnnc::{E_OPTION, Error, Model};
use cnnc_codegen::plan::Topic;
use serde_json::{Value, json};

use super::bench::{Args, Bench, rounds};
use super::output;
use super::progress::Progress;

/// A network without a pass.
struct Variant<'m> {
    /// The pass that is left out, or what the plan does; `None`: nothing is.
    without: Option<&'static str>,
    bench: Bench<'m>,
}

pub(super) fn main(args: &Args) -> Result<(), Error> {
    if args.model.extension().is_some_and(|extension| extension == "so") {
        let message = format!("{} is compiled already: passes cannot be left out", args.model.display());
        return Err(Error::new(E_OPTION, message).with_help("give the network that it was compiled from"));
    }
    let progress = Progress::new();
    let options = args.pictures.options(&args.compilation)?;
    let module = cnnc::load(&args.model, &options)?;
    let (optimized, report) = cnnc::optimize(module.clone(), &options, &mut |_| {})?;
    let compiled = cnnc::plan(optimized, &options)?;
    let decisions = &compiled.program().decisions;
    let did = |topic: &Topic| decisions.iter().any(|d| d.topic == *topic && d.outcome.is_ok());
    let worked = report.passes.iter().filter(|pass| pass.changed).map(|pass| pass.name);
    let worked = worked.chain(Topic::ALL.into_iter().filter(did).map(Topic::name));
    let (mut models, mut needed): (Vec<(Option<&str>, Model)>, Vec<&str>) = (Vec::new(), Vec::new());
    for without in std::iter::once(None).chain(worked.map(Some)) {
        progress.say(format!("compiling without {}", without.unwrap_or("nothing left out")));
        let mut options = options.clone();
        without.into_iter().for_each(|name| options.leave_out(name));
        let model = cnnc::jit(&module, &options).or_else(|error| match options.times.take() {
            // Times are those of the layers that all passes make.
            Some(_) if without.is_some() => cnnc::jit(&module, &options),
            _ => Err(error),
        });
        match (model, without) {
            (Ok(model), _) => models.push((without, model)),
            // Code knows not every operator of a network as a file has it.
            (Err(_), Some(pass)) => needed.push(pass),
            (Err(error), None) => return Err(error),
        }
    }
    let mut variants = Vec::new();
    for (without, model) in &models {
        for &threads in &args.threads {
            variants.push(Variant { without: *without, bench: Bench::new(model, threads)? });
        }
    }
    progress.say("measuring");
    for _ in 0..rounds(args.seconds) {
        variants.iter_mut().try_for_each(|variant| variant.bench.slice(Bench::run))?;
    }
    drop(progress);
    match args.json {
        true => output::json(&to_json(models[0].1.name(), &variants, &needed)),
        false => print(&variants, &needed),
    }
    Ok(())
}

/// How many times as long a variant takes as the network with all passes on as many threads.
fn ratio(variants: &[Variant], variant: &Variant) -> f64 {
    let is_whole = |v: &&Variant| v.without.is_none() && v.bench.threads() == variant.bench.threads();
    let whole = variants.iter().find(is_whole).map_or(f64::NAN, |v| v.bench.minimum());
    variant.bench.minimum() / whole
}

fn print(variants: &[Variant], needed: &[&str]) {
    let mut rows = vec![["without", "threads", "min ms", "times as long"].map(String::from).to_vec()];
    rows.extend(variants.iter().map(|variant| {
        vec![
            variant.without.unwrap_or("-").to_string(),
            variant.bench.threads().to_string(),
            format!("{:.3}", variant.bench.minimum() * 1e3),
            format!("{:.3}", ratio(variants, variant)),
        ]
    }));
    output::table(&rows, 1);
    if !needed.is_empty() {
        output::line(format_args!("does not compile without {}", needed.join(", ")));
    }
}

fn to_json(model: &str, variants: &[Variant], needed: &[&str]) -> Value {
    let variant = |v: &Variant| {
        json!({
            "without": v.without, "threads": v.bench.threads(),
            "min_ms": v.bench.minimum() * 1e3, "ratio": ratio(variants, v),
        })
    };
    json!({ "model": model, "needed": needed, "variants": variants.iter().map(variant).collect::<Vec<Value>>() })
}
