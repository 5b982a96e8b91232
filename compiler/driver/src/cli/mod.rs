//! The commands: what the user types, one file a command.
//!
//! Results go to standard output, errors to standard error, one line each. Status 0 is success, 1 an error in what
//! was given, 2 an error in the command line. A bug of cnnc is an error too, never a backtrace.

mod ablation;
mod allocator;
mod arch;
mod args;
mod bench;
mod check;
mod classes;
mod compile;
mod completions;
mod dump;
mod element;
mod explain;
mod inputs;
mod inspect;
mod open;
mod output;
mod peak;
mod picture;
mod profile;
mod progress;
mod report;
mod run;
mod session;
mod trace;
mod values;
mod verify;

pub(crate) use allocator::Allocator;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cnnc::{E_INTERNAL, Error};

/// Compiles convolutional networks for CPUs.
#[derive(Parser)]
#[command(name = "cnnc", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Compile(compile::Args),
    Run(run::Args),
    Bench(bench::Args),
    Verify(verify::Args),
    Check(check::Args),
    Explain(explain::Args),
    Report(report::Args),
    Dump(dump::Args),
    Inspect(inspect::Args),
    Arch(arch::Args),
    Completions(completions::Args),
}

/// Runs the command that the process was given.
pub(crate) fn main() -> ExitCode {
    allocator::return_freed_blocks();
    // A file over the user's limit is then an error like a full disk, and what was begun of it is cleared away.
    // SAFETY: the signal gets no handler.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let cli = Cli::parse();
    set_hook(Box::new(|panic| {
        complain(&Error::new(E_INTERNAL, panic).with_help("this is a bug in cnnc"));
    }));
    let command = || match cli.command {
        Command::Compile(args) => compile::main(&args),
        Command::Run(args) => run::main(&args),
        Command::Bench(args) => bench::main(&args),
        Command::Verify(args) => verify::main(&args),
        Command::Check(args) => check::main(&args),
        Command::Explain(args) => explain::main(&args),
        Command::Report(args) => report::main(&args),
        Command::Dump(args) => dump::main(&args),
        Command::Inspect(args) => inspect::main(&args),
        Command::Arch(args) => arch::main(&args),
        Command::Completions(args) => completions::main(&args),
    };
    let command = || command().and(output::finish());
    match catch_unwind(AssertUnwindSafe(command)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            complain(&error);
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}

/// Writes an error, one line a problem. Standard error may be closed: there is nobody to tell then.
fn complain(error: &Error) {
    let mut stderr = std::io::stderr().lock();
    for diagnostic in error.diagnostics() {
        let _ = writeln!(stderr, "error: {diagnostic}");
    }
}
