//! Which convolutions run by Winograd's tiles, and which tiles they take.
//!
//! ```text
//! conv 3x3 -> direct | F(2x2, 3x3) | F(4x4, 3x3) | F(5x5, 3x3)      conv 5x5 -> direct | F(2x2, 5x5)
//! conv 1x3 -> direct | F(1x2, 1x3) | F(1x4, 1x3) | F(1x5, 1x3)      conv 1x7 -> direct | F(1x2, 1x7) | F(1x4, 1x7)
//! conv 3x3, stride 2 -> direct | F(3x3, 3x3) | F(4x4, 3x3)
//! ```
//!
//! Larger tiles need fewer products and larger filters: 16 / 9 of the weights for F(2x2, 3x3), 4 times them for
//! F(4x4, 3x3), 9 times with a stride. Which tile wins is a matter of how it fits the map, 14x14 wants 5x5; and small
//! maps want small tiles, for their filters come from memory.
//!
//! Each way has a time, by a model of the machine or [measured](super::times).
//!
//! INVARIANT: the filters that transforms add take no more than all constants of the network; where they would, the
//! transforms come first that gain most for a byte. A transform that does not halve a convolution's time needs no more
//! memory for tiles and products than the values of the network do where they need most, or [`SMALL`].

use super::Planner;
use super::decisions::Topic;
use super::live::{self, Live};
use super::lower::{dims4, is_too_long, winograd_bytes};
use super::times::DIRECT;
use crate::kernels::winograd::{Axis, Transform};
use cnnc_ir::ops::Conv;
use cnnc_ir::{DType, NodeId, Op};
use std::collections::{BTreeMap, HashMap, HashSet};

// PERF: these were fitted to layers on Zen 4 with AVX2, and serve every target as they are: all targets choose the same
// algorithms and so give the same bits. With wide vectors products are quicker and weights are not, so small maps gain
// less than the model says; `--tune` measures that.

/// Cycles that a vector of weights takes: a layer's come from memory, which all threads share.
const READ: f64 = 5.0;

/// What the transforms of tiles and products add to the time of the product.
const TRANSFORMS: f64 = 1.2;

/// Cycles of a nanosecond, so that what is modelled compares with what was measured.
const GIGAHERTZ: f64 = 3.7;

/// Bytes of values, tiles and products that any network may take at once.
const SMALL: u64 = 4 << 20;

/// A way to run a convolution instead of another whose filters are smaller.
struct Upgrade {
    node: NodeId,
    transform: Transform,
    /// Elements that its filters take, in place of so many.
    elements: u64,
    replaced: u64,
    /// Nanoseconds gained for an element more.
    gain: f64,
}

/// The transform of every convolution that takes less time by one.
pub(super) fn choose(p: &Planner) -> HashMap<NodeId, Transform> {
    let graph = &p.module.graph;
    let live = Live::of(graph);
    let mut upgrades = Vec::new();
    let mut budget = 0u64;
    for &id in graph.order() {
        match graph[id].op() {
            Op::Const(_) => budget = budget.saturating_add(graph.ty(id).elements() as u64),
            Op::Conv(conv) if p.target.winograd => upgrades.extend(ways(p, &live, id, conv)),
            _ => {}
        }
    }
    let wished: HashSet<NodeId> = upgrades.iter().map(|upgrade| upgrade.node).collect();
    // Stable: of equals the first in program order.
    upgrades.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    let mut chosen: HashMap<NodeId, (Transform, u64)> = HashMap::new();
    for Upgrade { node, transform, elements, replaced, .. } in upgrades {
        let before = chosen.get(&node).map_or(replaced, |(_, elements)| *elements);
        if elements > before && elements - before <= budget {
            budget -= elements - before;
            chosen.insert(node, (transform, elements));
        }
    }
    let mut transforms: HashMap<NodeId, Transform> =
        chosen.into_iter().map(|(node, (transform, _))| (node, transform)).collect();
    for &id in graph.order() {
        let Op::Conv(conv) = graph[id].op() else { continue };
        let is_unwanted = p.choices.direct.contains(&id);
        match transforms.get(&id) {
            Some(_) if is_unwanted => {
                p.decisions.left(Topic::Winograd, p.name(id), "directly it takes less memory")
            }
            Some(transform) => p.decisions.did(Topic::Winograd, p.name(id), transform.to_string()),
            None if wished.contains(&id) => {
                let why = "its filters would more than double the weights of the network";
                p.decisions.left(Topic::Winograd, p.name(id), why);
            }
            None => {
                if let Some(why) = why_direct(p, id, conv) {
                    p.decisions.left(Topic::Winograd, p.name(id), why);
                }
            }
        }
        if is_unwanted {
            transforms.remove(&id);
        }
    }
    transforms
}

