//! `cnnc bench`: latency, and where it goes.
//!
//! Counts of threads take turns, slice after slice, so that a slow moment of the machine hits all alike. Quoted are
//! the minimum and the median over all runs. The profile reads the clock after each step and keeps the least time of
//! each; its sum is a little above the latency, by the clock and the calls.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::value_parser;
use cnnc::{Error, Model};
use cnnc_codegen::artifact::manifest::Manifest;
use cnnc_runtime::RunError;
use serde_json::{Value, json};

use super::args::{Compilation, Pictures};
use super::progress::Progress;
use super::session::Session;
use super::trace::{self, Span};
use super::{ablation, open, output, peak, profile, values};

/// How long one count of threads runs before the next takes its turn.
const SLICE: Duration = Duration::from_millis(100);

/// Measure the latency of a model, and where it goes
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model: a compiled .so, or .onnx, .cnn or a built-in name to be compiled now
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub(super) model: PathBuf,
    /// Counts of threads, which take turns; 0: as many as there are
    #[arg(long, value_delimiter = ',', default_value = "1")]
    pub(super) threads: Vec<u32>,
    /// How long each runs
    #[arg(long, default_value = "2", value_name = "SECONDS", value_parser = value_parser!(u32).range(1..=3600))]
    pub(super) seconds: u32,
    /// Measure what each pass is worth, and what the plan does: the network as it is, and without each that changes it
    #[arg(long, conflicts_with_all = ["profile", "trace"])]
    passes: bool,
    /// Also time each step
    #[arg(long)]
    profile: bool,
    /// Write when each step of the fastest timed run began and ended, for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    trace: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) compilation: Compilation,
    #[command(flatten)]
    pub(super) pictures: Pictures,
}

/// A model on some threads, and what was measured.
pub(crate) struct Bench<'m> {
    session: Session<'m>,
    /// Of every run, in seconds.
    latencies: Vec<f64>,
    /// Least time of each step, in seconds.
    steps: Vec<f64>,
    /// The fastest run whose steps were timed.
    fastest: Vec<Span>,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    if args.passes {
        return ablation::main(args);
    }
    let options = args.pictures.options(&args.compilation)?;
    let model = open::model(&args.model, &options)?;
    let manifest = open::manifest(&model)?;
    let mut benches =
        args.threads.iter().map(|&threads| Bench::new(&model, threads)).collect::<Result<Vec<_>, Error>>()?;
    let peak = peak::gflops(!manifest.uses.is_empty());
    let progress = Progress::new();
    progress.say("measuring");
    let rounds = rounds(args.seconds);
    for _ in 0..rounds {
        for bench in &mut benches {
            bench.slice(Bench::run)?;
        }
    }
    if args.profile || args.trace.is_some() {
        progress.say("timing each step");
        for _ in 0..rounds.div_ceil(4) {
            for bench in &mut benches {
                bench.slice(Bench::profile)?;
            }
        }
    }
    if let Some(path) = &args.trace {
        let runs = benches.iter().map(|bench| (bench.threads(), &bench.fastest[..]));
        trace::write(path, model.name(), &manifest, runs)?;
    }
    drop(progress);
    match args.json {
        true => output::json(&to_json(&model, &manifest, &benches, peak, args.profile)),
        false => {
            print(&manifest, &benches, peak);
            // For a trace steps are timed too, and written there alone.
            for bench in benches.iter().filter(|_| args.profile) {
                profile::print(&bench.timed(&manifest), bench.threads(), peak);
            }
        }
    }
    Ok(())
}

