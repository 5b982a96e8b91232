//! Residual networks for CIFAR-10 (He et al. 2015, section 4.2): three stages of 16, 32 and 64 channels, 6n + 2 layers.
//!
//! Where a stage begins, the shortcut takes every second pixel and fills up with zero channels (option A): it has no
//! parameters. With stochastic depth (Huang et al. 2016), block l of L was kept with probability `1 - l/L (1 - p)` in
//! training; the whole network runs, each branch times its probability, which passes fold into the weights.

use super::Head;
use super::net::{Net, Value, filter};

/// How the last convolution of a branch is drawn: of 200 branches each is still seen, and all together do not drown the
/// rest.
const BRANCH: f64 = 0.8;

/// `blocks` a stage; `survival` is p, the probability of the last block, 1 without stochastic depth.
pub(super) fn build(n: &mut Net, x: Value, head: &Head, blocks: usize, survival: f64) -> Vec<Value> {
    let x = n.conv("conv1", x, filter(16, 3).same());
    let x = n.bn("bn1", x);
    let mut x = n.relu(x);
    for stage in 0..3 {
        for b in 0..blocks {
            let name = format!("layer{}.{b}", stage + 1);
            let channels = 16 << stage;
            let stride = if stage > 0 && b == 0 { 2 } else { 1 };
            let y = n.conv(&format!("{name}.conv1"), x, filter(channels, 3).same().stride(stride));
            let y = n.bn(&format!("{name}.bn1"), y);
            let y = n.relu(y);
            let y = n.conv(&format!("{name}.conv2"), y, filter(channels, 3).same().gain(BRANCH));
            let mut y = n.bn_scaled(&format!("{name}.bn2"), y, 1.0 / (blocks as f64).sqrt());
            if survival < 1.0 {
                let depth = (stage * blocks + b + 1) as f64 / (3 * blocks) as f64;
                y = n.times(y, 1.0 - depth * (1.0 - survival));
            }
            let shortcut = if stride > 1 { n.subsampled(x, channels) } else { x };
            let sum = n.add_to(&format!("{name}.add"), y, shortcut);
            x = n.relu(sum);
        }
    }
    let x = n.global_pool(x);
    let x = n.flatten(x);
    vec![n.linear("fc", x, head.classes)]
}
