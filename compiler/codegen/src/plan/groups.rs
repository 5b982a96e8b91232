//! Groups: chains of layers that run row block by row block, so that what lies between them stays in cache.
//!
//! ```text
//! conv -> max_pool                     one step: for each block of pool rows, the conv rows that it sees
//! conv 1x1 -> depthwise -> conv 1x1    likewise; the wide values in the middle are rings of a few rows
//! ```
//!
//! A value can be a ring when its only reader is the next layer, which reads it through a window over rows, and both
//! are computed row by row in channel blocks. Whether it should be one is a matter of caches: a value that stays in
//! the second level anyway gains nothing, and weights that do not would be read again for every block. This is
//! decided before lowering; lowering a member differs only in the distances of its rows.
//!
//! INVARIANT: all operands of a group but its rings are computed before it starts.

use super::Planner;
use super::lower::{self, Reach};
use cnnc_ir::{NodeId, Op};
use std::collections::{HashMap, HashSet};

/// Bytes of a value that does not stay in the second cache level.
const LARGE: usize = 1 << 20;

/// Bytes that the rings of a group may take together: half of the second cache level.
const RINGS: u64 = 512 << 10;

/// Bytes of weights of one layer that are read for every block: they share the second cache level with the rings.
const WEIGHTS: usize = 256 << 10;

/// Blocks that an image is cut into at least, so that threads have something to share.
const BLOCKS: u64 = 8;

/// Multiply-adds of a block at least: many times what starting a nest costs.
const BLOCK_WORK: u64 = 1 << 18;

/// The groups of a graph.
#[derive(Default)]
pub(super) struct Groups {
    /// Rows of the ring of each value that is one.
    pub rings: HashMap<NodeId, u64>,
    /// The groups, by their last member.
    pub ends: HashMap<NodeId, Members>,
}

/// A group that is to be.
pub(super) struct Members {
    /// The nodes, in order; all but the last are rings.
    pub nodes: Vec<NodeId>,
    /// Result rows of a block.
    pub block: u64,
}

/// Chooses the groups, from the first node to the last.
pub(super) fn choose(p: &Planner) -> Groups {
    let graph = &p.module.graph;
    let mut groups = Groups::default();
    let mut taken: HashSet<NodeId> = HashSet::new();
    for &id in graph.order() {
        if taken.contains(&id) {
            continue;
        }
        let mut chain = vec![Link { node: id, reach: Reach::default() }];
        let mut best = None;
        while let Some(link) = next(p, &chain[chain.len() - 1]) {
            chain.push(link);
            match cut(p, &chain) {
                Some(cut) => best = Some((chain.iter().map(|l| l.node).collect::<Vec<_>>(), cut)),
                None => break,
            }
        }
        let Some((nodes, Cut { block, rings })) = best else { continue };
        taken.extend(&nodes);
        groups.rings.extend(nodes.iter().copied().zip(rings));
        let last = nodes[nodes.len() - 1];
        groups.ends.insert(last, Members { nodes, block });
    }
    groups
}

/// A node of a chain, and the rows of the node before that it sees.
struct Link {
    node: NodeId,
    reach: Reach,
}

/// The layer behind a link, when what lies between them can and should be a ring.
fn next(p: &Planner, link: &Link) -> Option<Link> {
    let graph = &p.module.graph;
    let value = link.node;
    let reader = graph.only_reader(value)?;
    lower::reach(p, value)?;
    let reach = lower::reach(p, reader)?;
    let image = p.ty(value).bytes() / p.ty(value).dims()[0].max(1);
    let is_first = graph.operands(reader)[0] == value;
    (is_first && image > LARGE && is_inner(p, value)).then_some(Link { node: reader, reach })
}

/// Whether a value can lie in a ring: its pipe reads no value of its own shape, which would be whole.
fn is_inner(p: &Planner, value: NodeId) -> bool {
    let operands = p.module.graph.expr(value).stages.into_iter().flat_map(|stage| stage.operands);
    operands.into_iter().all(|o| p.ty(o).shape != p.ty(value).shape)
}

/// How many blocks there are instead of `least`: so many that the usual numbers of threads have equal shares.
pub(super) fn shares(least: u64, rows: u64) -> u64 {
    [8, 4, 2].map(|threads| least.next_multiple_of(threads)).into_iter().find(|&n| n <= rows).unwrap_or(least)
}

/// How a chain is cut into blocks.
struct Cut {
    /// Result rows of a block.
    block: u64,
    /// Rows of the rings of all members but the last.
    rings: Vec<u64>,
}

/// The cut of a chain, if it has one that is worth it.
fn cut(p: &Planner, chain: &[Link]) -> Option<Cut> {
    let graph = &p.module.graph;
    let weights = |l: &Link| match graph[l.node].op() {
        Op::Conv(_) => p.ty(graph.operands(l.node)[1]).bytes(),
        _ => 0,
    };
    if chain.iter().any(|l| weights(l) > WEIGHTS) {
        return None;
    }
    let rows = |l: &Link| p.ty(l.node).dims()[2] as u64;
    let most = rows(&chain[chain.len() - 1]) / BLOCKS;
    let work: u64 = chain.iter().map(|l| graph.cost(l.node).macs).sum();
    let fits = |cut: &Cut| {
        let bytes = chain.iter().zip(&cut.rings).map(|(l, ring)| ring * row_bytes(p, l.node));
        bytes.sum::<u64>() <= RINGS
    };
    // Twice the block halves the share of what is computed again, and of starting nests.
    let blocks = std::iter::successors(Some(1), |block| Some(block * 2)).take_while(|&block| block <= most);
    let cuts = blocks.map(|block| Cut { block, rings: rings(chain, block, rows) });
    let last = &chain[chain.len() - 1];
    let work_of_row = work / (rows(last) * p.ty(last.node).dims()[0] as u64).max(1);
    cuts.take_while(fits).last().filter(|cut| work_of_row * cut.block >= BLOCK_WORK)
}

/// The rows that each ring must hold at once: those that one block of the next member sees, from the last on back.
fn rings(chain: &[Link], block: u64, rows: impl Fn(&Link) -> u64) -> Vec<u64> {
    let mut needed = block;
    let mut rings: Vec<u64> = (1..chain.len())
        .rev()
        .map(|i| {
            let Reach { stride, kernel, dilation } = chain[i].reach;
            needed = ((needed - 1) * stride + (kernel - 1) * dilation + 1).min(rows(&chain[i - 1]));
            needed
        })
        .collect();
    rings.reverse();
    rings
}

/// Bytes of a row of all channel blocks.
fn row_bytes(p: &Planner, id: NodeId) -> u64 {
    let dims = p.ty(id).dims();
    (4 * dims[1].next_multiple_of(p.target.lanes) * dims[3]) as u64
}
