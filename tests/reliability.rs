//! Writes the table of `docs/reliability.md`: runs the tests that count, with the counts below, and notes what they
//! say. Or runs some of them as often as somebody says, with what seed, and writes nothing.
//!
//! ```text
//! cargo run -p cnnc-tests --bin reliability                                   all of them: some hours
//! cargo run -p cnnc-tests --bin reliability -- sweep soak                     those; other rows stay as they are
//! cargo run -p cnnc-tests --bin reliability -- sweep --count 2000 --seed 7    that, and the page stays as it is
//! ```
//!
//! A test says `what: N passed, M failed`; a row has what it said and the command that says it again. Refused, and no
//! row: a test that fails or says that something failed; that says fewer than it was asked for; and that no longer says
//! what the page has of it, as one does that crashes or skips halfway.

use clap::Parser;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// Runs the tests that count and writes what they say into docs/reliability.md.
#[derive(Parser)]
#[command(name = "reliability")]
struct Arguments {
    /// The tests to run; all without one, or with --count all that take a count
    #[arg(value_parser = RUNS.map(|run| run.test))]
    tests: Vec<String>,
    /// How often each of them repeats, instead of what the page says; the page is then not written
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// What is drawn, instead of what the page says
    #[arg(long, requires = "count")]
    seed: Option<u64>,
}

/// A test that counts.
struct Run {
    /// The crate that it belongs to.
    krate: &'static str,
    /// Its name.
    test: &'static str,
    /// How often, and which: the variables that it reads.
    counts: &'static [(&'static str, &'static str)],
    /// How a line begins that must tell of so many cases in a hundred of a count.
    told: &'static [(&'static str, &'static str, u64)],
}

const fn run(
    krate: &'static str,
    test: &'static str,
    counts: &'static [(&'static str, &'static str)],
    told: &'static [(&'static str, &'static str, u64)],
) -> Run {
    Run { krate, test, counts, told }
}

/// All of them, in the order of the table.
#[rustfmt::skip]
const RUNS: [Run; 16] = [
    run("cnnc-tests", "onnx_suite", &[], &[]),
    run("cnnc-codegen", "sweep", &[("CNNC_SWEEP", "10000"), ("CNNC_SEED", "7")], &[("", "CNNC_SWEEP", 100)]),
    run("cnnc-tests", "drawn", &[("CNNC_GRAPHS", "10000"), ("CNNC_SEED", "100000")], &[
        ("drawn networks", "CNNC_GRAPHS", 100),
        ("drawn pictures", "CNNC_GRAPHS", 25),
        ("drawn f64 networks", "CNNC_GRAPHS", 25),
    ]),
    run("cnnc", "hostile", &[], &[]),
    run("cnnc-tests", "mutants", &[("CNNC_MUTANTS", "100000"), ("CNNC_SEED", "11")], &[
        ("mutants", "CNNC_MUTANTS", 75),
        ("text mutants", "CNNC_MUTANTS", 25),
    ]),
    run("cnnc-tests", "bugs", &[("CNNC_BUGS", "1000"), ("CNNC_SEED", "1")], &[("drawn bugs", "CNNC_BUGS", 100)]),
    run("cnnc-tests", "realtime", &[("CNNC_RUNS", "10000")], &[("runs of 5 models on 8 threads", "CNNC_RUNS", 4000)]),
    run("cnnc-tests", "soak", &[("CNNC_RUNS", "100000"), ("CNNC_CYCLES", "10000")], &[
        ("runs", "CNNC_RUNS", 100),
        ("compilations into memory", "CNNC_CYCLES", 100),
        ("compilations to a library", "CNNC_CYCLES", 50),
    ]),
    run("cnnc", "faults", &[("CNNC_KILLS", "200"), ("CNNC_SEED", "1")], &[("killed writers", "CNNC_KILLS", 100)]),
    run("cnnc", "memory", &[("CNNC_REFUSALS", "3000")], &[("refused allocations", "CNNC_REFUSALS", 100)]),
    run("cnnc", "rebuilds", &[], &[]),
    run("cnnc-tests", "artifacts", &[], &[]),
    run("cnnc-tests", "floats", &[("CNNC_FLOATS", "4294967296")], &[("floats in", "CNNC_FLOATS", 100)]),
    run("cnnc-tests", "machines", &[("CNNC_EVERY", "1")], &[]),
    run("cnnc-runtime", "protocol", &[("CNNC_PREEMPTIONS", "3")], &[]),
    run("cnnc-tests", "light", &[("CNNC_LIGHT_SEEDS", "3")], &[]),
];

