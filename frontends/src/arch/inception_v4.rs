//! Inception-v4 (Szegedy et al. 2016, figures 3 to 9), with the parameter names of timm.

use super::Head;
use super::googlenet::normed;
use super::net::{Filter, Net, Value, filter, pool, tall};

pub(super) fn build(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    let x = normed(n, "features.0", x, filter(32, 3).stride(2));
    let x = normed(n, "features.1", x, filter(32, 3));
    let x = normed(n, "features.2", x, filter(64, 3).same());
    let mut x = stem(n, x);
    for layer in 6..10 {
        x = a(n, &format!("features.{layer}"), x);
    }
    x = reduction_a(n, "features.10", x);
    for layer in 11..18 {
        x = b(n, &format!("features.{layer}"), x);
    }
    x = reduction_b(n, "features.18", x);
    for layer in 19..22 {
        x = c(n, &format!("features.{layer}"), x);
    }
    let x = n.global_pool(x);
    let x = n.flatten(x);
    let x = n.dropout(x);
    vec![n.linear("last_linear", x, head.classes)]
}

/// Convolutions one behind the other, numbered within a branch.
fn chain(n: &mut Net, name: &str, mut x: Value, filters: &[Filter]) -> Value {
    for (i, &filter) in filters.iter().enumerate() {
        // A branch of one convolution is not numbered.
        let name = if filters.len() == 1 { name.to_string() } else { format!("{name}.{i}") };
        x = normed(n, &name, x, filter);
    }
    x
}

/// The three splits behind the first convolutions: 73x73x160, 71x71x192, 35x35x384.
fn stem(n: &mut Net, x: Value) -> Value {
    let most = n.max_pool(x, pool(3, 2));
    let conv = normed(n, "features.3.conv", x, filter(96, 3).stride(2));
    let x = n.concat("features.3", &[most, conv]);

    let short = chain(n, "features.4.branch0", x, &[filter(64, 1), filter(96, 3)]);
    let long = [filter(64, 1), tall(64, 1, 7).same(), tall(64, 7, 1).same(), filter(96, 3)];
    let long = chain(n, "features.4.branch1", x, &long);
    let x = n.concat("features.4", &[short, long]);

    let conv = normed(n, "features.5.conv", x, filter(192, 3).stride(2));
    let most = n.max_pool(x, pool(3, 2));
    n.concat("features.5", &[conv, most])
}

/// Inception-A, 35x35.
fn a(n: &mut Net, name: &str, x: Value) -> Value {
    let three = [filter(64, 1), filter(96, 3).same()];
    let double = [filter(64, 1), filter(96, 3).same(), filter(96, 3).same()];
    module(n, name, x, 96, &three, &double, 96)
}

/// Inception-B, 17x17.
fn b(n: &mut Net, name: &str, x: Value) -> Value {
    let seven = [filter(192, 1), tall(224, 1, 7).same(), tall(256, 7, 1).same()];
    let double = [
        filter(192, 1),
        tall(192, 7, 1).same(),
        tall(224, 1, 7).same(),
        tall(224, 7, 1).same(),
        tall(256, 1, 7).same(),
    ];
    module(n, name, x, 384, &seven, &double, 128)
}

/// A 1x1 convolution, two chains, and a mean with a 1x1 convolution.
fn module(
    n: &mut Net,
    name: &str,
    x: Value,
    one: usize,
    first: &[Filter],
    second: &[Filter],
    pooled: usize,
) -> Value {
    let one = chain(n, &format!("{name}.branch0"), x, &[filter(one, 1)]);
    let first = chain(n, &format!("{name}.branch1"), x, first);
    let second = chain(n, &format!("{name}.branch2"), x, second);
    let mean = n.avg_pool(x, pool(3, 1).pad(1));
    let mean = normed(n, &format!("{name}.branch3.1"), mean, filter(pooled, 1));
    n.concat(name, &[one, first, second, mean])
}

/// 35x35 to 17x17.
fn reduction_a(n: &mut Net, name: &str, x: Value) -> Value {
    let three = chain(n, &format!("{name}.branch0"), x, &[filter(384, 3).stride(2)]);
    let double = [filter(192, 1), filter(224, 3).same(), filter(256, 3).stride(2)];
    let double = chain(n, &format!("{name}.branch1"), x, &double);
    let most = n.max_pool(x, pool(3, 2));
    n.concat(name, &[three, double, most])
}

/// 17x17 to 8x8.
fn reduction_b(n: &mut Net, name: &str, x: Value) -> Value {
    let three = chain(n, &format!("{name}.branch0"), x, &[filter(192, 1), filter(192, 3).stride(2)]);
    let seven = [filter(256, 1), tall(256, 1, 7).same(), tall(320, 7, 1).same(), filter(320, 3).stride(2)];
    let seven = chain(n, &format!("{name}.branch1"), x, &seven);
    let most = n.max_pool(x, pool(3, 2));
    n.concat(name, &[three, seven, most])
}

/// Inception-C, 8x8: threes factorised side by side.
fn c(n: &mut Net, name: &str, x: Value) -> Value {
    let part = |part: &str| format!("{name}.{part}");
    let one = normed(n, &part("branch0"), x, filter(256, 1));
    let three = normed(n, &part("branch1_0"), x, filter(384, 1));
    let three = [
        normed(n, &part("branch1_1a"), three, tall(256, 1, 3).same()),
        normed(n, &part("branch1_1b"), three, tall(256, 3, 1).same()),
    ];
    let double = normed(n, &part("branch2_0"), x, filter(384, 1));
    let double = normed(n, &part("branch2_1"), double, tall(448, 3, 1).same());
    let double = normed(n, &part("branch2_2"), double, tall(512, 1, 3).same());
    let double = [
        normed(n, &part("branch2_3a"), double, tall(256, 1, 3).same()),
        normed(n, &part("branch2_3b"), double, tall(256, 3, 1).same()),
    ];
    let mean = n.avg_pool(x, pool(3, 1).pad(1));
    let mean = normed(n, &part("branch3.1"), mean, filter(256, 1));
    n.concat(name, &[one, three[0], three[1], double[0], double[1], mean])
}
