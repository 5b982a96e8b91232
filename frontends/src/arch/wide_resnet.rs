//! Wide residual networks for CIFAR-10 (Zagoruyko and Komodakis 2016, table 1): few blocks, `width` times the channels.
//!
//! ```text
//! x -> BN -> ReLU -> 3x3 -> BN -> ReLU -> dropout -> 3x3 -> (+ x, or a 1x1 of the first ReLU)
//! ```

use super::Head;
use super::net::{LINEAR, Net, Value, filter};
use super::preresnet::activated;

/// `depth` counts convolutions: 6 blocks a stage and 4 more.
pub(super) fn build(n: &mut Net, x: Value, head: &Head, depth: usize, width: usize) -> Vec<Value> {
    let blocks = (depth - 4) / 6;
    let mut x = n.conv("conv1", x, filter(16, 3).same());
    for stage in 0..3 {
        let channels = (16 << stage) * width;
        for b in 0..blocks {
            let part = |part: &str| format!("block{}.layer.{b}.{part}", stage + 1);
            let stride = if stage > 0 && b == 0 { 2 } else { 1 };
            let before = activated(n, &part("bn1"), x);
            let y = n.conv(&part("conv1"), before, filter(channels, 3).same().stride(stride));
            let y = activated(n, &part("bn2"), y);
            let y = n.dropout(y);
            let gain = LINEAR / (blocks as f64).sqrt();
            let y = n.conv(&part("conv2"), y, filter(channels, 3).same().gain(gain));
            if b == 0 {
                x = n.conv(&part("convShortcut"), before, filter(channels, 1).stride(stride));
            }
            x = n.add_to(&part("add"), y, x);
        }
    }
    let x = activated(n, "bn1", x);
    let x = n.global_pool(x);
    let x = n.flatten(x);
    vec![n.linear("fc", x, head.classes)]
}
