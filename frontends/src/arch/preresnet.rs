//! Residual networks with identity mappings (He et al. 2016): batch norm and rectifier stand before each convolution,
//! so that nothing stands on the shortcut.
//!
//! ```text
//! x -> BN -> ReLU -> 1x1 -> BN -> ReLU -> 3x3 -> BN -> ReLU -> 1x1 -> (+ x, or a strided 1x1 of the first ReLU)
//! ```

use super::Head;
use super::net::{LINEAR, Net, Value, filter, pool};

pub(super) fn build(n: &mut Net, x: Value, head: &Head, stages: [usize; 4]) -> Vec<Value> {
    let x = n.conv("stem.conv", x, filter(64, 7).stride(2).same());
    let mut x = n.max_pool(x, pool(3, 2).pad(1));
    for (stage, blocks) in stages.into_iter().enumerate() {
        let width = 64 << stage;
        for b in 0..blocks {
            let part = |part: &str| format!("stages.{stage}.blocks.{b}.{part}");
            let stride = if stage > 0 && b == 0 { 2 } else { 1 };
            let before = activated(n, &part("norm1"), x);
            let y = n.conv(&part("conv1"), before, filter(width, 1));
            let y = activated(n, &part("norm2"), y);
            let y = n.conv(&part("conv2"), y, filter(width, 3).same().stride(stride));
            let y = activated(n, &part("norm3"), y);
            let y = n.conv(&part("conv3"), y, filter(4 * width, 1).gain(LINEAR / (blocks as f64).sqrt()));
            if b == 0 {
                x = n.conv(&part("downsample.conv"), before, filter(4 * width, 1).stride(stride));
            }
            x = n.add_to(&part("add"), y, x);
        }
    }
    let x = activated(n, "norm", x);
    let x = n.global_pool(x);
    let x = n.conv("head.fc", x, filter(head.classes, 1).bias());
    vec![n.flatten(x)]
}

/// Batch norm and rectifier.
pub(super) fn activated(n: &mut Net, name: &str, x: Value) -> Value {
    let x = n.bn(name, x);
    n.relu(x)
}
