//! Which value is for which input: those that are named, and the others in the order in which they are given.
//!
//! ```text
//! b=x.npy random:1   for inputs a, b   =>   a: random:1, b: x.npy
//! ```
//!
//! Names may contain `=`: the longest that fits is meant.

use std::path::Path;

use cnnc::{E_OPTION, Error};

use super::{picture, values};

/// The values of inputs of these names, in their order.
///
/// # Errors
/// Two values for one input, a value for one that there is not, and more values than inputs.
pub(crate) fn placed<'t>(names: &[&str], given: &'t [String]) -> Result<Vec<Option<&'t str>>, Error> {
    let mut values: Vec<Option<&str>> = vec![None; names.len()];
    let mut unnamed = Vec::new();
    for text in given {
        let fits = |(at, name): (usize, &&str)| Some((at, text.strip_prefix(*name)?.strip_prefix('=')?));
        let named = names.iter().enumerate().filter_map(fits).min_by_key(|(_, value)| value.len());
        match named {
            Some((at, _)) if values[at].is_some() => {
                let error = Error::new(E_OPTION, format!("--input gives {:?} two values", names[at]));
                return Err(error.with_help("give one"));
            }
            Some((at, value)) => values[at] = Some(value),
            None if !names.is_empty() && is_named(text) => {
                let name = text.split('=').next().unwrap_or(text);
                let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
                let error = Error::new(E_OPTION, format!("no input is called {name:?}"));
                return Err(error.with_help(format!("the inputs are {}", names.join(", "))));
            }
            None => unnamed.push(text),
        }
    }
    for text in unnamed {
        let free = values.iter_mut().find(|value| value.is_none()).ok_or_else(|| {
            Error::new(E_OPTION, format!("no input is left for {text:?}, the model has {}", names.len()))
                .with_help("give one value for each input")
        })?;
        *free = Some(text);
    }
    Ok(values)
}

/// Whether a text names an input: what stands behind a `=` of it is a value, and the whole is no file.
fn is_named(text: &str) -> bool {
    let is_file = |path: &Path| values::is_tensor(path) || picture::is_raw(path);
    let is_value = |value: &str| value.starts_with("random:") || is_file(Path::new(value));
    text.split_once('=').is_some_and(|(_, value)| is_value(value)) && !Path::new(text).exists()
}
