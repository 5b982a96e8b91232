//! ZFNet (Zeiler and Fergus 2013): AlexNet with a finer first layer and wider last convolutions.
//!
//! ```text
//! conv1 96 7x7/2 -> pool -> LRN   conv2 256 5x5/2 -> pool -> LRN   conv3 512   conv4 1024   conv5 512 -> pool
//!   110x110         55x55           26x26            13x13           13x13       13x13        13x13      6x6
//! ```
//!
//! The normalisation is that of the AlexNet paper, which its Caffe release kept: 2 + 1e-4 times the sum of squares,
//! which is 5e-4 times their mean.

use super::Head;
use super::alexnet::classifier;
use super::net::{Filter, Net, Value, filter, pool};

pub(super) fn build(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    let conv = |n: &mut Net, name: &str, x, filter: Filter| {
        let x = n.conv(name, x, filter.bias());
        n.relu(x)
    };
    let pooled_and_normed = |n: &mut Net, x| {
        let x = n.max_pool(x, pool(3, 2).pad(1));
        n.lrn(x, 5, 5e-4, 2.0)
    };
    let x = conv(n, "conv1", x, filter(96, 7).stride(2).pad(1));
    let x = pooled_and_normed(n, x);
    let x = conv(n, "conv2", x, filter(256, 5).stride(2));
    let x = pooled_and_normed(n, x);
    let x = conv(n, "conv3", x, filter(512, 3).same());
    let x = conv(n, "conv4", x, filter(1024, 3).same());
    let x = conv(n, "conv5", x, filter(512, 3).same());
    let x = n.max_pool(x, pool(3, 2));
    classifier(n, x, ["fc6", "fc7", "fc8"], head)
}
