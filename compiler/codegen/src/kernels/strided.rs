//! strided: a run of single elements from one distance to another.
//!
//! ```text
//! y[i * to] = x[i * from]
//! ```
//!
//! Arguments: result, input.

use crate::vasm::{Builder, Kernel};

/// The facts a strided kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Strided {
    /// Elements of the run.
    pub count: usize,
    /// Bytes from element to element of the input.
    pub from: i64,
    /// Bytes from element to element of the result.
    pub to: i64,
}

impl Strided {
    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let mut k = Builder::new(name);
        let to = k.arg(0);
        let from = k.arg(1);
        k.repeat(self.count as u64, |k| {
            let x = k.load_lanes(from.at(0), 1);
            k.store_lanes(x, to.at(0), 1);
            k.advance(from, self.from);
            k.advance(to, self.to);
        });
        k.finish()
    }
}
