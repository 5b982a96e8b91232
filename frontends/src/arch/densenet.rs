//! DenseNet (Huang et al. 2017, table 1): each layer reads all layers of its block before it.
//!
//! ```text
//! layer:      BN -> ReLU -> 1x1, 4 * growth -> BN -> ReLU -> 3x3, growth
//! transition: BN -> ReLU -> 1x1, half -> mean pool
//! ```

use super::Head;
use super::net::{Net, Value, filter, pool};

pub(super) fn build(
    n: &mut Net,
    x: Value,
    head: &Head,
    stem: usize,
    growth: usize,
    blocks: [usize; 4],
) -> Vec<Value> {
    let x = n.conv("features.conv0", x, filter(stem, 7).stride(2).same());
    let x = normed(n, "features.norm0", x);
    let mut x = n.max_pool(x, pool(3, 2).pad(1));
    for (b, layers) in blocks.into_iter().enumerate() {
        let block = format!("features.denseblock{}", b + 1);
        for l in 0..layers {
            let new = layer(n, &format!("{block}.denselayer{}", l + 1), x, growth);
            x = n.concat(&format!("{block}.concat{}", l + 1), &[x, new]);
        }
        if b + 1 < blocks.len() {
            x = transition(n, &format!("features.transition{}", b + 1), x);
        }
    }
    let x = normed(n, "features.norm5", x);
    let x = n.global_pool(x);
    let x = n.flatten(x);
    vec![n.linear("classifier", x, head.classes)]
}

fn layer(n: &mut Net, name: &str, x: Value, growth: usize) -> Value {
    let x = normed(n, &format!("{name}.norm1"), x);
    let x = n.conv(&format!("{name}.conv1"), x, filter(4 * growth, 1));
    let x = normed(n, &format!("{name}.norm2"), x);
    n.conv(&format!("{name}.conv2"), x, filter(growth, 3).same())
}

fn transition(n: &mut Net, name: &str, x: Value) -> Value {
    let half = n.dims(x)[1] / 2;
    let x = normed(n, &format!("{name}.norm"), x);
    let x = n.conv(&format!("{name}.conv"), x, filter(half, 1));
    n.avg_pool(x, pool(2, 2))
}

fn normed(n: &mut Net, name: &str, x: Value) -> Value {
    let x = n.bn(name, x);
    n.relu(x)
}
