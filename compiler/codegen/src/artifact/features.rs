//! What a processor must have to run a model, and the bytes that ask it.
//!
//! A feature is a bit of one word of CPUID, and for vector registers the bits of XCR0 by which the system says that
//! it saves them. `NAME_model` is `more ⊆ present ? &NAME.model0 : required ⊆ present ? &NAME.model1 :
//! &NAME.unsupported`, see [`define_model`](super::define_model).
//! On other machines nothing is asked: their code keeps to the baseline of the architecture.
//! Refuses names that it does not know: silence would be an illegal instruction later.

use cranelift_codegen::isa::TargetIsa;

use super::Error;
use crate::target::Machine;

/// Register of a CPUID answer.
#[derive(Clone, Copy)]
enum Register {
    Eax,
    Ebx,
    Ecx,
}

/// The words of CPUID that hold features: leaf, sub-leaf and register. A sub-leaf that a processor does not know
/// answers zeros; for a leaf one must look first.
const WORDS: [(u32, u8, Register); 5] = [
    (1, 0, Register::Ecx),
    (7, 0, Register::Ebx),
    (7, 0, Register::Ecx),
    (7, 1, Register::Eax),
    (0x8000_0001, 0, Register::Ecx),
];

/// Word 0, bit 27: XGETBV may be used.
const OSXSAVE: u32 = 1 << 27;

/// XCR0: xmm and ymm are saved.
const YMM: u32 = 0x06;
/// XCR0: besides, the mask registers and zmm.
const ZMM: u32 = 0xe6;

/// Name (that of Cranelift's flag without `has_`), word, bit, and what XCR0 must hold.
const FEATURES: &[(&str, usize, u32, u32)] = &[
    ("sse3", 0, 0, 0),
    ("ssse3", 0, 9, 0),
    ("fma", 0, 12, YMM),
    ("cmpxchg16b", 0, 13, 0),
    ("sse41", 0, 19, 0),
    ("sse42", 0, 20, 0),
    ("movbe", 0, 22, 0),
    ("popcnt", 0, 23, 0),
    ("avx", 0, 28, YMM),
    ("f16c", 0, 29, YMM),
    ("bmi1", 1, 3, 0),
    ("avx2", 1, 5, YMM),
    ("bmi2", 1, 8, 0),
    ("avx512f", 1, 16, ZMM),
    ("avx512dq", 1, 17, ZMM),
    ("avx512cd", 1, 28, ZMM),
    ("avx512bw", 1, 30, ZMM),
    ("avx512vl", 1, 31, ZMM),
    ("avx512vbmi", 2, 1, ZMM),
    ("avx512vnni", 2, 11, ZMM),
    ("avx512bitalg", 2, 12, ZMM),
    ("avx_vnni", 3, 4, YMM),
    ("lzcnt", 4, 5, 0),
];

/// A set of processor features. Empty on targets whose baseline is all that code uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuFeatures {
    words: [u32; WORDS.len()],
    state: u32,
}

impl CpuFeatures {
    /// No feature beyond the architecture's baseline.
    pub const NONE: CpuFeatures = CpuFeatures { words: [0; WORDS.len()], state: 0 };

    /// A reserved bit that no processor sets: what a machine too old looks like, for tests.
    pub const IMPOSSIBLE: CpuFeatures = CpuFeatures { words: [1 << 16, 0, 0, 0, 0], state: 0 };

    /// The features of these names, spelt as `avx2`, `fma`, `avx512f`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is not known.
    pub fn of_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<CpuFeatures, Error> {
        let mut all = CpuFeatures::NONE;
        for name in names {
            let &(_, word, bit, state) = FEATURES
                .iter()
                .find(|feature| feature.0 == name)
                .ok_or_else(|| Error::Invalid(format!("no processor feature has the name {name}")))?;
            all.words[word] |= 1 << bit;
            if state != 0 {
                all.words[0] |= OSXSAVE;
                all.state |= state;
            }
        }
        Ok(all)
    }

    /// What Cranelift may use for this target: the flags `has_…` that are on.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a flag whose CPUID bit is not known here.
    pub fn of_isa(isa: &dyn TargetIsa) -> Result<CpuFeatures, Error> {
        if Machine::of_isa(isa) != Some(Machine::X86_64) {
            return Ok(CpuFeatures::NONE);
        }
        let flags = isa.isa_flags();
        CpuFeatures::of_names(
            flags
                .iter()
                .filter(|flag| flag.as_bool() == Some(true))
                .filter_map(|flag| flag.name.strip_prefix("has_")),
        )
    }

    /// What wide vectors take: AVX-512 as the profile `x86-64-v4` has it.
    pub const AVX512: [&str; 5] = ["avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"];

    /// Both sets.
    pub fn union(self, other: CpuFeatures) -> CpuFeatures {
        let mut words = self.words;
        words.iter_mut().zip(other.words).for_each(|(word, more)| *word |= more);
        CpuFeatures { words, state: self.state | other.state }
    }

    /// The names of the features, in the order of the manual.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        FEATURES
            .iter()
            .filter(move |(_, word, bit, _)| self.words[*word] >> bit & 1 == 1)
            .map(|feature| feature.0)
    }
}

/// A function `extern "sysv64" fn() -> *const T` as x86-64 bytes with holes: 32-bit displacements, to be filled with
/// the PC-relative addresses of what it returns.
pub(super) struct Chooser {
    /// The code.
    pub(super) bytes: Vec<u8>,
    /// Offsets of the displacements of what is returned where the features of a set are present and those of no set
    /// before it; the last of what is returned where those of none are.
    pub(super) answers: Vec<u32>,
}

