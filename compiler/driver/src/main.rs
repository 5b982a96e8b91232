//! The command line of cnnc.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
