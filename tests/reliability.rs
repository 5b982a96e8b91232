//! Writes the table of `docs/reliability.md`: runs the tests that count, with the counts below, and notes what they
//! say.
//!
//! ```text
//! cargo run -p cnnc-tests --bin reliability                  all of them: some hours
//! cargo run -p cnnc-tests --bin reliability -- sweep soak    those; the other rows stay as they are
//! ```
//!
//! A test says `what: N passed, M failed`; a row has what it said and the command that says it again. Refused: a test
//! that says nothing of the kind.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// A test that counts.
struct Run {
    /// The crate that it belongs to.
    krate: &'static str,
    /// Its name.
    test: &'static str,
    /// How often, and which: the variables that it reads.
    counts: &'static [(&'static str, &'static str)],
}

const fn run(
    krate: &'static str,
    test: &'static str,
    counts: &'static [(&'static str, &'static str)],
) -> Run {
    Run { krate, test, counts }
}

/// All of them, in the order of the table.
const RUNS: [Run; 13] = [
    run("cnnc-tests", "onnx_suite", &[]),
    run("cnnc-codegen", "sweep", &[("CNNC_SWEEP", "10000"), ("CNNC_SEED", "7")]),
    run("cnnc-tests", "drawn", &[("CNNC_GRAPHS", "10000"), ("CNNC_SEED", "100000")]),
    run("cnnc", "hostile", &[]),
    run("cnnc-tests", "mutants", &[("CNNC_MUTANTS", "100000"), ("CNNC_SEED", "11")]),
    run("cnnc-tests", "bugs", &[("CNNC_BUGS", "1000"), ("CNNC_SEED", "1")]),
    run("cnnc-tests", "realtime", &[("CNNC_RUNS", "10000")]),
    run("cnnc-tests", "soak", &[("CNNC_RUNS", "100000"), ("CNNC_CYCLES", "10000")]),
    run("cnnc", "faults", &[("CNNC_KILLS", "200"), ("CNNC_SEED", "1")]),
    run("cnnc", "rebuilds", &[]),
    run("cnnc-tests", "artifacts", &[]),
    run("cnnc-runtime", "protocol", &[("CNNC_PREEMPTIONS", "3")]),
    run("cnnc-tests", "light", &[]),
];

/// What stands around the table.
const BEGIN: &str = "| what | passed | failed | again |\n|---|---|---|---|\n";
const END: &str = "\n<!-- the end of the table -->";

impl Run {
    /// The command, as a person types it.
    fn command(&self) -> String {
        let counts = self.counts.iter().map(|(name, value)| format!("{name}={value} ")).collect::<String>();
        format!("{counts}cargo test -p {} --test {}", self.krate, self.test)
    }

    /// Its rows of the table, or why there are none.
    fn rows(&self) -> Result<String, String> {
        let mut command = Command::new(env!("CARGO"));
        command.args(["test", "-p", self.krate, "--test", self.test, "--", "--nocapture"]);
        let output = command.envs(self.counts.iter().copied()).stdin(Stdio::null()).output();
        let output = output.map_err(|error| error.to_string())?;
        let text =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        let said: Vec<_> = text.lines().filter_map(said).collect();
        let row = |(what, passed, failed): &(&str, u64, u64)| {
            format!("| {what} | {passed} | {failed} | `{}` |\n", self.command())
        };
        match said.is_empty() {
            true => Err(format!("{} says nothing: {}\n{text}", self.test, output.status)),
            false => Ok(said.iter().map(row).collect()),
        }
    }
}

/// What a line says has passed and failed.
fn said(line: &str) -> Option<(&str, u64, u64)> {
    // The name of the test may stand before it.
    let line = line.rsplit_once(" ... ").map_or(line, |(_, line)| line);
    let (what, counts) = line.rsplit_once(": ")?;
    let (passed, rest) = counts.split_once(" passed, ")?;
    let (failed, _) = rest.split_once(" failed")?;
    Some((what, passed.parse().ok()?, failed.parse().ok()?))
}

/// The page with these rows in the place of those of the same commands.
fn page(old: &str, new: &BTreeMap<String, String>) -> Result<String, String> {
    let parts = old.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?)));
    let (head, (table, tail)) = parts.ok_or("the page has no table")?;
    let rows = RUNS.iter().map(|run| {
        let again = format!("`{}` |", run.command());
        let kept =
            || table.lines().filter(|row| row.ends_with(&again)).map(|row| format!("{row}\n")).collect();
        new.get(run.test).cloned().unwrap_or_else(kept)
    });
    Ok(format!("{head}{BEGIN}{}{END}{tail}", rows.collect::<String>().trim_end()))
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reliability.md");
    for run in RUNS.iter().filter(|run| wanted.is_empty() || wanted.iter().any(|word| word == run.test)) {
        eprintln!("{}", run.command());
        let written = run.rows().and_then(|rows| {
            let old = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            let page = page(&old, &BTreeMap::from([(run.test.to_string(), rows)]))?;
            std::fs::write(&path, page).map_err(|error| error.to_string())
        });
        if let Err(why) = written {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
