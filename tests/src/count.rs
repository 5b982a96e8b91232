//! How often a test repeats: what the environment says, or a count that is done in seconds; and what it says of it.

use std::io::Write;

/// The number in an environment variable, or `default` without one.
///
/// # Panics
/// If the variable holds something else.
pub fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Prints a line where it is seen: what `eprintln!` writes is kept back until the test fails.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints `what: N passed, N failed`, where a test reads it and so does who runs it by hand.
pub fn report(what: &str, passed: usize, failed: usize) {
    say(&format!("{what}: {passed} passed, {failed} failed"));
}