/// The code that looks at the processor for sets of features, the best first.
pub(super) fn chooser(sets: &[CpuFeatures]) -> Chooser {
    let mut code = vec![0x53]; // push rbx: cpuid writes it and the caller owns it
    let mut answers = Vec::with_capacity(sets.len() + 1);
    for features in sets {
        let mut exits = Vec::new(); // displacements of the jumps to what comes next
        ask(&mut code, features, &mut exits);
        answers.push(answer(&mut code));
        let next = code.len();
        for exit in exits {
            let distance = (next - (exit + 4)) as u32;
            code[exit..exit + 4].copy_from_slice(&distance.to_le_bytes());
        }
    }
    answers.push(answer(&mut code));
    Chooser { bytes: code, answers }
}

/// Goes on where all features are present.
fn ask(code: &mut Vec<u8>, features: &CpuFeatures, exits: &mut Vec<usize>) {
    for (&(leaf, sub_leaf, register), &mask) in WORDS.iter().zip(&features.words) {
        if mask == 0 {
            continue;
        }
        if leaf != 1 {
            // Leaf 0 and 0x80000000 answer with the last leaf there is.
            cpuid(code, leaf & 0x8000_0000, 0);
            code.push(0x3d); // cmp eax, leaf
            code.extend(leaf.to_le_bytes());
            jump(code, 0x82, exits); // jb
        }
        cpuid(code, leaf, sub_leaf);
        demand(code, register, mask, exits);
    }
    if features.state != 0 {
        code.extend([0x31, 0xc9]); // xor ecx, ecx
        code.extend([0x0f, 0x01, 0xd0]); // xgetbv
        code.extend([0x89, 0xc1]); // mov ecx, eax
        demand(code, Register::Ecx, features.state, exits);
    }
}

fn cpuid(code: &mut Vec<u8>, leaf: u32, sub_leaf: u8) {
    code.push(0xb8); // mov eax, leaf
    code.extend(leaf.to_le_bytes());
    code.extend([0xb9, sub_leaf, 0, 0, 0]); // mov ecx, sub_leaf
    code.extend([0x0f, 0xa2]); // cpuid
}

/// Leaves unless the register holds all bits of the mask.
fn demand(code: &mut Vec<u8>, register: Register, mask: u32, exits: &mut Vec<usize>) {
    let number = match register {
        Register::Eax => 0,
        Register::Ecx => 1,
        Register::Ebx => 3,
    };
    code.extend([0xf7, 0xd0 | number]); // not register
    code.extend([0xf7, 0xc0 | number]); // test register, mask
    code.extend(mask.to_le_bytes());
    jump(code, 0x85, exits); // jnz
}

/// A conditional jump to the place that is known last.
fn jump(code: &mut Vec<u8>, condition: u8, exits: &mut Vec<usize>) {
    code.extend([0x0f, condition]);
    exits.push(code.len());
    code.extend([0; 4]);
}

/// Returns an address; gives the offset of its displacement.
fn answer(code: &mut Vec<u8>) -> u32 {
    code.extend([0x48, 0x8d, 0x05]); // lea rax, [rip + …]
    let displacement = code.len() as u32;
    code.extend([0; 4]);
    code.extend([0x5b, 0xc3]); // pop rbx; ret
    displacement
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};

    #[test]
    fn chooser_is_what_it_says() {
        let features = CpuFeatures::of_names(["avx2", "fma", "lzcnt"]).unwrap();
        assert_eq!(features.names().collect::<Vec<_>>(), ["fma", "avx2", "lzcnt"]);
        let chooser = chooser(&[features]);
        let [supported, unsupported] = chooser.answers[..] else { panic!("two answers") };
        const IP: u32 = 0x1000;
        let mut text = String::new();
        let mut formatter = IntelFormatter::new();
        let options = formatter.options_mut();
        options.set_hex_prefix("0x");
        options.set_hex_suffix("");
        options.set_uppercase_hex(false);
        options.set_branch_leading_zeros(false);
        for instruction in Decoder::with_ip(64, &chooser.bytes, IP.into(), DecoderOptions::NONE).iter() {
            formatter.format(&instruction, &mut text);
            text.push('\n');
        }
        let cpuid = |leaf: &str| format!("mov eax,{leaf}\nmov ecx,0\ncpuid\n");
        let exit = text.lines().rfind(|line| line.starts_with("jne")).unwrap();
        let below = exit.replace("jne", "jb");
        let expected = [
            "push rbx\n",
            &cpuid("1"),
            &format!("not ecx\ntest ecx,0x8001000\n{exit}\n"),
            &cpuid("0"),
            &format!("cmp eax,7\n{below}\n"),
            &cpuid("7"),
            &format!("not ebx\ntest ebx,0x20\n{exit}\n"),
            &cpuid("0x80000000"),
            &format!("cmp eax,0x80000001\n{below}\n"),
            &cpuid("0x80000001"),
            &format!("not ecx\ntest ecx,0x20\n{exit}\n"),
            &format!("xor ecx,ecx\nxgetbv\nmov ecx,eax\nnot ecx\ntest ecx,6\n{exit}\n"),
            &format!("lea rax,[{:#x}]\npop rbx\nret\n", IP + supported + 4),
            &format!("lea rax,[{:#x}]\npop rbx\nret\n", IP + unsupported + 4),
        ]
        .concat();
        assert_eq!(text, expected);
        assert_eq!(exit, format!("jne {:#x}", IP + unsupported - 3));
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(CpuFeatures::of_names(["avx2", "mmx3"]).is_err());
    }
}
