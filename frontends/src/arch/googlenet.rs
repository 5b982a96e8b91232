//! GoogLeNet (Szegedy et al. 2014, table 1), its form with batch norms as torchvision has it, and the two modules whose
//! operations the paper's bottlenecks are explained by.
//!
//! ```text
//! inception: x -> 1x1                    beside each other, one behind the other along the channels
//!            x -> 1x1 -> 3x3
//!            x -> 1x1 -> 5x5             (3x3 in the form with batch norms)
//!            x -> max pool 3x3 -> 1x1
//! ```
//!
//! Parameters of the paper's form are named as in its Caffe release.

use super::Head;
use super::net::{Filter, Net, Value, filter, pool};

/// Channels of an inception module: 1x1, before and of the 3x3, before and of the 5x5, behind the pool.
type Channels = [usize; 6];

const STAGE_3: [(&str, Channels); 2] =
    [("3a", [64, 96, 128, 16, 32, 32]), ("3b", [128, 128, 192, 32, 96, 64])];
const STAGE_4: [(&str, Channels); 5] = [
    ("4a", [192, 96, 208, 16, 48, 64]),
    ("4b", [160, 112, 224, 24, 64, 64]),
    ("4c", [128, 128, 256, 24, 64, 64]),
    ("4d", [112, 144, 288, 32, 64, 64]),
    ("4e", [256, 160, 320, 32, 128, 128]),
];
const STAGE_5: [(&str, Channels); 2] =
    [("5a", [256, 160, 320, 32, 128, 128]), ("5b", [384, 192, 384, 48, 128, 128])];

/// The form of the paper, with local response normalisation; auxiliary classifiers read 4a and 4d.
pub(super) fn paper(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    let x = biased(n, "conv1.7x7_s2", x, filter(64, 7).same().stride(2));
    let x = n.max_pool(x, pool(3, 2).ceil());
    let x = n.lrn(x, 5, 1e-4, 1.0);
    let x = biased(n, "conv2.3x3_reduce", x, filter(64, 1));
    let x = biased(n, "conv2.3x3", x, filter(192, 3).same());
    let x = n.lrn(x, 5, 1e-4, 1.0);
    let x = n.max_pool(x, pool(3, 2).ceil());
    let layers = ["1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj"];
    let module = |n: &mut Net, x, stage: &str, channels: &Channels| {
        let names = layers.map(|layer| format!("inception_{stage}.{layer}"));
        inception(n, x, &format!("inception_{stage}"), &names, channels, 5, biased)
    };
    let pooled = |n: &mut Net, x| n.max_pool(x, pool(3, 2).ceil());
    let (x, read) = modules(n, x, module, [pooled, pooled]);
    let mut outputs = vec![classifier(n, x, "loss3.classifier", head)];
    if head.aux {
        for (name, x) in ["loss1", "loss2"].into_iter().zip(read) {
            let x = n.avg_pool(x, pool(5, 3));
            let x = biased(n, &format!("{name}.conv"), x, filter(128, 1));
            outputs.push(aux(n, x, [&format!("{name}.fc"), &format!("{name}.classifier")], head));
        }
    }
    outputs
}

/// The form with batch norms.
pub(super) fn batch_normalized(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    let x = normed(n, "conv1", x, filter(64, 7).same().stride(2));
    let x = n.max_pool(x, pool(3, 2).ceil());
    let x = normed(n, "conv2", x, filter(64, 1));
    let x = normed(n, "conv3", x, filter(192, 3).same());
    let x = n.max_pool(x, pool(3, 2).ceil());
    let layers = ["branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"];
    let module = |n: &mut Net, x, stage: &str, channels: &Channels| {
        let names = layers.map(|layer| format!("inception{stage}.{layer}"));
        inception(n, x, &format!("inception{stage}"), &names, channels, 3, normed)
    };
    let pools: [fn(&mut Net, Value) -> Value; 2] =
        [|n, x| n.max_pool(x, pool(3, 2).ceil()), |n, x| n.max_pool(x, pool(2, 2).ceil())];
    let (x, read) = modules(n, x, module, pools);
    let mut outputs = vec![classifier(n, x, "fc", head)];
    if head.aux {
        for (name, x) in ["aux1", "aux2"].into_iter().zip(read) {
            let x = n.adaptive_pool(x, 4);
            let x = normed(n, &format!("{name}.conv"), x, filter(128, 1));
            outputs.push(aux(n, x, [&format!("{name}.fc1"), &format!("{name}.fc2")], head));
        }
    }
    outputs
}

