//! Tuning: how long the layers of a network take by each way to run them, measured on this machine.
//!
//! ```text
//! round 0: every convolution direct         -> seconds of each step
//! round 1: every convolution by its smallest transform, where the plan's limits allow it
//! ...
//! ```
//!
//! A round is a whole network, compiled into memory and run again and again, so that a layer meets the caches as it
//! does in use: weights cold, operands warm. A step may compute several layers, and other ones in another round: what
//! a layer takes is then the time of all steps that it ever shared a step with. INVARIANT: measuring decides which
//! algorithms a plan names; the plan alone decides the result.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cnnc_codegen::plan::{self, Program, Times};
use cnnc_codegen::{Machine, Target};
use cnnc_frontends::file;
use cnnc_ir::Module;
use cnnc_runtime::{Model, Workspace};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{E_OPTION, Error, Options, pipeline};

/// Bytes that a file of times may have.
const LARGEST: u64 = 64 << 20;

/// A round of measurement.
struct Round {
    /// The layers of each step, and the nanoseconds that it takes.
    steps: Vec<(BTreeSet<String>, u64)>,
    /// The way of each convolution.
    ways: BTreeMap<String, String>,
}

/// Measures an optimised network on one thread for about so long.
///
/// # Errors
/// Those of [`plan`](crate::plan()) and [`jit`](crate::jit); another machine than this one.
pub fn tune(module: &Module, options: &Options, time: Duration) -> Result<Times, Error> {
    let machine = options.features.machine();
    if Machine::host() != Some(machine) {
        let message = format!("times for {} cannot be measured here", machine.triple());
        return Err(Error::new(E_OPTION, message)
            .with_help("leave out --tune, or give the times of such a machine: --tuned FILE"));
    }
    let ways = plan::ways(module, &options.target());
    let count = ways.values().map(Vec::len).max().unwrap_or_default();
    let rounds = (0..count).map(|round| {
        // As if one way took next to no time.
        let favoured = |ways: &Vec<String>| {
            let favourite = round.min(ways.len() - 1);
            ways.iter().enumerate().map(|(i, way)| (way.clone(), u64::from(i != favourite) << 40)).collect()
        };
        let times = Times(ways.iter().map(|(layer, ways)| (layer.clone(), favoured(ways))).collect());
        let compiled =
            pipeline::plan(module.clone(), &Options { times: Some(Arc::new(times)), ..options.clone() })?;
        let model = compiled.jit()?;
        Ok(Round::of(compiled.program(), &measure(&model, time / count as u32)?))
    });
    let rounds: Vec<Round> = rounds.collect::<Result<_, Error>>()?;
    Ok(Times(ways.into_keys().map(|layer| (layer.clone(), times_of(&layer, &rounds))).collect()))
}

/// The least nanoseconds of each step.
fn measure(model: &Model, time: Duration) -> Result<Vec<u64>, Error> {
    let mut workspace = Workspace::new(model, 1)?;
    let inputs: Vec<Vec<u8>> = model.inputs().iter().map(|input| vec![0; input.bytes]).collect();
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let mut outputs: Vec<Vec<u8>> = model.outputs().iter().map(|output| vec![0; output.bytes]).collect();
    let mut outputs: Vec<&mut [u8]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    let mut least = vec![u64::MAX; model.step_count() as usize];
    let start = Instant::now();
    // The first run is slow: pages and caches are cold.
    for run in 0.. {
        if run > 1 && start.elapsed() > time {
            break;
        }
        let mut begin = Instant::now();
        model.run_observed(&inputs, &mut outputs, &mut workspace, &mut |step| {
            let nanoseconds = begin.elapsed().as_nanos() as u64;
            if let Some(least) = least.get_mut(step as usize) {
                *least = nanoseconds.min(*least);
            }
            begin = Instant::now();
            true
        })?;
    }
    Ok(least)
}

impl Round {
    fn of(program: &Program, nanoseconds: &[u64]) -> Round {
        let layers = program.layers();
        let ways = layers.iter().flatten().filter_map(|l| Some((l.name.to_string(), l.way?.to_string())));
        let ways = ways.collect();
        let names = layers.iter().map(|layers| layers.iter().map(|layer| layer.name.to_string()).collect());
        Round { steps: names.zip(nanoseconds.iter().copied()).collect(), ways }
    }