/// What stands around the table.
const BEGIN: &str = "| what | passed | failed | again |\n|---|---|---|---|\n";
const END: &str = "\n<!-- the end of the table -->";

impl Run {
    /// How often and which, as it stands here or as somebody says.
    fn counts(&self, arguments: &Arguments) -> Vec<(&'static str, String)> {
        let said = |name: &str| match name {
            "CNNC_SEED" => arguments.seed,
            _ => arguments.count.filter(|_| self.told.iter().any(|told| told.1 == name)),
        };
        let counts = self.counts.iter();
        counts.map(|&(name, value)| (name, said(name).map_or(value.into(), |n| n.to_string()))).collect()
    }

    /// The command, as a person types it.
    fn command(&self, counts: &[(&str, String)]) -> String {
        let counts = counts.iter().map(|(name, value)| format!("{name}={value} ")).collect::<String>();
        format!("{counts}cargo test -p {} --test {}", self.krate, self.test)
    }

    /// Its lines, among them those that it said before, or why they do not count.
    fn lines(&self, counts: &[(&str, String)], before: &[String]) -> Result<Vec<Line>, String> {
        let mut command = Command::new(env!("CARGO"));
        command.args(["test", "-p", self.krate, "--test", self.test, "--", "--nocapture"]);
        let output = command.envs(counts.iter().cloned()).stdin(Stdio::null()).output();
        let output = output.map_err(|error| error.to_string())?;
        let text =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        let lines: Vec<Line> = text.lines().filter_map(said).collect();
        text.lines().filter(|line| line.contains("skipped: ")).for_each(|line| eprintln!("{line}"));
        let fails = lines.iter().any(|line| line.failed > 0) || !output.status.success();
        let wrong = match fails {
            true => Some(format!("it fails, {}", output.status)),
            false => self.wants(counts, &lines, before),
        };
        match wrong {
            Some(why) => Err(format!("{text}\n{}: {why}", self.test)),
            None => Ok(lines),
        }
    }

    /// What is missing in what it said.
    fn wants(&self, counts: &[(&str, String)], lines: &[Line], before: &[String]) -> Option<String> {
        if lines.is_empty() || lines.len() < before.len() {
            return Some(format!("it says {} lines, {} before", lines.len(), before.len()));
        }
        let is_said = |what: &&String| lines.iter().any(|line| kind(&line.what) == kind(what));
        if let Some(what) = before.iter().find(|what| !is_said(what)) {
            return Some(format!("it no longer says: {what}"));
        }
        let count = |name| counts.iter().find(|(other, _)| *other == name)?.1.parse::<u64>().ok();
        self.told.iter().find_map(|&(begin, name, percent)| {
            let wanted = count(name)? * percent / 100;
            let mut of_kind = lines.iter().filter(|line| line.what.starts_with(begin)).peekable();
            if of_kind.peek().is_none() {
                return Some(format!("it says nothing of {begin}"));
            }
            let short = of_kind.find(|line| line.passed + line.failed < wanted)?;
            Some(format!("{} of {wanted} {}", short.passed + short.failed, short.what))
        })
    }
}

/// What a test said.
#[derive(Debug)]
struct Line {
    what: String,
    passed: u64,
    failed: u64,
}

