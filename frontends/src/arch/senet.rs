//! SENet-154 (Hu et al. 2017, appendix): a wide ResNeXt-152 with squeeze and excitation, a stem of three 3x3
//! convolutions, and 3x3 shortcuts.

use super::Head;
use super::net::{Filter, LINEAR, Net, Value, filter, pool};
use super::resnet::excite;

pub(super) fn build(n: &mut Net, x: Value, head: &Head) -> Vec<Value> {
    let normed = |n: &mut Net, conv: &str, bn: &str, x, filter: Filter| {
        let x = n.conv(conv, x, filter);
        let x = n.bn(bn, x);
        n.relu(x)
    };
    let x = normed(n, "layer0.conv1", "layer0.bn1", x, filter(64, 3).same().stride(2));
    let x = normed(n, "layer0.conv2", "layer0.bn2", x, filter(64, 3).same());
    let x = normed(n, "layer0.conv3", "layer0.bn3", x, filter(128, 3).same());
    let mut x = n.max_pool(x, pool(3, 2).ceil());
    for (stage, blocks) in [3, 8, 36, 3].into_iter().enumerate() {
        let width = 64 << stage;
        for b in 0..blocks {
            let part = |part: &str| format!("layer{}.{b}.{part}", stage + 1);
            let stride = if stage > 0 && b == 0 { 2 } else { 1 };
            let y = normed(n, &part("conv1"), &part("bn1"), x, filter(2 * width, 1));
            let grouped = filter(4 * width, 3).same().stride(stride).groups(64);
            let y = normed(n, &part("conv2"), &part("bn2"), y, grouped);
            let y = n.conv(&part("conv3"), y, filter(4 * width, 1).gain(LINEAR));
            // Gates of a half on average take as much as the factor gives.
            let y = n.bn_scaled(&part("bn3"), y, 2.0 / f64::from(blocks).sqrt());
            let y = excite(n, &part("se_module"), y, 4 * width / 16);
            if b == 0 {
                let kernel = if stage == 0 { 1 } else { 3 };
                let shortcut = filter(4 * width, kernel).same().stride(stride).gain(LINEAR);
                x = n.conv(&part("downsample.0"), x, shortcut);
                x = n.bn(&part("downsample.1"), x);
            }
            let sum = n.add_to(&part("add"), y, x);
            x = n.relu(sum);
        }
    }
    let x = n.global_pool(x);
    let x = n.dropout(x);
    let x = n.flatten(x);
    vec![n.linear("last_linear", x, head.classes)]
}