    /// The layers that are computed in one step with any of these.
    fn beside(&self, layers: &BTreeSet<String>) -> BTreeSet<String> {
        let steps = self.steps.iter().filter(|(names, _)| !names.is_disjoint(layers));
        steps.flat_map(|(names, _)| names).cloned().collect()
    }
}

/// The nanoseconds of a layer by each way that a round took.
fn times_of(layer: &str, rounds: &[Round]) -> BTreeMap<String, u64> {
    let alone = BTreeSet::from([layer.to_string()]);
    let together: BTreeSet<String> = rounds.iter().flat_map(|round| round.beside(&alone)).collect();
    let mut times = BTreeMap::new();
    for round in rounds {
        let Some(way) = round.ways.get(layer) else { continue };
        let steps = round.steps.iter().filter(|(names, _)| !names.is_disjoint(&together));
        let nanoseconds: u64 = steps.map(|(_, nanoseconds)| nanoseconds).sum();
        let least = times.entry(way.clone()).or_insert(u64::MAX);
        *least = nanoseconds.min(*least);
    }
    times
}

/// What times were measured of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The features of the target.
    target: String,
    /// SHA-256 of the names and types of all values that are no constants.
    layers: String,
}

impl Measured {
    /// An optimised network, for the target of these options.
    fn of(module: &Module, options: &Options) -> Measured {
        let (graph, mut digest) = (&module.graph, Sha256::new());
        for &id in graph.order().iter().filter(|&&id| !graph[id].is_const()) {
            let types: Vec<String> = graph.operands(id).iter().map(|&id| graph.ty(id).to_string()).collect();
            let (name, op, ty) = (graph[id].name(), graph[id].op().name(), graph.ty(id));
            digest.update(format!("%{name}: {ty} = {op} {}\n", types.join(", ")));
        }
        let layers = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Measured { target: options.features.name().into(), layers }
    }
}

/// Refuses times that were measured of something else than an optimised network, and ways that there are not.
pub(crate) fn fits(module: &Module, options: &Options) -> Result<(), Error> {
    let Some(times) = &options.times else { return Ok(()) };
    let refuse = |what: String| {
        Err(Error::new(E_OPTION, what)
            .with_help("measure this network as it is compiled now: --tune SECONDS"))
    };
    let here = Measured::of(module, options);
    let measured = options.measured.as_ref().unwrap_or(&here);
    if measured.target != here.target {
        return refuse(format!("the times were measured for {}, not for {}", measured.target, here.target));
    }
    let ways = plan::ways(module, &Target { winograd: true, ..options.target() });
    for (layer, times) in &times.0 {
        let Some(ways) = ways.get(layer) else {
            return refuse(format!(
                "times were measured of %{layer}, which is no convolution of this network"
            ));
        };
        if let Some(way) = times.keys().find(|way| !ways.contains(way)) {
            return refuse(format!("times were measured of %{layer} by {way:?}, which it cannot be run by"));
        }
    }
    match measured.layers == here.layers {
        true => Ok(()),
        false => refuse("the times were measured of a network with other layers or shapes".into()),
    }
}

/// Writes measured times of an optimised network: JSON,
/// `{"target": .., "layers": .., "times": {"layer": {"direct": nanoseconds, "F(4x4, 3x3)": nanoseconds}}}`.
///
/// # Errors
/// What the file system refuses.
pub fn write_times(times: &Times, module: &Module, options: &Options, path: &Path) -> Result<(), Error> {
    let Measured { target, layers } = Measured::of(module, options);
    let text = json!({ "target": target, "layers": layers, "times": times.0 });
    Ok(file::write(path, format!("{text:#}\n").as_bytes())?)
}

/// Measured times from a file that [`write_times`] wrote, and what they were measured of.
///
/// # Errors
/// What the file system refuses, and another text.
pub fn read_times(path: &Path) -> Result<(Times, Measured), Error> {
    let none = |why: &dyn std::fmt::Display| {
        let message = format!("{} holds no measured times: {why}", path.display());
        Error::new(E_OPTION, message).with_help("write them by --tune SECONDS")
    };
    let mut file: Value =
        serde_json::from_str(&file::read_text(path, LARGEST)?).map_err(|error| none(&error))?;
    let word = |key: &str| {
        let word = file[key].as_str().map(String::from);
        word.ok_or_else(|| none(&format_args!("it does not say of what {key}")))
    };
    let measured = Measured { target: word("target")?, layers: word("layers")? };
    let times = serde_json::from_value(file["times"].take()).map_err(|error| none(&error))?;
    Ok((Times(times), measured))
}
