//! `cnnc completions`: what a shell must know to complete commands, options and names.

use clap::CommandFactory;
use clap_complete::Shell;
use cnnc::Error;

use super::{Cli, output};

/// Print completions for a shell: source them, or put them where it looks for them
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cnnc", &mut script);
    output::text(String::from_utf8_lossy(&script));
    Ok(())
}
