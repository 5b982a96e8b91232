//! Measured times of layers, which the plan believes instead of its cost model.
//!
//! ```text
//! %layer1.0.conv2    direct 1740000    F(2x2, 3x3) 903000    F(4x4, 3x3) 655000    nanoseconds
//! ```
//!
//! They enter the choice of algorithms and nothing else: two plans of the same algorithms are the same plan.

use super::program::{Program, Step, Work};
use std::collections::BTreeMap;

/// Nanoseconds that a layer takes by each way to run it, by the name of its value. A way that is missing there was
/// not measured and is not taken; of layers that are missing the model is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times(pub BTreeMap<String, BTreeMap<String, u64>>);

/// The way that is no transform.
pub const DIRECT: &str = "direct";

impl Times {
    /// The time of a layer by a way; `None`: it was not measured at all.
    pub(super) fn get(&self, layer: &str, way: &str) -> Option<f64> {
        let ways = self.0.get(layer)?;
        Some(ways.get(way).map_or(f64::INFINITY, |&nanoseconds| nanoseconds as f64))
    }
}

/// A layer that a step computes, all of it or a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer<'a> {
    /// The name of its value.
    pub name: &'a str,
    /// The way, where the step tells that of a convolution.
    pub way: Option<&'a str>,
}

impl Program {
    /// The layers that each step computes.
    pub fn layers(&self) -> Vec<Vec<Layer<'_>>> {
        self.steps.iter().map(Step::layers).collect()
    }
}

impl Step {
    fn layers(&self) -> Vec<Layer<'_>> {
        match &self.work {
            Work::Nests(_) => vec![Layer::of(&self.name, &self.op, &self.algorithm)],
            Work::Group(_) | Work::Siblings(_) => {
                self.members().iter().map(|m| Layer::of(&m.name, &m.op, &m.algorithm)).collect()
            }
        }
    }
}

impl<'a> Layer<'a> {
    fn of(name: &'a str, op: &str, algorithm: &'a str) -> Layer<'a> {
        let way = match op {
            "conv" => Some(DIRECT),
            "winograd_input" => Some(algorithm),
            _ => None,
        };
        Layer { name, way }
    }
}