/// A module on 28x28x256 without bottlenecks: 854 million multiply-adds.
pub(super) fn naive_module(n: &mut Net, x: Value, _: &Head) -> Vec<Value> {
    let a = n.conv("conv1x1", x, filter(128, 1));
    let b = n.conv("conv3x3", x, filter(192, 3).same());
    let c = n.conv("conv5x5", x, filter(96, 5).same());
    let d = n.max_pool(x, pool(3, 1).pad(1));
    vec![n.concat("concat", &[a, b, c, d])]
}

/// The same module with bottlenecks of 64 channels: 271 million.
pub(super) fn bottleneck_module(n: &mut Net, x: Value, _: &Head) -> Vec<Value> {
    let a = n.conv("conv1x1", x, filter(128, 1));
    let b = n.conv("conv3x3_reduce", x, filter(64, 1));
    let b = n.conv("conv3x3", b, filter(192, 3).same());
    let c = n.conv("conv5x5_reduce", x, filter(64, 1));
    let c = n.conv("conv5x5", c, filter(96, 5).same());
    let d = n.max_pool(x, pool(3, 1).pad(1));
    let d = n.conv("pool_proj", d, filter(64, 1));
    vec![n.concat("concat", &[a, b, c, d])]
}

/// The nine modules, pools between the stages; answers the last value and those that auxiliary classifiers read.
fn modules(
    n: &mut Net,
    mut x: Value,
    module: impl Fn(&mut Net, Value, &str, &Channels) -> Value,
    pools: [impl Fn(&mut Net, Value) -> Value; 2],
) -> (Value, Vec<Value>) {
    let mut read = Vec::new();
    for (stage, channels) in &STAGE_3 {
        x = module(n, x, stage, channels);
    }
    x = pools[0](n, x);
    for (stage, channels) in &STAGE_4 {
        x = module(n, x, stage, channels);
        if matches!(*stage, "4a" | "4d") {
            read.push(x);
        }
    }
    x = pools[1](n, x);
    for (stage, channels) in &STAGE_5 {
        x = module(n, x, stage, channels);
    }
    (x, read)
}

fn inception(
    n: &mut Net,
    x: Value,
    name: &str,
    names: &[String; 6],
    channels: &Channels,
    large: usize,
    conv: fn(&mut Net, &str, Value, Filter) -> Value,
) -> Value {
    let [c1, c3_reduce, c3, c5_reduce, c5, c_pool] = *channels;
    let a = conv(n, &names[0], x, filter(c1, 1));
    let b = conv(n, &names[1], x, filter(c3_reduce, 1));
    let b = conv(n, &names[2], b, filter(c3, 3).same());
    let c = conv(n, &names[3], x, filter(c5_reduce, 1));
    let c = conv(n, &names[4], c, filter(c5, large).same());
    let d = n.max_pool(x, pool(3, 1).pad(1));
    let d = conv(n, &names[5], d, filter(c_pool, 1));
    n.concat(name, &[a, b, c, d])
}

fn classifier(n: &mut Net, x: Value, name: &str, head: &Head) -> Value {
    let x = n.global_pool(x);
    let x = n.flatten(x);
    let x = n.dropout(x);
    n.linear(name, x, head.classes)
}

/// What an auxiliary classifier does with its 4x4x128 map.
fn aux(n: &mut Net, x: Value, [hidden, scores]: [&str; 2], head: &Head) -> Value {
    let x = n.flatten(x);
    let x = n.linear(hidden, x, 1024);
    let x = n.relu(x);
    let x = n.dropout(x);
    n.linear(scores, x, head.classes)
}

fn biased(n: &mut Net, name: &str, x: Value, filter: Filter) -> Value {
    let x = n.conv(name, x, filter.bias());
    n.relu(x)
}

/// A convolution, a batch norm and a rectifier, as the inception networks of torchvision and timm name them.
pub(super) fn normed(n: &mut Net, name: &str, x: Value, filter: Filter) -> Value {
    let x = n.conv(&format!("{name}.conv"), x, filter);
    let x = n.batch_norm(&format!("{name}.bn"), x, 1.0, 1e-3);
    n.relu(x)
}