/// What a line says has passed and failed.
fn said(line: &str) -> Option<Line> {
    // The name of the test may stand before it.
    let line = line.rsplit_once(" ... ").map_or(line, |(_, line)| line);
    let (what, counts) = line.rsplit_once(": ")?;
    let (passed, rest) = counts.split_once(" passed, ")?;
    let (failed, _) = rest.split_once(" failed")?;
    // The last line of all tests together is none of theirs.
    let what = Some(what).filter(|what| !what.starts_with("test result"))?.into();
    Some(Line { what, passed: passed.parse().ok()?, failed: failed.parse().ok()? })
}

/// What a line is about, whatever it counts besides.
fn kind(what: &str) -> String {
    what.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// What a row of the table is about.
fn what(row: &str) -> Option<&str> {
    row.strip_prefix("| ")?.split(" | ").next()
}

/// The page in three parts: before, in and behind the table.
fn parts(page: &str) -> Result<[&str; 3], String> {
    let parts = page.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?)));
    let (head, (table, tail)) = parts.ok_or("the page has no table")?;
    Ok([head, table, tail])
}

/// The rows of a run, as they stand in a table.
fn rows<'t>(table: &'t str, run: &Run, arguments: &Arguments) -> impl Iterator<Item = &'t str> {
    let again = format!("`{}` |", run.command(&run.counts(arguments)));
    table.lines().filter(move |row| row.ends_with(&again))
}

/// The page with these rows in the place of those of the same commands.
fn page(old: &str, new: &BTreeMap<&str, String>, arguments: &Arguments) -> Result<String, String> {
    let [head, table, tail] = parts(old)?;
    let rows = RUNS.iter().map(|run| {
        let kept = || rows(table, run, arguments).map(|row| format!("{row}\n")).collect();
        new.get(run.test).cloned().unwrap_or_else(kept)
    });
    Ok(format!("{head}{BEGIN}{}{END}{tail}", rows.collect::<String>().trim_end()))
}

/// Runs a test, says what it said, and writes that into the page unless somebody says how often.
fn work(run: &Run, path: &Path, arguments: &Arguments) -> Result<(), String> {
    let counts = run.counts(arguments);
    if arguments.count.is_some() && run.told.is_empty() {
        return Err(format!("{} takes no count", run.test));
    }
    if arguments.seed.is_some() && counts.iter().all(|(name, _)| *name != "CNNC_SEED") {
        eprintln!("{} draws nothing: no seed matters", run.test);
    }
    let read = || std::fs::read_to_string(path).map_err(|error| error.to_string());
    let before = match arguments.count {
        Some(_) => Vec::new(),
        None => rows(parts(&read()?)?[1], run, arguments).filter_map(what).map(String::from).collect(),
    };
    let lines = run.lines(&counts, &before)?;
    for Line { what, passed, failed } in &lines {
        let _ = writeln!(std::io::stdout(), "{what}: {passed} passed, {failed} failed");
    }
    if arguments.count.is_some() {
        return Ok(());
    }
    let again = run.command(&counts);
    let row =
        |Line { what, passed, failed }: &Line| format!("| {what} | {passed} | {failed} | `{again}` |\n");
    let new = BTreeMap::from([(run.test, lines.iter().map(row).collect())]);
    std::fs::write(path, page(&read()?, &new, arguments)?).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reliability.md");
    let is_wanted = |run: &&Run| match arguments.tests.is_empty() {
        true => arguments.count.is_none() || !run.told.is_empty(),
        false => arguments.tests.iter().any(|word| word == run.test),
    };
    let mut status = ExitCode::SUCCESS;
    // One that fails keeps the others from nothing.
    for run in RUNS.iter().filter(is_wanted) {
        eprintln!("{}", run.command(&run.counts(&arguments)));
        if let Err(why) = work(run, &path, &arguments) {
            eprintln!("{why}");
            status = ExitCode::FAILURE;
        }
    }
    status
}
