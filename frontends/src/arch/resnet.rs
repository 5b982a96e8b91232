//! Residual networks for ImageNet (He et al. 2015, table 1), and what is made of their bottleneck by width (Zagoruyko
//! and Komodakis 2016), cardinality (Xie et al. 2016), and squeeze and excitation (Hu et al. 2017).
//!
//! ```text
//! basic:       3x3 -> 3x3                     bottleneck:  1x1 -> 3x3 -> 1x1, four times as wide
//! x -> block -> (+ x, or a strided 1x1 of x) -> ReLU
//! ```
//!
//! The paper strides in the first 1x1 of a bottleneck (`resnet50-v1` and so on), everybody since in its 3x3.

use super::Head;
use super::net::{LINEAR, Net, Value, filter, pool};

/// What a bottleneck looks like inside.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// Groups of its 3x3 convolution.
    pub groups: usize,
    /// Channels of that convolution in the first stage; they double from stage to stage.
    pub width: usize,
    /// Whether the 1x1 strides, not the 3x3.
    pub strides_first: bool,
    /// Whether the result is scaled by squeeze and excitation.
    pub squeeze: bool,
}

impl Default for Form {
    fn default() -> Form {
        BOTTLENECK
    }
}

const BOTTLENECK: Form = Form { groups: 1, width: 64, strides_first: false, squeeze: false };
pub(super) const PAPER: Form = Form { strides_first: true, ..BOTTLENECK };
pub(super) const SQUEEZED: Form = Form { squeeze: true, ..BOTTLENECK };

/// Wide ResNet: so many times the channels.
pub(super) fn wide(times: usize) -> Form {
    Form { width: 64 * times, ..BOTTLENECK }
}

/// ResNeXt: `groups` paths of `width` channels, unless asked for otherwise.
pub(super) fn next(head: &Head, groups: usize, width: usize) -> Form {
    let groups = head.cardinality.or(groups);
    Form { groups, width: groups * head.width.or(width), ..BOTTLENECK }
}

/// ResNet-18 and 34.
pub(super) fn basic(n: &mut Net, x: Value, head: &Head, stages: [usize; 4]) -> Vec<Value> {
    build(n, x, head, stages, |n, block, x| {
        let Block { channels, stride, .. } = *block;
        let y = n.conv(&block.part("conv1"), x, filter(channels, 3).same().stride(stride));
        let y = n.bn(&block.part("bn1"), y);
        let y = n.relu(y);
        let y = n.conv(&block.part("conv2"), y, filter(channels, 3).same().gain(LINEAR));
        let y = n.bn_scaled(&block.part("bn2"), y, block.scale);
        (y, channels)
    })
}

/// ResNet-50 and deeper, and their relatives.
pub(super) fn bottleneck(n: &mut Net, x: Value, head: &Head, stages: [usize; 4], form: &Form) -> Vec<Value> {
    build(n, x, head, stages, |n, block, x| {
        let Block { channels, stride, .. } = *block;
        let width = form.width * channels / 64;
        let [first, second] = if form.strides_first { [stride, 1] } else { [1, stride] };
        let y = n.conv(&block.part("conv1"), x, filter(width, 1).stride(first));
        let y = n.bn(&block.part("bn1"), y);
        let y = n.relu(y);
        let y = n.conv(&block.part("conv2"), y, filter(width, 3).same().stride(second).groups(form.groups));
        let y = n.bn(&block.part("bn2"), y);
        let y = n.relu(y);
        let y = n.conv(&block.part("conv3"), y, filter(4 * channels, 1).gain(LINEAR));
        let y = n.bn_scaled(&block.part("bn3"), y, block.scale);
        let y = if form.squeeze { excite(n, &block.part("se"), y, 4 * channels / 16) } else { y };
        (y, 4 * channels)
    })
}

/// A residual block.
struct Block {
    name: String,
    /// Channels of its stage, before a bottleneck widens them.
    channels: usize,
    stride: usize,
    /// The scale of its last batch norm: the branches of a stage together add as much as they are added to.
    scale: f64,
}

impl Block {
    fn part(&self, part: &str) -> String {
        format!("{}.{part}", self.name)
    }
}

/// The stem, four stages of blocks, the mean and the classifier; `branch` answers a block's branch and its channels.
fn build(
    n: &mut Net,
    x: Value,
    head: &Head,
    stages: [usize; 4],
    branch: impl Fn(&mut Net, &Block, Value) -> (Value, usize),
) -> Vec<Value> {
    let x = n.conv("conv1", x, filter(64, 7).stride(2).same());
    let x = n.bn("bn1", x);
    let x = n.relu(x);
    let mut x = n.max_pool(x, pool(3, 2).pad(1));
    for (stage, blocks) in stages.into_iter().enumerate() {
        for b in 0..blocks {
            let block = Block {
                name: format!("layer{}.{b}", stage + 1),
                channels: 64 << stage,
                stride: if stage > 0 && b == 0 { 2 } else { 1 },
                scale: 1.0 / (blocks as f64).sqrt(),
            };
            let (y, channels) = branch(n, &block, x);
            if b == 0 && (block.stride > 1 || n.dims(x)[1] != channels) {
                let shortcut = filter(channels, 1).stride(block.stride).gain(LINEAR);
                x = n.conv(&block.part("downsample.0"), x, shortcut);
                x = n.bn(&block.part("downsample.1"), x);
            }
            let sum = n.add_to(&block.part("add"), y, x);
            x = n.relu(sum);
        }
    }
    let x = n.global_pool(x);
    let x = n.flatten(x);
    vec![n.linear("fc", x, head.classes)]
}

/// Squeeze and excitation: each channel scaled by a number in 0..1 that all channels decide.
pub(super) fn excite(n: &mut Net, name: &str, x: Value, squeezed: usize) -> Value {
    let channels = n.dims(x)[1];
    let s = n.global_pool(x);
    let s = n.conv(&format!("{name}.fc1"), s, filter(squeezed, 1).bias());
    let s = n.relu(s);
    let s = n.conv(&format!("{name}.fc2"), s, filter(channels, 1).bias());
    let s = n.sigmoid(s);
    n.scale(x, s)
}
