//! `cnnc check`: all that would not compile, at once.

use cnnc::{Compiled, Error};
use serde_json::{Value, json};

use super::args::{Pictures, Source};
use super::output;

/// List everything in a network that would not compile
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    pictures: Pictures,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let checked = check(args);
    if args.json {
        let errors = checked.as_ref().err().map_or(&[][..], Error::diagnostics);
        output::json(&json!({
            "compiles": checked.is_ok(),
            "errors": errors.iter().map(|d| json!({
                "code": d.code, "node": d.node, "op": d.op, "message": d.message, "help": d.help,
            })).collect::<Vec<Value>>(),
        }));
    }
    let compiled = checked?;
    if !args.json {
        let (path, steps) = (args.source.input.display(), compiled.program().steps.len());
        output::line(format_args!("{path} compiles, in {steps} steps"));
    }
    Ok(())
}

/// Compiles as far as code, and throws it away.
fn check(args: &Args) -> Result<Compiled, Error> {
    let options = args.pictures.options(&args.source.compilation)?;
    let compiled = cnnc::compile(&cnnc::load(&args.source.input, &options)?, &options)?;
    compiled.check()?;
    Ok(compiled)
}