impl<'m> Bench<'m> {
    /// A model that has run once.
    pub(crate) fn new(model: &'m Model, threads: u32) -> Result<Bench<'m>, Error> {
        let input = |(seed, info)| values::random(&open::ty(info)?, seed);
        let inputs = (1..).zip(model.inputs()).map(input).collect::<Result<Vec<_>, Error>>()?;
        let mut session = Session::new(model, &inputs, threads)?;
        session.run()?; // The first run is slow: pages and caches are cold.
        let steps = vec![f64::INFINITY; model.step_count() as usize];
        Ok(Bench { session, latencies: Vec::new(), steps, fastest: Vec::new() })
    }

    /// Runs for some seconds.
    pub(crate) fn run_for(&mut self, seconds: u32) -> Result<(), Error> {
        (0..rounds(seconds)).try_for_each(|_| self.slice(Bench::run))
    }

    /// Runs at least once, and for a slice of time.
    pub(super) fn slice(&mut self, run: impl Fn(&mut Self) -> Result<(), RunError>) -> Result<(), Error> {
        let start = Instant::now();
        run(self)?;
        while start.elapsed() < SLICE {
            run(self)?;
        }
        Ok(())
    }

    pub(super) fn run(&mut self) -> Result<(), RunError> {
        let start = Instant::now();
        self.session.run()?;
        self.latencies.push(start.elapsed().as_secs_f64());
        Ok(())
    }

    fn profile(&mut self) -> Result<(), RunError> {
        let Bench { session, steps, fastest, .. } = self;
        let mut spans = Vec::with_capacity(steps.len());
        let start = Instant::now();
        let mut begin = 0.0;
        session.observe(|step, _| {
            let end = start.elapsed().as_secs_f64();
            if let Some(least) = steps.get_mut(step) {
                *least = least.min(end - begin);
            }
            spans.push(Span { step, begin, end });
            begin = start.elapsed().as_secs_f64();
        })?;
        if fastest.last().is_none_or(|last| begin < last.end) {
            *fastest = spans;
        }
        Ok(())
    }

    /// The least latency, in seconds.
    pub(crate) fn minimum(&self) -> f64 {
        self.latencies.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The median of all latencies, in seconds.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// How many runs were timed.
    pub(crate) fn runs(&self) -> usize {
        self.latencies.len()
    }

    /// How many threads run it.
    pub(crate) fn threads(&self) -> u32 {
        self.session.threads()
    }

    /// The steps that were timed, each with its least time in seconds.
    fn timed<'a>(&self, manifest: &'a Manifest) -> Vec<profile::Timed<'a>> {
        let times = manifest.steps.iter().zip(self.steps.iter().copied());
        times.filter(|(_, seconds)| seconds.is_finite()).collect()
    }
}

/// How many slices fill some seconds.
pub(super) fn rounds(seconds: u32) -> u64 {
    (u64::from(seconds) * 1000).div_ceil(SLICE.as_millis() as u64)
}

fn macs(manifest: &Manifest) -> u64 {
    manifest.steps.iter().fold(0, |sum, step| sum.saturating_add(step.macs))
}

/// GFLOP/s of so many multiply-adds in so many seconds.
pub(crate) fn gflops(macs: u64, seconds: f64) -> f64 {
    2.0 * macs as f64 / seconds.max(1e-9) / 1e9
}

/// What part of the peak of all threads a speed is, in percent.
pub(super) fn share(gflops: f64, peak: Option<f64>, threads: u32) -> Option<f64> {
    peak.map(|peak| 100.0 * gflops / peak / f64::from(threads))
}

fn print(manifest: &Manifest, benches: &[Bench], peak: Option<f64>) {
    let mut rows =
        vec![["threads", "min ms", "median ms", "runs", "GMAC/s", "of peak"].map(String::from).to_vec()];
    for bench in benches {
        let (least, threads) = (bench.minimum(), bench.threads());
        let speed = gflops(macs(manifest), least);
        rows.push(vec![
            threads.to_string(),
            format!("{:.3}", least * 1e3),
            format!("{:.3}", bench.median() * 1e3),
            bench.runs().to_string(),
            format!("{:.2}", speed / 2.0),
            share(speed, peak, threads).map_or(String::new(), |percent| format!("{percent:.0} %")),
        ]);
    }
    output::table(&rows, 0);
    if let Some(peak) = peak {
        output::line(format_args!("peak of one core, FMA on registers alone: {peak:.0} GFLOP/s"));
    }
}

fn to_json(
    model: &Model,
    manifest: &Manifest,
    benches: &[Bench],
    peak: Option<f64>,
    profiled: bool,
) -> Value {
    let bench = |bench: &Bench| {
        let timed = bench.timed(manifest).into_iter().filter(|_| profiled);
        let steps = timed.map(|step| profile::to_json(step, bench.threads(), peak));
        json!({
            "threads": bench.threads(),
            "min_ms": bench.minimum() * 1e3,
            "median_ms": bench.median() * 1e3,
            "runs": bench.runs(),
            "gmacs": gflops(macs(manifest), bench.minimum()) / 2.0,
            "steps": steps.collect::<Vec<Value>>(),
        })
    };
    json!({
        "model": model.name(),
        "macs": macs(manifest),
        "peak_gflops": peak,
        "benches": benches.iter().map(bench).collect::<Vec<Value>>(),
    })
}
