//! How often a test repeats: what the environment says, or a count that is done in seconds.

/// The number in an environment variable, or `default` without one.
///
/// # Panics
/// If the variable holds something else.
pub fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Prints `what: N passed, N failed`, where a test reads it and so does who runs it by hand.
pub fn report(what: &str, passed: usize, failed: usize) {
    eprintln!("{what}: {passed} passed, {failed} failed");
}
