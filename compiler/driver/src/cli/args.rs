//! Arguments that commands share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueHint;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use cnnc::{ArchOptions, E_OPTION, Error, Features, Goal, Options, PassOptions, Picture};
use cnnc_codegen::Machine;
use cnnc_codegen::plan::Topic;
use cnnc_passes::PIPELINE;

/// What is asked of a network before it is compiled.
#[derive(clap::Args)]
#[command(next_help_heading = "Built-in networks and weights")]
struct Network {
    /// Height and width of the picture of a built-in network [default: those of its paper]
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,
    /// Classes of a built-in network [default: those of its paper]
    #[arg(long, value_name = "N")]
    classes: Option<usize>,
    /// How many times as wide as a ResNet, of wide-resnet and wrn; channels of a path, of resnext
    #[arg(long, value_name = "N")]
    width: Option<usize>,
    /// Paths of a block, of resnext
    #[arg(long, value_name = "N")]
    cardinality: Option<usize>,
    /// Channels that a layer adds, of densenet
    #[arg(long, value_name = "N")]
    growth: Option<usize>,
    /// Keep the auxiliary classifiers of a built-in network, as further outputs
    #[arg(long)]
    aux: bool,
    /// What the weights of a built-in network are drawn from
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    weights_seed: u64,
    /// Weights, by the names of constants: a .safetensors file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    weights: Option<PathBuf>,
    /// Skip tensors of that file which the network lacks
    #[arg(long, requires = "weights")]
    ignore_extra: bool,
}

/// How a network is compiled.
#[derive(clap::Args)]
#[command(next_help_heading = "Compilation")]
pub(crate) struct Compilation {
    /// What a symbolic first dimension of an input stands for [default: 1]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// The shape of an input with symbolic dimensions; repeatable
    #[arg(long = "shape", value_name = "NAME=1x3x224x224", value_parser = shape)]
    shapes: Vec<(String, Vec<usize>)>,
    /// The machine that runs the code
    #[arg(long, value_name = "TRIPLE", value_parser = machines(), default_value = Machine::default().triple())]
    target: Machine,
    /// Instruction sets: avx2,fma,avx512 (own machine code; AVX-512 where the processor has it), avx2,fma, or
    /// sse4.1,fma (through Cranelift, for processors without AVX2); on aarch64 neon [default: the first of the target]
    #[arg(long, value_name = "LIST")]
    target_features: Option<Features>,
    /// Compute every convolution directly: slower, exact where sums of products are
    #[arg(long)]
    no_winograd: bool,
    /// What counts: memory takes the smallest workspace that is found, speed the quickest plan
    #[arg(long, value_name = "GOAL", value_parser = goals(), default_value = Goal::default().name())]
    optimize: Goal,
    /// Believe the times in this file, which --tune wrote, instead of the cost model
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    tuned: Option<PathBuf>,
    /// A pass to leave out, or what the plan does: winograd, groups, concats, in-place, sums, siblings, zeros;
    /// repeatable
    #[arg(long, value_name = "PASS", value_parser = passes_and_topics(), hide_possible_values = true)]
    disable_pass: Vec<String>,
    /// Keep weights below the smallest normal number, which are slow on most processors
    #[arg(long)]
    keep_denormals: bool,
    /// The most memory that a value, the weights, or a run may take; for a run over it plans for less memory are tried,
    /// then those that compute every convolution directly
    #[arg(long, value_name = "SIZE", default_value = "8GiB", value_parser = bytes)]
    max_memory: u64,
    /// The most that constants may take which an ONNX file does not hold but says how to make, such as those of
    /// ConstantOfShape
    #[arg(long, value_name = "SIZE", default_value = "640MiB", value_parser = bytes)]
    max_generated: u64,
    /// The most workspace that a run on one thread may take; for a run over it the same plans are tried
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    max_workspace: Option<u64>,
    /// The most bytes that the code may take, the weights apart
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = bytes)]
    max_code: u64,
    /// Verify the network after each pass
    #[arg(long)]
    check: bool,
    // Last, as its heading is that of all that follows.
    #[command(flatten)]
    network: Network,
}

