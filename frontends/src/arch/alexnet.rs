//! AlexNet (Krizhevsky et al. 2012, figure 2), and its single tower (Krizhevsky 2014) as torchvision has it.
//!
//! ```text
//! conv1 96 11x11/4 -> LRN -> pool   conv2 256 5x5 (2 groups) -> LRN -> pool   conv3 384 3x3
//! conv4 384 3x3 (2 groups)   conv5 256 3x3 (2 groups) -> pool   4096   4096   classes
//! ```
//!
//! Groups are the two processors of the paper. Parameters of the grouped form are named as in its Caffe release, whose
//! normalisation it has, for the weights were trained with it: 1 + 1e-4 times the mean square. The paper's is
//! 2 + 1e-4 times the sum of squares.

use super::Head;
use super::net::{Filter, Net, Value, filter, pool};

/// Two groups and local response normalisation.
pub(super) fn grouped(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    let normed_and_pooled = |n: &mut Net, x| {
        let x = n.lrn(x, 5, 1e-4, 1.0);
        n.max_pool(x, pool(3, 2))
    };
    let x = conv(n, "conv1", x, filter(96, 11).stride(4));
    let x = normed_and_pooled(n, x);
    let x = conv(n, "conv2", x, filter(256, 5).same().groups(2));
    let x = normed_and_pooled(n, x);
    let x = conv(n, "conv3", x, filter(384, 3).same());
    let x = conv(n, "conv4", x, filter(384, 3).same().groups(2));
    let x = conv(n, "conv5", x, filter(256, 3).same().groups(2));
    let x = n.max_pool(x, pool(3, 2));
    classifier(n, x, ["fc6", "fc7", "fc8"], head)
}

/// One tower without normalisation.
pub(super) fn single(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    let x = conv(n, "features.0", x, filter(64, 11).stride(4).pad(2));
    let x = n.max_pool(x, pool(3, 2));
    let x = conv(n, "features.3", x, filter(192, 5).same());
    let x = n.max_pool(x, pool(3, 2));
    let x = conv(n, "features.6", x, filter(384, 3).same());
    let x = conv(n, "features.8", x, filter(256, 3).same());
    let x = conv(n, "features.10", x, filter(256, 3).same());
    let x = n.max_pool(x, pool(3, 2));
    let x = n.adaptive_pool(x, 6);
    classifier(n, x, ["classifier.1", "classifier.4", "classifier.6"], head)
}

fn conv(n: &mut Net, name: &str, x: Value, filter: Filter) -> Value {
    let x = n.conv(name, x, filter.bias());
    n.relu(x)
}

/// Three linear layers with dropout before the first two: what AlexNet, ZFNet and VGG end in.
pub(super) fn classifier(n: &mut Net, x: Value, names: [&str; 3], head: &Head) -> Vec<Value> {
    let mut x = n.flatten(x);
    for name in &names[..2] {
        x = n.dropout(x);
        x = n.linear(name, x, 4096);
        x = n.relu(x);
    }
    vec![n.linear(names[2], x, head.classes)]
}
