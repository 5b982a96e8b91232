//! A run as a trace: which step ran when, in the Trace Event Format that Perfetto and chrome://tracing read.
//!
//! ```text
//! {"traceEvents": [{"ph": "X", "name": "fire2/squeeze", "ts": 12.5, "dur": 80.1, "pid": 1, "tid": 2, ..}, ..]}
//! ```
//!
//! A step is one event, for its threads start and end together; `tid` is how many there are. Times in microseconds
//! from the start of the run.

use std::path::Path;

use cnnc::Error;
use cnnc_codegen::artifact::manifest::Manifest;
use cnnc_frontends::file;
use serde_json::{Value, json};

/// When a step ran, in seconds from the start of its run.
pub(crate) struct Span {
    pub step: usize,
    pub begin: f64,
    pub end: f64,
}

/// Writes runs, each on so many threads.
///
/// # Errors
/// What the file system refuses.
pub(crate) fn write<'r>(
    path: &Path,
    model: &str,
    manifest: &Manifest,
    runs: impl Iterator<Item = (u32, &'r [Span])>,
) -> Result<(), Error> {
    let mut events = vec![json!({"ph": "M", "pid": 1, "name": "process_name", "args": {"name": model}})];
    for (threads, spans) in runs {
        let name = format!("threads: {threads}");
        events.push(
            json!({"ph": "M", "pid": 1, "tid": threads, "name": "thread_name", "args": {"name": name}}),
        );
        events.extend(spans.iter().filter_map(|span| event(manifest, threads, span)));
    }
    let text = json!({"displayTimeUnit": "ms", "traceEvents": events}).to_string();
    Ok(file::write(path, text.as_bytes())?)
}

fn event(manifest: &Manifest, threads: u32, span: &Span) -> Option<Value> {
    let step = manifest.steps.get(span.step)?;
    let seconds = span.end - span.begin;
    Some(json!({
        "ph": "X", "pid": 1, "tid": threads, "name": step.name, "cat": step.op,
        "ts": span.begin * 1e6, "dur": seconds * 1e6,
        "args": {
            "algorithm": step.algorithm, "units": step.units, "macs": step.macs, "bytes": step.bytes,
            "gflops": super::bench::gflops(step.macs, seconds),
        },
    }))
}