impl Compilation {
    /// The same as the library has it.
    ///
    /// # Errors
    /// Features that the target has not; a file of times that cannot be read.
    pub(crate) fn options(&self) -> Result<Options, Error> {
        let default = Options::default();
        let (times, measured) = self.tuned.as_deref().map(cnnc::read_times).transpose()?.unzip();
        let mut options = Options {
            features: self.features()?,
            winograd: !self.no_winograd,
            optimize: self.optimize,
            times: times.map(Arc::new),
            measured,
            without: Vec::new(),
            passes: PassOptions { keep_denormals: self.keep_denormals, ..default.passes },
            batch: self.batch,
            shapes: by_name("shape", &self.shapes)?,
            pictures: BTreeMap::new(),
            arch: ArchOptions {
                size: self.network.size,
                classes: self.network.classes,
                width: self.network.width,
                cardinality: self.network.cardinality,
                growth: self.network.growth,
                aux: self.network.aux,
                seed: self.network.weights_seed,
                ..default.arch
            },
            weights: self.network.weights.clone(),
            ignore_extra: self.network.ignore_extra,
            check: self.check || default.check,
            name: None,
            sync: false,
            max_memory: self.max_memory,
            max_generated: self.max_generated,
            max_workspace: self.max_workspace,
            max_code: self.max_code,
        };
        self.disable_pass.iter().for_each(|name| options.leave_out(name));
        Ok(options)
    }

    fn features(&self) -> Result<Features, Error> {
        let machine = self.target;
        let features = self.target_features.unwrap_or(Features::of(machine));
        if features.machine() == machine {
            return Ok(features);
        }
        let message = format!(
            "{} has no {}: leave out --target-features, or say --target {}",
            machine.triple(),
            features.name(),
            features.machine().triple()
        );
        Err(Error::new(E_OPTION, message))
    }
}

/// What inputs take, of commands that give them no values.
#[derive(clap::Args)]
pub(crate) struct Pictures {
    /// Let an input take pictures as they are, bytes that the model normalises: u8, then nhwc or nchw, rgb or bgr, raw
    /// (not divided by 255), mean=A,B,C and std=A,B,C; repeatable
    #[arg(long = "input", value_name = "NAME=u8,nhwc,..", value_parser = picture, help_heading = "Compilation")]
    pictures: Vec<(String, Picture)>,
}

impl Pictures {
    /// The options of a compilation with these inputs.
    pub(crate) fn options(&self, compilation: &Compilation) -> Result<Options, Error> {
        Ok(Options { pictures: by_name("input", &self.pictures)?, ..compilation.options()? })
    }
}

/// What is said of an input: its value, or what it takes.
#[derive(Clone)]
pub(crate) enum Input {
    /// `[NAME=]x.npy`, `random:SEED` and the like.
    Value(String),
    /// `NAME=u8,nhwc,..`
    Picture(String, Picture),
}

impl Input {
    /// Reads either.
    pub(crate) fn parse(text: &str) -> Result<Input, String> {
        let is_picture =
            text.split_once("=u8").is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(','));
        if !is_picture {
            return Ok(Input::Value(text.into()));
        }
        picture(text).map(|(name, picture)| Input::Picture(name, picture))
    }

    /// The values, in order, and what inputs take, by name.
    ///
    /// # Errors
    /// An input that is said to take pictures twice.
    pub(crate) fn sorted(inputs: &[Input]) -> Result<(Vec<String>, BTreeMap<String, Picture>), Error> {
        let (mut values, mut pictures) = (Vec::new(), Vec::new());
        for input in inputs.iter().cloned() {
            match input {
                Input::Value(text) => values.push(text),
                Input::Picture(name, picture) => pictures.push((name, picture)),
            }
        }
        Ok((values, by_name("input", &pictures)?))
    }
}

