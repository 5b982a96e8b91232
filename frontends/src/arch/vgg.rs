//! VGG (Simonyan and Zisserman 2014, table 1): stacks of 3x3 convolutions, each followed by a 2x2 pool.

use super::Head;
use super::alexnet::classifier;
use super::net::{Net, Value, filter, pool};

/// A column of the table: for each stack, the kernel and the channels of its convolutions.
type Column = [&'static [(usize, usize)]; 5];

pub(super) const A: Column =
    [&[(3, 64)], &[(3, 128)], &[(3, 256), (3, 256)], &[(3, 512), (3, 512)], &[(3, 512), (3, 512)]];
pub(super) const B: Column = [
    &[(3, 64), (3, 64)],
    &[(3, 128), (3, 128)],
    &[(3, 256), (3, 256)],
    &[(3, 512), (3, 512)],
    &[(3, 512), (3, 512)],
];
pub(super) const C: Column = [
    &[(3, 64), (3, 64)],
    &[(3, 128), (3, 128)],
    &[(3, 256), (3, 256), (1, 256)],
    &[(3, 512), (3, 512), (1, 512)],
    &[(3, 512), (3, 512), (1, 512)],
];
pub(super) const D: Column = [
    &[(3, 64), (3, 64)],
    &[(3, 128), (3, 128)],
    &[(3, 256), (3, 256), (3, 256)],
    &[(3, 512), (3, 512), (3, 512)],
    &[(3, 512), (3, 512), (3, 512)],
];
pub(super) const E: Column = [
    &[(3, 64), (3, 64)],
    &[(3, 128), (3, 128)],
    &[(3, 256), (3, 256), (3, 256), (3, 256)],
    &[(3, 512), (3, 512), (3, 512), (3, 512)],
    &[(3, 512), (3, 512), (3, 512), (3, 512)],
];

/// What stands between a convolution and its rectifier, or behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Norm {
    /// Nothing.
    None,
    /// Local response normalisation behind the first rectifier (column A-LRN), that of the AlexNet paper: 2 + 1e-4
    /// times the sum of squares, which is 5e-4 times their mean.
    FirstResponse,
    /// A batch norm before each rectifier.
    Batch,
}

pub(super) fn build(n: &mut Net, mut x: Value, head: &Head, column: &Column, norm: Norm) -> Vec<Value> {
    // Layers are numbered as torchvision does: rectifiers and pools count.
    let mut layer = 0;
    for stack in column {
        for &(kernel, channels) in *stack {
            x = n.conv(&format!("features.{layer}"), x, filter(channels, kernel).same().bias());
            layer += 1;
            if norm == Norm::Batch {
                x = n.bn(&format!("features.{layer}"), x);
                layer += 1;
            }
            x = n.relu(x);
            layer += 1;
            if norm == Norm::FirstResponse && layer == 2 {
                x = n.lrn(x, 5, 5e-4, 2.0);
            }
        }
        x = n.max_pool(x, pool(2, 2));
        layer += 1;
    }
    let x = n.adaptive_pool(x, 7);
    classifier(n, x, ["classifier.0", "classifier.3", "classifier.6"], head)
}