/// Why a convolution runs directly that has no way which is worth it; `None`: its windows are single pixels.
fn why_direct(p: &Planner, id: NodeId, conv: &Conv) -> Option<String> {
    let [outputs, inputs, kh, kw] = dims4(p, p.module.graph.operands(id)[1]);
    let times = transforms(p, id, conv).into_iter().map(|transform| time(p, id, Some(transform)));
    let (least, direct) = (times.reduce(f64::min), time(p, id, None));
    let why = match least {
        _ if (kh, kw) == (1, 1) => return None,
        _ if !p.target.winograd => "transforms are switched off".into(),
        _ if conv.groups > 1 => "its channels are in groups".into(),
        _ if is_too_long(p, id) => "its windows reach so far that it is computed element by element".into(),
        _ if inputs.min(outputs) < 2 * p.target.lanes => "it has few channels".into(),
        None => format!("there is no transform of {kh}x{kw} windows that move by {}", conv.stride.0),
        Some(least) if least >= direct => {
            format!(
                "the model says {:.0} us by the best transform, {:.0} directly",
                least / 1e3,
                direct / 1e3
            )
        }
        Some(_) => "its tiles would take more memory than the values do".into(),
    };
    Some(why)
}

/// Results of the tiles that so many taps along a dimension are computed by.
fn tiles(taps: usize, stride: usize) -> &'static [usize] {
    match (taps, stride) {
        (3, 1) => &[2, 4, 5],
        (3, 2) => &[3, 4],
        (5, 1) => &[2],
        (7, 1) => &[2, 4],
        _ => &[],
    }
}

/// The transforms that a convolution can run by, from small filters to large ones.
fn transforms(p: &Planner, id: NodeId, conv: &Conv) -> Vec<Transform> {
    let graph = &p.module.graph;
    let operands = graph.operands(id);
    let [outputs, inputs, kh, kw] = dims4(p, operands[1]);
    let fits = p.ty(id).dtype == DType::F32
        && graph[operands[1]].is_const()
        && conv.groups == 1
        && !is_too_long(p, id)
        && (conv.dilation.0, conv.dilation.1) == (1, 1)
        && inputs.min(outputs) >= 2 * p.target.lanes;
    let axes = |taps, stride| tiles(taps, stride).iter().map(move |&results| Axis { results, taps, stride });
    match ((kh, conv.stride.0), (kw, conv.stride.1)) {
        _ if !fits => Vec::new(),
        ((1, 1), (taps, stride)) => {
            axes(taps, stride).map(|columns| Transform { rows: Axis::ONE, columns }).collect()
        }
        ((taps, stride), (1, 1)) => {
            axes(taps, stride).map(|rows| Transform { rows, columns: Axis::ONE }).collect()
        }
        (rows, columns) if rows == columns && kh <= 5 => {
            axes(kh, conv.stride.0).map(|axis| Transform { rows: axis, columns: axis }).collect()
        }
        _ => Vec::new(),
    }
}

