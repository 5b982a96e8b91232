//! What the user decides about a compilation.
//!
//! Features select machine and emitter, so that both emitters run on one machine and are each other's oracle:
//!
//! ```text
//! avx2,fma,avx512    x86_64     256-bit kernels as own machine code, with 512-bit twins of those that matter, which
//!                               run where the processor has AVX-512 (the default)
//! avx2,fma           x86_64     256-bit kernels alone
//! sse4.1,fma         x86_64     128-bit kernels through Cranelift, for processors without AVX2
//! neon               aarch64    128-bit kernels through Cranelift
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use cnnc_codegen::plan::{Goal, Times, Topic};
use cnnc_codegen::{Machine, Target};
use cnnc_frontends::arch::ArchOptions;
use cnnc_passes::PassOptions;

use crate::{Measured, Picture};

/// Instruction sets that kernels may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Features {
    /// `avx2,fma,avx512`: the last where the processor has it.
    #[default]
    Avx512,
    /// `avx2,fma`
    Avx2,
    /// `sse4.1,fma`
    Sse41,
    /// `neon`
    Neon,
}

impl Features {
    /// Every choice, the default of a machine first.
    pub const ALL: [Features; 4] = [Features::Avx512, Features::Avx2, Features::Sse41, Features::Neon];

    /// The default of a machine.
    pub fn of(machine: Machine) -> Features {
        let found = Features::ALL.into_iter().find(|features| features.machine() == machine);
        found.unwrap_or_default()
    }

    /// The machine that has them.
    pub fn machine(self) -> Machine {
        self.target().machine
    }

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Features::Avx512 => "avx2,fma,avx512",
            Features::Avx2 => "avx2,fma",
            Features::Sse41 => "sse4.1,fma",
            Features::Neon => "neon",
        }
    }

    /// What code is generated for.
    pub fn target(self) -> Target {
        match self {
            Features::Avx512 => Target::x86_64_v3(),
            Features::Avx2 => Target::x86_64_v3().narrow(),
            Features::Sse41 => Target::clif(),
            Features::Neon => Target::aarch64(),
        }
    }
}

impl FromStr for Features {
    type Err = String;

    /// The choice of that name; the order of the words does not matter.
    fn from_str(text: &str) -> Result<Features, String> {
        let words = |text: &str| {
            let mut words: Vec<String> = text.split(',').map(|word| word.trim().to_string()).collect();
            words.sort();
            words
        };
        let named = Features::ALL.into_iter().find(|features| words(features.name()) == words(text));
        named.ok_or_else(|| format!("the choices are {}", Features::ALL.map(Features::name).join("; ")))
    }
}

/// How to compile.
#[derive(Clone, Debug)]
pub struct Options {
    /// Instruction sets that kernels may use, and with them the machine.
    pub features: Features,
    /// Whether convolutions may be transformed: faster, with other rounding errors than direct sums.
    pub winograd: bool,
    /// What the plan is to be good at.
    pub optimize: Goal,
    /// What the plan does not do though it could.
    pub without: Vec<Topic>,
    /// What layers were measured to take, see [`tune`](crate::tune()).
    pub times: Option<Arc<Times>>,
    /// What those times hold for, where that is known: other networks are refused.
    pub measured: Option<Measured>,
    /// What the passes do.
    pub passes: PassOptions,
    /// What a symbolic first dimension of an input stands for; 1 unless given.
    pub batch: Option<usize>,
    /// Shapes of inputs with symbolic dimensions, by name.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Inputs that take pictures as they are, by name.
    pub pictures: BTreeMap<String, Picture>,
    /// What is asked of a built-in network; `batch` above wins over the one in it.
    pub arch: ArchOptions,
    /// A safetensors file with the weights of the network.
    pub weights: Option<PathBuf>,
    /// Whether that file may hold tensors which the network lacks.
    pub ignore_extra: bool,
    /// The C identifier of the model; that of the written file's stem unless given.
    pub name: Option<String>,
    /// Whether writing a file waits until it lies on the disk.
    pub sync: bool,
    /// Whether the graph is verified after each pass; so in builds with debug assertions.
    pub check: bool,
    /// Bytes that any value may have, all inputs and constants together, and a run of the model: 8 GiB. What is
    /// beyond [`Options::MOST_MEMORY`] counts as that.
    pub max_memory: u64,
    /// Bytes that constants of an ONNX file may have which it does not hold but says how to make: 640 MiB.
    pub max_generated: u64,
    /// Bytes of workspace that a run on one thread may take; a smaller plan is looked for where a network takes more.
    pub max_workspace: Option<u64>,
    /// Bytes that the code of the model may take: 64 MiB.
    pub max_code: u64,
}