/// What an option says of inputs, of each once.
fn by_name<T: Clone>(option: &str, said: &[(String, T)]) -> Result<BTreeMap<String, T>, Error> {
    let mut named = BTreeMap::new();
    for (name, what) in said {
        if named.insert(name.clone(), what.clone()).is_some() {
            let error = Error::new(E_OPTION, format!("--{option} speaks of {name:?} twice"));
            return Err(error.with_help("say all of an input in one"));
        }
    }
    Ok(named)
}

/// A network and how it is compiled.
#[derive(clap::Args)]
pub(crate) struct Source {
    /// The network: .onnx, .cnn text, or a built-in name
    #[arg(value_name = "NET", value_hint = ValueHint::FilePath)]
    pub(crate) input: PathBuf,
    #[command(flatten)]
    pub(crate) compilation: Compilation,
}

/// The machines, by their triples.
fn machines() -> impl TypedValueParser<Value = Machine> {
    one_of(Machine::ALL, Machine::triple)
}

/// The goals of a plan.
fn goals() -> impl TypedValueParser<Value = Goal> {
    one_of(Goal::ALL, Goal::name)
}

/// One of these, by its name.
fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(all.map(name));
    names.try_map(move |said| all.into_iter().find(|&one| name(one) == said).ok_or("no such name"))
}

/// The names of the passes, and of what the plan does.
fn passes_and_topics() -> PossibleValuesParser {
    let passes = PIPELINE.iter().map(|pass| pass.name);
    PossibleValuesParser::new(passes.chain(Topic::ALL.map(Topic::name)))
}

/// The names of the passes.
pub(crate) fn passes() -> PossibleValuesParser {
    PossibleValuesParser::new(PIPELINE.iter().map(|pass| pass.name))
}

/// Units of bytes, none last.
const UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("", 1),
];

/// Bytes, or a number of `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB`, perhaps with a fraction; at most 1 TiB.
fn bytes(text: &str) -> Result<u64, String> {
    let unit = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?.trim_end(), *size)));
    let (number, size) = unit.unwrap_or((text, 1));
    let is_number = |c: char| c.is_ascii_digit() || (c == '.' && size > 1);
    // Exact for whole bytes: all of them up to the most are numbers of f64.
    let count = number.parse::<f64>().ok().filter(|_| number.chars().all(is_number));
    let count = count.map(|count| (count * size as f64).floor());
    let count = count.filter(|&count| count <= Options::MOST_MEMORY as f64);
    let wanted = "expected bytes, or a number of KiB, MiB, GiB, kB, MB or GB, at most 1024GiB";
    count.map(|count| count as u64).ok_or_else(|| wanted.to_string())
}

/// `name=u8,nhwc,..`
pub(crate) fn picture(text: &str) -> Result<(String, Picture), String> {
    let (name, _) = text.split_once("=u8").ok_or("expected NAME=u8,nhwc,rgb,mean=..,std=..")?;
    Ok((name.into(), text[name.len() + 1..].parse()?))
}

/// `name=1x3x224x224`; names may contain `=`.
fn shape(text: &str) -> Result<(String, Vec<usize>), String> {
    let (name, dims) = text.rsplit_once('=').ok_or("expected NAME=1x3x224x224")?;
    let dim = |text: &str| text.parse::<usize>().map_err(|error| format!("{text:?}: {error}"));
    Ok((name.into(), dims.split('x').map(dim).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1500", Some(1500)),
            ("4.1MiB", Some(4_299_161)),
            ("5MB", Some(5_000_000)),
            ("0.5 kB", Some(500)),
            ("1024GiB", Some(1 << 40)),
            ("1025GiB", None),
            ("1.5", None),
            ("-1", None),
            ("1e3", None),
            ("infGB", None),
            ("MiB", None),
            ("5 m", None),
            ("", None),
        ] {
            assert_eq!(bytes(text).ok(), expected, "{text}");
        }
    }
}
