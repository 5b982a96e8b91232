//! Inception-v3 (Szegedy et al. 2016, table 1) as torchvision has it: large kernels factorised into 1x7 and 7x1, 1x3
//! and 3x1, and modules that halve the map.

use super::Head;
use super::googlenet::normed;
use super::net::{Net, Value, filter, pool, tall};

pub(super) fn build(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    let x = normed(n, "Conv2d_1a_3x3", x, filter(32, 3).stride(2));
    let x = normed(n, "Conv2d_2a_3x3", x, filter(32, 3));
    let x = normed(n, "Conv2d_2b_3x3", x, filter(64, 3).same());
    let x = n.max_pool(x, pool(3, 2));
    let x = normed(n, "Conv2d_3b_1x1", x, filter(80, 1));
    let x = normed(n, "Conv2d_4a_3x3", x, filter(192, 3));
    let mut x = n.max_pool(x, pool(3, 2));
    for (name, pooled) in [("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)] {
        x = a(n, name, x, pooled);
    }
    x = b(n, "Mixed_6a", x);
    for (name, width) in [("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)] {
        x = c(n, name, x, width);
    }
    x = d(n, "Mixed_7a", x);
    for name in ["Mixed_7b", "Mixed_7c"] {
        x = e(n, name, x);
    }
    let x = n.global_pool(x);
    let x = n.dropout(x);
    let x = n.flatten(x);
    vec![n.linear("fc", x, head.classes)]
}

/// 35x35: 1x1, 5x5, two 3x3, pool.
fn a(n: &mut Net, name: &str, x: Value, pooled: usize) -> Value {
    let part = |part: &str| format!("{name}.{part}");
    let one = normed(n, &part("branch1x1"), x, filter(64, 1));
    let five = normed(n, &part("branch5x5_1"), x, filter(48, 1));
    let five = normed(n, &part("branch5x5_2"), five, filter(64, 5).same());
    let double = normed(n, &part("branch3x3dbl_1"), x, filter(64, 1));
    let double = normed(n, &part("branch3x3dbl_2"), double, filter(96, 3).same());
    let double = normed(n, &part("branch3x3dbl_3"), double, filter(96, 3).same());
    let mean = n.avg_pool_padded(x, pool(3, 1).pad(1));
    let mean = normed(n, &part("branch_pool"), mean, filter(pooled, 1));
    n.concat(name, &[one, five, double, mean])
}

/// 35x35 to 17x17.
fn b(n: &mut Net, name: &str, x: Value) -> Value {
    let part = |part: &str| format!("{name}.{part}");
    let three = normed(n, &part("branch3x3"), x, filter(384, 3).stride(2));
    let double = normed(n, &part("branch3x3dbl_1"), x, filter(64, 1));
    let double = normed(n, &part("branch3x3dbl_2"), double, filter(96, 3).same());
    let double = normed(n, &part("branch3x3dbl_3"), double, filter(96, 3).stride(2));
    let most = n.max_pool(x, pool(3, 2));
    n.concat(name, &[three, double, most])
}

/// 17x17: 1x1, 7x7, two 7x7, pool, all sevens factorised.
fn c(n: &mut Net, name: &str, x: Value, width: usize) -> Value {
    let part = |part: &str| format!("{name}.{part}");
    let one = normed(n, &part("branch1x1"), x, filter(192, 1));
    let seven = normed(n, &part("branch7x7_1"), x, filter(width, 1));
    let seven = normed(n, &part("branch7x7_2"), seven, tall(width, 1, 7).same());
    let seven = normed(n, &part("branch7x7_3"), seven, tall(192, 7, 1).same());
    let double = normed(n, &part("branch7x7dbl_1"), x, filter(width, 1));
    let double = normed(n, &part("branch7x7dbl_2"), double, tall(width, 7, 1).same());
    let double = normed(n, &part("branch7x7dbl_3"), double, tall(width, 1, 7).same());
    let double = normed(n, &part("branch7x7dbl_4"), double, tall(width, 7, 1).same());
    let double = normed(n, &part("branch7x7dbl_5"), double, tall(192, 1, 7).same());
    let mean = n.avg_pool_padded(x, pool(3, 1).pad(1));
    let mean = normed(n, &part("branch_pool"), mean, filter(192, 1));
    n.concat(name, &[one, seven, double, mean])
}

/// 17x17 to 8x8.
fn d(n: &mut Net, name: &str, x: Value) -> Value {
    let part = |part: &str| format!("{name}.{part}");
    let three = normed(n, &part("branch3x3_1"), x, filter(192, 1));
    let three = normed(n, &part("branch3x3_2"), three, filter(320, 3).stride(2));
    let seven = normed(n, &part("branch7x7x3_1"), x, filter(192, 1));
    let seven = normed(n, &part("branch7x7x3_2"), seven, tall(192, 1, 7).same());
    let seven = normed(n, &part("branch7x7x3_3"), seven, tall(192, 7, 1).same());
    let seven = normed(n, &part("branch7x7x3_4"), seven, filter(192, 3).stride(2));
    let most = n.max_pool(x, pool(3, 2));
    n.concat(name, &[three, seven, most])
}

/// 8x8: threes factorised side by side.
fn e(n: &mut Net, name: &str, x: Value) -> Value {
    let part = |part: &str| format!("{name}.{part}");
    let one = normed(n, &part("branch1x1"), x, filter(320, 1));
    let three = normed(n, &part("branch3x3_1"), x, filter(384, 1));
    let wide = normed(n, &part("branch3x3_2a"), three, tall(384, 1, 3).same());
    let high = normed(n, &part("branch3x3_2b"), three, tall(384, 3, 1).same());
    let three = n.concat(&part("branch3x3"), &[wide, high]);
    let double = normed(n, &part("branch3x3dbl_1"), x, filter(448, 1));
    let double = normed(n, &part("branch3x3dbl_2"), double, filter(384, 3).same());
    let wide = normed(n, &part("branch3x3dbl_3a"), double, tall(384, 1, 3).same());
    let high = normed(n, &part("branch3x3dbl_3b"), double, tall(384, 3, 1).same());
    let double = n.concat(&part("branch3x3dbl"), &[wide, high]);
    let mean = n.avg_pool_padded(x, pool(3, 1).pad(1));
    let mean = normed(n, &part("branch_pool"), mean, filter(192, 1));
    n.concat(name, &[one, three, double, mean])
}