impl Default for Options {
    fn default() -> Options {
        let check = cfg!(debug_assertions);
        Options {
            features: Features::default(),
            winograd: true,
            optimize: Goal::default(),
            without: Vec::new(),
            times: None,
            measured: None,
            passes: PassOptions { verify: check, ..PassOptions::default() },
            batch: None,
            shapes: BTreeMap::new(),
            pictures: BTreeMap::new(),
            arch: ArchOptions::default(),
            weights: None,
            ignore_extra: false,
            name: None,
            sync: false,
            check,
            max_memory: 8 << 30,
            max_generated: 640 << 20,
            max_workspace: None,
            max_code: Target::x86_64_v3().max_code,
        }
    }
}

impl Options {
    /// The most that `max_memory` can be, 1 TiB: sums of sizes stay far from overflow.
    pub const MOST_MEMORY: u64 = 1 << 40;

    /// What code is generated for.
    pub(crate) fn target(&self) -> Target {
        Target {
            winograd: self.winograd,
            goal: self.optimize,
            without: self.without.clone(),
            times: self.times.clone(),
            max_code: self.max_code,
            ..self.features.target()
        }
    }

    /// Leaves out a pass, or what the plan does, by its name.
    pub fn leave_out(&mut self, name: &str) {
        match Topic::ALL.into_iter().find(|topic| topic.name() == name) {
            Some(Topic::Winograd) => self.winograd = false,
            Some(topic) => self.without.push(topic),
            None => self.passes.disable.push(name.into()),
        }
    }

    /// What holds of `max_memory`.
    pub(crate) fn memory(&self) -> u64 {
        self.max_memory.min(Options::MOST_MEMORY)
    }

    /// The options that say what is compiled and how, where they differ from the defaults: name and value, as on the
    /// command line. Limits and checks are none of them, see [`Options::limits`].
    pub fn settings(&self) -> Vec<(String, String)> {
        let mut settings = self.of_source();
        let mut set = |name: &str, value: String| settings.push((name.to_string(), value));
        let machine = self.features.machine();
        if machine != Machine::default() {
            set("target", machine.triple().into());
        }
        if self.features != Features::of(machine) {
            set("target-features", self.features.name().into());
        }
        if !self.winograd {
            set("no-winograd", String::new());
        }
        if self.optimize != Goal::default() {
            set("optimize", self.optimize.name().into());
        }
        if self.times.is_some() {
            set("tuned", String::new());
        }
        for pass in &self.passes.disable {
            set("disable-pass", pass.clone());
        }
        for topic in &self.without {
            set("disable-pass", topic.name().into());
        }
        if self.passes.keep_denormals {
            set("keep-denormals", String::new());
        }
        settings
    }

    /// The options that say what is refused, where they differ from the defaults, as [`Options::settings`] does.
    pub fn limits(&self) -> Vec<(String, String)> {
        let default = Options::default();
        let limits = [
            ("max-memory", (self.max_memory != default.max_memory).then_some(self.max_memory)),
            ("max-generated", (self.max_generated != default.max_generated).then_some(self.max_generated)),
            ("max-workspace", self.max_workspace),
            ("max-code", (self.max_code != default.max_code).then_some(self.max_code)),
        ];
        let limits = limits.into_iter().filter_map(|(name, limit)| Some((name.into(), limit?.to_string())));
        limits.chain((self.check != default.check).then(|| ("check".into(), String::new()))).collect()
    }

    /// Those of the settings that say what network is compiled.
    pub(crate) fn of_source(&self) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        let mut set = |name: &str, value: String| settings.push((name.to_string(), value));
        if let Some(batch) = self.batch {
            set("batch", batch.to_string());
        }
        for (input, dims) in &self.shapes {
            let dims: Vec<String> = dims.iter().map(usize::to_string).collect();
            set("shape", format!("{input}={}", dims.join("x")));
        }
        for (input, picture) in &self.pictures {
            set("input", format!("{input}={picture}"));
        }
        let ArchOptions { batch: _, size, classes, width, cardinality, growth, aux, seed } = self.arch;
        let numbers = [
            ("size", size),
            ("classes", classes),
            ("width", width),
            ("cardinality", cardinality),
            ("growth", growth),
        ];
        for (name, value) in numbers {
            if let Some(value) = value {
                set(name, value.to_string());
            }
        }
        if aux {
            set("aux", String::new());
        }
        if seed != ArchOptions::default().seed {
            set("weights-seed", seed.to_string());
        }
        if let Some(weights) = &self.weights {
            // Where the file lies is nobody's business; what is in it is in the digest of the source.
            set("weights", weights.file_name().unwrap_or_default().to_string_lossy().into());
        }
        settings
    }
}
