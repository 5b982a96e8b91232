//! SqueezeNet (Iandola et al. 2016, table 1): fire modules squeeze to few channels and expand them by 1x1 and 3x3
//! kernels side by side; a convolution and a mean stand for the classifier.

use super::Head;
use super::net::{Filter, Net, Value, filter, pool};

/// Version 1.0, the table of the paper.
pub(super) fn v1_0(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    build(n, x, head, filter(96, 7), [3, 4, 5, 7, 8, 9, 10, 12])
}

/// Version 1.1, of the authors' release: the same accuracy for 2.4 times fewer operations.
pub(super) fn v1_1(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    build(n, x, head, filter(64, 3), [3, 4, 6, 7, 9, 10, 11, 12])
}

/// Channels that each fire module squeezes to, and expands each half to.
const FIRES: [(usize, usize); 8] =
    [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)];

/// `layers` are the numbers of the fire modules; where one is left out, a pool stands.
fn build(n: &mut Net, x: Value, head: &Head, stem: Filter, layers: [usize; 8]) -> Vec<Value> {
    let x = n.conv("features.0", x, stem.stride(2).bias());
    let x = n.relu(x);
    let mut x = n.max_pool(x, pool(3, 2).ceil());
    let mut before = 2;
    for (layer, (squeeze, expand)) in layers.into_iter().zip(FIRES) {
        if layer > before + 1 {
            x = n.max_pool(x, pool(3, 2).ceil());
        }
        x = fire(n, &format!("features.{layer}"), x, squeeze, expand);
        before = layer;
    }
    let x = n.dropout(x);
    let x = n.conv("classifier.1", x, filter(head.classes, 1).bias());
    let x = n.relu(x);
    let x = n.global_pool(x);
    vec![n.flatten(x)]
}

fn fire(n: &mut Net, name: &str, x: Value, squeeze: usize, expand: usize) -> Value {
    let x = conv(n, &format!("{name}.squeeze"), x, filter(squeeze, 1));
    let small = conv(n, &format!("{name}.expand1x1"), x, filter(expand, 1));
    let large = conv(n, &format!("{name}.expand3x3"), x, filter(expand, 3).same());
    n.concat(name, &[small, large])
}

fn conv(n: &mut Net, name: &str, x: Value, filter: Filter) -> Value {
    let x = n.conv(name, x, filter.bias());
    n.relu(x)
}
