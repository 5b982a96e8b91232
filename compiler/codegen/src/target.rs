//! The target: every fact of a machine that planning, kernels and files depend on.

use crate::plan::{Goal, Times, Topic};
use crate::vasm::{Emitter, LANES};
use std::sync::Arc;

/// Architectures that code is generated for, all under Linux.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Machine {
    /// 64-bit x86.
    #[default]
    X86_64,
    /// 64-bit Arm.
    Aarch64,
}

impl Machine {
    /// Every machine, the default first.
    pub const ALL: [Machine; 2] = [Machine::X86_64, Machine::Aarch64];

    /// The machine that this code runs on, if it is one of them.
    pub fn host() -> Option<Machine> {
        Machine::ALL.into_iter().find(|machine| machine.architecture() == std::env::consts::ARCH)
    }

    /// Whether the machine that this code runs on has the wide vectors of AVX-512, by [`CpuFeatures::AVX512`].
    ///
    /// [`CpuFeatures::AVX512`]: crate::artifact::CpuFeatures::AVX512
    pub fn host_is_wide() -> bool {
        #[cfg(target_arch = "x86_64")]
        return is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl");
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// The target triple.
    pub fn triple(self) -> &'static str {
        match self {
            Machine::X86_64 => "x86_64-unknown-linux-gnu",
            Machine::Aarch64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// Its number in the header of an ELF file.
    pub fn elf(self) -> u16 {
        match self {
            Machine::X86_64 => object::elf::EM_X86_64,
            Machine::Aarch64 => object::elf::EM_AARCH64,
        }
    }

    /// The machine of a Cranelift target.
    pub(crate) fn of_isa(isa: &dyn cranelift_codegen::isa::TargetIsa) -> Option<Machine> {
        let name = isa.triple().architecture.to_string();
        Machine::ALL.into_iter().find(|machine| machine.architecture() == name)
    }

    /// The first word of the triple.
    fn architecture(self) -> &'static str {
        self.triple().split('-').next().unwrap_or_default()
    }
}

/// What code is generated for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whose code it is.
    pub machine: Machine,
    /// How kernels become code.
    pub emitter: Emitter,
    /// f32 lanes of a vector, which is also the channel block of [`Blocked`](crate::plan::Layout::Blocked).
    pub lanes: usize,
    /// Sums that a register tile holds at once.
    pub accumulators: usize,
    /// Whether kernels have a twin with wide vectors, for processors that have AVX-512. Panels are cut to suit both;
    /// results have the same bits with twins and without.
    pub wide: bool,
    /// Whether convolutions may be transformed, see [`winograd`](crate::kernels::winograd): the same function with
    /// other rounding errors.
    pub winograd: bool,
    /// What plans are to be good at.
    pub goal: Goal,
    /// What plans do not do though they could, to see what it is worth.
    pub without: Vec<Topic>,
    /// What layers were measured to take.
    pub times: Option<Arc<Times>>,
    /// Bytes that all code together may take.
    pub max_code: u64,
}

impl Target {
    /// Sums that a register tile of wide vectors holds at once, of 32 registers.
    pub const WIDE_ACCUMULATORS: usize = 28;

    /// The profile `x86-64-v3`: AVX2 and FMA, sixteen registers of eight lanes; where there are 32 of sixteen lanes,
    /// those.
    pub fn x86_64_v3() -> Target {
        Target {
            machine: Machine::X86_64,
            emitter: Emitter::X64,
            lanes: LANES,
            accumulators: 12,
            wide: true,
            winograd: true,
            goal: Goal::default(),
            without: Vec::new(),
            times: None,
            max_code: 64 << 20,
        }
    }

    /// The name of the profile.
    pub fn name(&self) -> &'static str {
        match (self.machine, self.emitter) {
            (Machine::X86_64, Emitter::X64) => "x86-64-v3",
            (Machine::X86_64, Emitter::Clif) => "x86-64-v2+fma",
            (Machine::Aarch64, _) => "armv8-a",
        }
    }

    /// Whether plans may do that.
    pub(crate) fn does(&self, topic: Topic) -> bool {
        !self.without.contains(&topic)
    }

    /// The target without wide vectors: what runs on processors that have none.
    pub fn narrow(self) -> Target {
        Target { wide: false, ..self }
    }

    /// The profile `x86-64-v2` with FMA, through 128-bit CLIF: slower, and the oracle of the other. Panels and tiles
    /// may differ from the other's; neither enters a sum, so the results have the same bits. A sum takes two of sixteen
    /// registers, and so does a vector of weights: a sixth would be spilled in long windows.
    pub fn clif() -> Target {
        Target { emitter: Emitter::Clif, accumulators: 5, wide: false, ..Target::x86_64_v3() }
    }

    /// The profile `armv8-a`: what every 64-bit Arm has, 32 registers of four lanes and FMA, through CLIF. Results
    /// have the bits of the others.
    pub fn aarch64() -> Target {
        Target { machine: Machine::Aarch64, emitter: Emitter::Clif, wide: false, ..Target::x86_64_v3() }
    }

    /// Cycles that a register tile of `pixels` x `vectors` takes for one term of the sum, whatever the machine: plans
    /// compare by it, and only ratios count. Two FMA a cycle bound it below, and the latency of a chain of four.
    ///
    /// PERF: measured on Zen 4 with AVX2 and weights in the second cache level; wide tiles go by it too.
    pub fn tile_cycles(pixels: usize, vectors: usize) -> f64 {
        let accumulators = (pixels * vectors) as f64;
        let loads = (pixels + vectors) as f64;
        (accumulators / 2.0).max(loads / 2.0 + 0.4).max(3.7)
    }
}
