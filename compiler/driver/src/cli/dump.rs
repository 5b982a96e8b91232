//! `cnnc dump`: a network as text, at any stage of its journey.

use std::collections::HashSet;

use clap::ValueEnum;
use cnnc::{E_INTERNAL, E_OPTION, Error, Features, Module, Options};
use cnnc_codegen::kernels::Code;
use cnnc_codegen::plan;
use cnnc_codegen::vasm::{Kernel, verify, x64};
use cnnc_ir::text;

use super::args::{self, Pictures, Source};
use super::output;

/// Print a network at any stage of its journey
#[derive(clap::Args)]
pub(crate) struct Args {
    /// After this pass
    #[arg(long, value_name = "PASS", value_parser = args::passes(), conflicts_with = "stage")]
    after: Option<String>,
    /// At this stage
    #[arg(long, value_enum, default_value_t = Stage::Optimized)]
    stage: Stage,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    pictures: Pictures,
}

#[derive(Clone, Copy, ValueEnum)]
enum Stage {
    /// As it was read
    Imported,
    /// After all passes
    Optimized,
    /// Steps and where their results lie
    Plan,
    /// Everything but vector kernels, in Cranelift's IR
    Clif,
    /// The kernels in the vector assembler, each once, its twin with wide vectors behind it
    Kernels,
    /// The machine code of kernels and twins
    Asm,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let options = args.pictures.options(&args.source.compilation)?;
    let module = cnnc::load(&args.source.input, &options)?;
    output::text(match (&args.after, args.stage) {
        (Some(pass), _) => after(module, &options, pass)?,
        (None, Stage::Imported) => text::print(&module),
        (None, Stage::Optimized) => text::print(&cnnc::optimize(module, &options, &mut |_| {})?.0),
        (None, Stage::Plan) => plan::print(cnnc::compile(&module, &options)?.program()),
        (None, Stage::Clif) => cnnc::compile(&module, &options)?.clif()?,
        (None, Stage::Kernels) => kernels(&module, &options, |kernel| Ok(kernel.to_string()))?,
        (None, Stage::Asm) if !matches!(options.features, Features::Avx512 | Features::Avx2) => {
            let message =
                "asm is that of cnnc's own emitter, for --target-features avx2,fma,avx512 or avx2,fma";
            return Err(Error::new(E_OPTION, message).with_help("--stage kernels serves every emitter"));
        }
        (None, Stage::Asm) => kernels(&module, &options, asm)?,
    });
    Ok(())
}

fn after(module: Module, options: &Options, pass: &str) -> Result<String, Error> {
    let mut printed = None;
    cnnc::optimize(module, options, &mut |event| {
        if event.pass.name == pass {
            printed = Some(text::print(event.module));
        }
    })?;
    printed.ok_or_else(|| Error::new(E_OPTION, format!("the pass {pass} was left out")))
}

/// The kernels of a program, in the order of their first use; equal specs are one kernel.
fn kernels(
    module: &Module,
    options: &Options,
    text: impl Fn(&Kernel) -> Result<String, Error>,
) -> Result<String, Error> {
    let compiled = cnnc::compile(module, options)?;
    let has_wide = options.features.target().wide;
    let mut seen = HashSet::new();
    let mut all = String::new();
    for call in compiled.program().steps.iter().flat_map(|step| step.calls()) {
        if seen.insert(&call.kernel) {
            let name = format!("{}_{}", call.kernel.kind(), seen.len() - 1);
            all += &match call.kernel.generate(&name) {
                Code::Vector(kernel) => text(&kernel)?,
                Code::Clif(kernel) => format!("kernel {name}: by Cranelift, {kernel:#?}\n"),
            };
            if let Some(wide) = call.kernel.generate_wide(&name).filter(|_| has_wide) {
                all += &format!("\n{}", text(&wide)?);
            }
            all.push('\n');
        }
    }
    Ok(all)
}

fn asm(kernel: &Kernel) -> Result<String, Error> {
    let internal = |error| Error::new(E_INTERNAL, error);
    verify(kernel).map_err(internal)?;
    let code = x64::assemble(kernel).map_err(internal)?;
    Ok(format!("{}:\n{}", kernel.name, x64::disassemble(&code.bytes)))
}
