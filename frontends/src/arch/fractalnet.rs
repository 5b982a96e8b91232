//! FractalNet (Larsson et al. 2017, figure 1): five blocks of columns, joined by means, each behind a 2x2 pool.
//!
//! ```text
//! f1(z) = conv(z)      fC(z) = mean of conv(z) and the columns of f(C-1)(f(C-1)(z))
//! ```
//!
//! Where several columns end, one mean joins them all. The deepest path of three columns has 20 layers, of four 40.

use super::Head;
use super::net::{Net, Value, filter, pool};

pub(super) fn build(n: &mut Net, mut x: Value, head: &Head, columns: usize) -> Vec<Value> {
    for (b, channels) in [64, 128, 256, 512, 512].into_iter().enumerate() {
        let mut block = Block { name: format!("block{}", b + 1), channels, convs: 0 };
        let ends = block.columns(n, x, columns);
        x = block.join(n, &ends);
        x = n.max_pool(x, pool(2, 2));
    }
    let x = n.flatten(x);
    vec![n.linear("fc", x, head.classes)]
}

struct Block {
    name: String,
    channels: usize,
    convs: usize,
}

impl Block {
    /// The ends of so many columns, the shallowest first.
    fn columns(&mut self, n: &mut Net, x: Value, count: usize) -> Vec<Value> {
        let mut ends = vec![self.conv(n, x)];
        if count > 1 {
            let halfway = self.columns(n, x, count - 1);
            let middle = self.join(n, &halfway);
            ends.extend(self.columns(n, middle, count - 1));
        }
        ends
    }

    fn conv(&mut self, n: &mut Net, x: Value) -> Value {
        self.convs += 1;
        let x = n.conv(&format!("{}.conv{}", self.name, self.convs), x, filter(self.channels, 3).same());
        let x = n.bn(&format!("{}.bn{}", self.name, self.convs), x);
        n.relu(x)
    }

    /// The mean of columns.
    fn join(&mut self, n: &mut Net, ends: &[Value]) -> Value {
        let [first, rest @ ..] = ends else { unreachable!("a block has a column") };
        if rest.is_empty() {
            return *first;
        }
        let sum = rest.iter().fold(*first, |sum, &end| n.add_to(&format!("{}.join", self.name), sum, end));
        n.times(sum, 1.0 / ends.len() as f64)
    }
}
