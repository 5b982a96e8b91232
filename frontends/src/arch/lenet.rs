//! LeNet-5 (LeCun et al. 1998, section II.B), with a full C5 and plain subsampling.
//!
//! ```text
//! C1 6@28x28   S2 6@14x14   C3 16@10x10   S4 16@5x5   C5 120   F6 84   10
//! ```

use super::Head;
use super::net::{Net, Value, filter, pool};

/// With the hyperbolic tangents and mean pools of the paper.
pub(super) fn tanh(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    build(n, x, head, Net::tanh, |n, x| n.avg_pool(x, pool(2, 2)))
}

/// With rectifiers and max pools, as it is taught today.
pub(super) fn relu(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    build(n, x, head, Net::relu, |n, x| n.max_pool(x, pool(2, 2)))
}

type Layer = fn(&mut Net, Value) -> Value;

fn build(n: &mut Net, x: Value, head: &Head, activation: Layer, subsampling: Layer) -> Vec<Value> {
    let x = n.conv("conv1", x, filter(6, 5).bias());
    let x = activation(n, x);
    let x = subsampling(n, x);
    let x = n.conv("conv2", x, filter(16, 5).bias());
    let x = activation(n, x);
    let x = subsampling(n, x);
    let x = n.flatten(x);
    let x = n.linear("fc1", x, 120);
    let x = activation(n, x);
    let x = n.linear("fc2", x, 84);
    let x = activation(n, x);
    vec![n.linear("fc3", x, head.classes)]
}
