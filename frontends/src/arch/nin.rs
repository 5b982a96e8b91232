//! Network in network (Lin et al. 2014): a convolution and two 1x1 convolutions behind it make an `mlpconv` layer, and
//! the last one has a channel for each class, whose mean is its score.

use super::Head;
use super::net::{Filter, Net, Value, filter, pool};

/// The form for ImageNet, of the authors' Caffe release.
pub(super) fn imagenet(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    let x = mlpconv(n, x, "conv1", filter(96, 11).stride(4), [("cccp1", 96), ("cccp2", 96)]);
    let x = n.max_pool(x, pool(3, 2).ceil());
    let x = mlpconv(n, x, "conv2", filter(256, 5).same(), [("cccp3", 256), ("cccp4", 256)]);
    let x = n.max_pool(x, pool(3, 2).ceil());
    let x = mlpconv(n, x, "conv3", filter(384, 3).same(), [("cccp5", 384), ("cccp6", 384)]);
    let x = n.max_pool(x, pool(3, 2).ceil());
    let x = n.dropout(x);
    let last = [("cccp7_1024", 1024), ("cccp8_1024", head.classes)];
    let x = mlpconv(n, x, "conv4_1024", filter(1024, 3).same(), last);
    scores(n, x)
}

/// The form for CIFAR-10 (figure 2 and the authors' release).
pub(super) fn cifar(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    let x = mlpconv(n, x, "conv1", filter(192, 5).same(), [("cccp1", 160), ("cccp2", 96)]);
    let x = n.max_pool(x, pool(3, 2).ceil());
    let x = n.dropout(x);
    let x = mlpconv(n, x, "conv2", filter(192, 5).same(), [("cccp3", 192), ("cccp4", 192)]);
    let x = n.avg_pool(x, pool(3, 2).ceil());
    let x = n.dropout(x);
    let x = mlpconv(n, x, "conv3", filter(192, 3).same(), [("cccp5", 192), ("cccp6", head.classes)]);
    scores(n, x)
}

fn mlpconv(n: &mut Net, x: Value, name: &str, first: Filter, rest: [(&str, usize); 2]) -> Value {
    let x = n.conv(name, x, first.bias());
    let mut x = n.relu(x);
    for (name, channels) in rest {
        x = n.conv(name, x, filter(channels, 1).bias());
        x = n.relu(x);
    }
    x
}

fn scores(n: &mut Net, x: Value) -> Vec<Value> {
    let x = n.global_pool(x);
    vec![n.flatten(x)]
}