/// The ways to run each convolution that has a choice, by the name of its value: directly, then by transforms.
pub(super) fn choices(p: &Planner) -> BTreeMap<String, Vec<String>> {
    let graph = &p.module.graph;
    let ways = graph.order().iter().filter_map(|&id| {
        let Op::Conv(conv) = graph[id].op() else { return None };
        let transforms = transforms(p, id, conv);
        let ways = [DIRECT.to_string()].into_iter().chain(transforms.iter().map(Transform::to_string));
        (!transforms.is_empty()).then(|| (p.name(id), ways.collect()))
    });
    ways.collect()
}

/// Nanoseconds that a convolution takes by a transform, or directly: as they were measured, else by a model.
fn time(p: &Planner, id: NodeId, transform: Option<Transform>) -> f64 {
    let way = transform.map_or(DIRECT.to_string(), |transform| transform.to_string());
    if let Some(measured) = p.target.times.as_ref().and_then(|times| times.get(&p.name(id), &way)) {
        return measured;
    }
    let [outputs, inputs, kh, kw] = dims4(p, p.module.graph.operands(id)[1]);
    let [images, _, oh, ow] = dims4(p, id);
    // For one input channel and vector of outputs: two multiply-adds a cycle, or the weights from memory.
    let cycles = |products: usize, taps: usize| (products as f64 / 2.0).max(taps as f64 * READ);
    let cycles = match transform {
        None => cycles(images * oh * ow * kh * kw, kh * kw),
        Some(transform) => {
            let elements = transform.elements();
            let tiles = images * oh.div_ceil(transform.rows.results) * ow.div_ceil(transform.columns.results);
            TRANSFORMS * cycles(elements * tiles, elements)
        }
    };
    cycles * (inputs * outputs.div_ceil(p.target.lanes)) as f64 / GIGAHERTZ
}

/// The transforms of a convolution that are worth it, from small filters to large ones, each quicker than those
/// before.
fn ways(p: &Planner, live: &Live, id: NodeId, conv: &Conv) -> Vec<Upgrade> {
    let [outputs, inputs, kh, kw] = dims4(p, p.module.graph.operands(id)[1]);
    let [images, _, oh, ow] = dims4(p, id);
    let filters = (inputs * outputs) as u64;
    let direct = time(p, id, None);
    let mut least = direct;
    let mut taps = kh * kw;
    let mut ways = Vec::new();
    for transform in transforms(p, id, conv) {
        let elements = transform.elements();
        let Transform { rows, columns } = transform;
        let tiles = [images, oh.div_ceil(rows.results), ow.div_ceil(columns.results)];
        let memory = winograd_bytes(transform, [outputs, inputs], tiles);
        let bytes = elements * tiles.iter().product::<usize>() * 4 * (inputs.max(outputs) + p.target.lanes);
        let quicker = time(p, id, Some(transform));
        let worth = 2.0 * quicker < direct || has_room(p, live, id, memory);
        if worth && quicker < least && bytes < i32::MAX as usize {
            ways.push(Upgrade {
                node: id,
                transform,
                elements: elements as u64 * filters,
                replaced: (kh * kw) as u64 * filters,
                gain: (least - quicker) / ((elements - taps) as u64 * filters) as f64,
            });
            (least, taps) = (quicker, elements);
        }
    }
    ways
}

/// Whether there is memory for the tiles and the products of a convolution: those are written before its operand ends,
/// these before its result begins.
fn has_room(p: &Planner, live: &Live, id: NodeId, [tiles, products]: [u64; 2]) -> bool {
    let graph = &p.module.graph;
    let x = graph.operands(id)[0];
    let ending = if live.ends(x, id) { live::bytes(graph, x) } else { 0 };
    let result = live::bytes(graph, id).min(live.at(id));
    let others = (live.at(id) - result).saturating_sub(ending);
    let most = [ending + tiles, tiles + products, products + result].into_iter().max().unwrap_or(0);
    others + most <= live.peak.max(SMALL)
}
