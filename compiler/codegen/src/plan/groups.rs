//! Groups: chains of layers that run row block by row block, so that what lies between them stays in cache.
//!
//! ```text
//! conv -> max_pool                     one step: for each block of pool rows, the conv rows that it sees
//! conv 1x1 -> depthwise -> conv 1x1    likewise; the wide values in the middle are rings of a few rows
//! conv -> conv by tiles                for each block of rows of tiles; with tiles and products, four nests
//! batch norm and relu -> conv          likewise; only to save memory
//! cast -> conv                         likewise; a picture's bytes are normalised as they are loaded
//! ```
//!
//! A value can be a ring when its only reader is the next layer, which reads it through a window over rows, and both
//! are computed row by row in channel blocks. Whether it should be one is a matter of caches: a value that stays in
//! the second level anyway gains nothing, and weights that do not would be read again for every block; or it was
//! [chosen](super::search) to be one, to save memory. This is decided before lowering; lowering a member differs only
//! in the distances of its rows. When the last member is lowered, the steps of them all become one.
//!
//! INVARIANT: all operands of a group but its rings are computed before it starts.

use super::Planner;
use super::decisions::Topic;
use super::lower::{self, ByRows, Reach};
use super::planner::Made;
use super::program::{BufferId, Group, Member, Step, Work};
use super::search::Goal;
use cnnc_ir::{NodeId, Op};
use std::collections::{HashMap, HashSet};

/// Bytes of a value that does not stay in the second cache level.
const LARGE: usize = 1 << 20;

/// Bytes of a value that does not stay in the third: before tiles, which read each row once and a half.
const HUGE: usize = 4 << 20;

/// Bytes that the rings of a group may take together: half of the second cache level.
const RINGS: u64 = 512 << 10;

/// Bytes that they may take where memory counts: with tiles and products, a thread stays below 4 MiB.
const MOST_RINGS: u64 = 2 << 20;

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
    /// Rows of a block.
    pub block: u64,
    /// Result rows, or rows of tiles where the last node runs by them.
    pub rows: u64,
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
        let mut chain = vec![Link::first(p, id)];
        // Tiles alone are a group.
        let mut best = chain[0].block.map(|block| (1, Cut { block, rings: Vec::new() }));
        let alone = loop {
            let value = chain[chain.len() - 1].node;
            let why = match next(p, &chain[chain.len() - 1]) {
                Ok(link) => {
                    chain.push(link);
                    match cut(p, &chain) {
                        Ok(cut) => {
                            best = Some((chain.len(), cut));
                            continue;
                        }
                        Err(why) => Some(why),
                    }
                }
                Err(why) => why,
            };
            break why.map(|why| (value, why));
        };
        if let Some((value, why)) = alone {
            p.decisions.left(Topic::Groups, p.name(value), why);
        }
        let Some((count, Cut { block, rings })) = best else { continue };
        let nodes: Vec<NodeId> = chain[..count].iter().map(|link| link.node).collect();
        taken.extend(&nodes);
        groups.rings.extend(nodes.iter().copied().zip(rings));
        let last = &chain[count - 1];
        groups.ends.insert(last.node, Members { nodes, block, rows: last.rows });
    }
    groups
}

/// A node of a chain.
struct Link {
    node: NodeId,
    /// The rows of the node before that one of its rows sees.
    reach: Reach,
    /// Its rows, or rows of tiles.
    rows: u64,
    /// Rows of a block, where the node says how many: that by tiles.
    block: Option<u64>,
}

impl Link {
    /// The first node of a chain: what it sees does not matter.
    fn first(p: &Planner, node: NodeId) -> Link {
        let rows = p.ty(node).dims().get(2).map_or(1, |&rows| rows as u64);
        let plain = Link { node, reach: Reach::default(), rows, block: None };
        Link::tiled(p, node).unwrap_or(plain)
    }

    /// A node that runs by rows of tiles.
    fn tiled(p: &Planner, node: NodeId) -> Option<Link> {
        let ByRows { rows, block, reach } = lower::by_rows(p, node)?;
        Some(Link { node, reach, rows, block: Some(block) })
    }
}

/// The layer behind a link, when what lies between them can and should be a ring; else why it should not, where it
/// could.
fn next(p: &Planner, link: &Link) -> Result<Link, Option<&'static str>> {
    let graph = &p.module.graph;
    let value = link.node;
    let reader = graph.only_reader(value).filter(|&reader| graph.operands(reader)[0] == value).ok_or(None)?;
    lower::reach(p, value).ok_or(None)?;
    let tiled = Link::tiled(p, reader).filter(|_| lower::takes_pipe(p, reader));
    let next = match tiled {
        Some(link) => link,
        None => Link { reach: lower::reach(p, reader).ok_or(None)?, ..Link::first(p, reader) },
    };
    let image = p.ty(value).bytes() / p.ty(value).dims()[0].max(1);
    let unwanted = match next.block {
        _ if p.choices.rings.contains(&value) => None,
        // What a picture goes through is done while it is loaded.
        _ if lower::is_picture(p, value) => None,
        // A product by rows is slower by more than it costs to write what comes before it and to read it again.
        _ if graph[value].op().is_elementwise() => Some("the convolution behind it is quicker whole"),
        Some(_) if p.target.goal == Goal::Speed => Some("the tiles behind it are quicker whole"),
        Some(_) => (image <= HUGE).then_some("it stays in the third cache level"),
        None => (image <= LARGE).then_some("it stays in the second cache level"),
    };
    match unwanted {
        Some(why) => Err(Some(why)),
        None if !is_inner(p, value) => Err(Some("it is made with another value of its shape, all of it")),
        None => Ok(next),
    }
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
    /// Rows of a block.
    block: u64,
    /// Rows of the rings of all members but the last.
    rings: Vec<u64>,
}

/// The cut of a chain, if it has one that is worth it, else why not.
fn cut(p: &Planner, chain: &[Link]) -> Result<Cut, &'static str> {
    let too_wide = "its rows take too much cache";
    let graph = &p.module.graph;
    let last = &chain[chain.len() - 1];
    let bytes = |cut: &Cut| -> u64 {
        chain.iter().zip(&cut.rings).map(|(l, ring)| ring * row_bytes(p, l.node)).sum()
    };
    let cut = |block: u64| Cut { block, rings: rings(chain, block) };
    // By tiles, filters are read for every block anyway.
    let weights = |l: &Link| match graph[l.node].op() {
        Op::Conv(_) if l.block.is_none() => p.ty(graph.operands(l.node)[1]).bytes(),
        _ => 0,
    };
    let are_weights_small = chain.iter().all(|l| weights(l) <= WEIGHTS);
    // Twice the block halves the share of what is computed again, and of starting nests.
    let blocks = |most: u64| std::iter::successors(Some(1), |b| Some(b * 2)).take_while(move |&b| b <= most);
    if chain.iter().any(|l| p.choices.rings.contains(&l.node)) {
        // Weights that do not stay in cache want few blocks.
        let most = if are_weights_small { RINGS } else { MOST_RINGS };
        let smallest = cut(last.block.unwrap_or(1));
        let larger = blocks(if last.block.is_some() { 0 } else { last.rows.div_ceil(2) }).map(cut);
        let best = larger.take_while(|cut| bytes(cut) <= most).last().unwrap_or(smallest);
        return if bytes(&best) <= MOST_RINGS { Ok(best) } else { Err(too_wide) };
    }
    let fits = |cut: &Cut| bytes(cut) <= RINGS;
    if !are_weights_small {
        return Err("weights that do not stay in cache would be read for every block");
    }
    if let Some(block) = last.block {
        return Some(cut(block)).filter(fits).ok_or(too_wide);
    }
    let work: u64 = chain.iter().map(|l| graph.cost(l.node).macs).sum();
    let work_of_row = work / (last.rows * p.ty(last.node).dims()[0] as u64).max(1);
    let cuts = blocks(last.rows / BLOCKS).map(cut);
    let best = cuts.take_while(fits).last().ok_or(too_wide)?;
    let is_worth_it = work_of_row * best.block >= BLOCK_WORK;
    if is_worth_it { Ok(best) } else { Err("its blocks would be too little work") }
}

/// The rows that each ring must hold at once: those that one block of the next member sees, from the last on back.
fn rings(chain: &[Link], block: u64) -> Vec<u64> {
    let mut needed = block;
    let mut rings: Vec<u64> = (1..chain.len())
        .rev()
        .map(|i| {
            let Reach { stride, kernel, dilation } = chain[i].reach;
            needed = ((needed - 1) * stride + (kernel - 1) * dilation + 1).min(chain[i - 1].rows);
            needed
        })
        .collect();
    rings.reverse();
    rings
}

/// Bytes of a row of all channel blocks; of all planes of a picture.
fn row_bytes(p: &Planner, id: NodeId) -> u64 {
    let dims = p.ty(id).dims();
    let lanes = if lower::is_picture(p, id) { 1 } else { p.target.lanes };
    (4 * dims[1].next_multiple_of(lanes) * dims[3]) as u64
}

impl Planner<'_> {
    /// Whether an earlier member of the group that ends with a node reads a buffer: its rows are still wanted when
    /// the first of the result are written.
    pub(super) fn is_read_in_group(&self, buffer: BufferId, last: NodeId) -> bool {
        let nodes = self.groups.get(&last).map_or(&[][..], |group| &group.nodes);
        let mut read = nodes.iter().filter(|&&n| n != last).flat_map(|&n| self.module.graph.operands(n));
        read.any(|o| self.homes.get(&o).is_some_and(|home| home.place.buffer == buffer))
    }

    /// Makes one step of all steps of the group that ends with a node, if there is one and it still stands.
    pub(super) fn close(&mut self, last: NodeId) -> Result<(), String> {
        let Some(Members { nodes, block, rows }) = self.groups.remove(&last) else { return Ok(()) };
        let graph = &self.module.graph;
        // What else is made while a member is lowered has another name, and may have that of another member; what only
        // moves elements may have any.
        let is_member = |step: &Step, made: &Made| {
            let is_named = |node: NodeId| nodes.contains(&node) && graph[node].name().as_str() == step.name;
            step.op != lower::REORDER && made.node.is_some_and(is_named)
        };
        let first = self.steps.iter().zip(&self.made).position(|(step, made)| is_member(step, made));
        let first = first.ok_or("a member of a group was not computed")?;
        // The steps of the members go to the end, in order.
        let steps = self.steps.drain(first..).zip(self.made.drain(first..));
        let (members, others): (Vec<_>, Vec<_>) = steps.partition(|(step, made)| is_member(step, made));
        let count = members.len();
        for (step, made) in others.into_iter().chain(members) {
            self.steps.push(step);
            self.made.push(made);
        }
        self.group(last, count, block, rows)
    }

    /// Makes one step, named after a node, of the last `count` steps: of the `rows` rows of each image, blocks of at
    /// most `block` rows.
    fn group(&mut self, last: NodeId, count: usize, block: u64, rows: u64) -> Result<(), String> {
        let first = self.steps.len().checked_sub(count).ok_or("the members of a group were not computed")?;
        let mut members = Vec::new();
        let mut macs = 0;
        for (step, made) in self.steps.drain(first..).zip(self.made.drain(first..)) {
            let Work::Nests(calls) = step.work else { return Err("a group inside a group".into()) };
            let window = if members.is_empty() { None } else { calls.first().map(|c| c.rows()) };
            macs += step.macs;
            let Step { name, op, algorithm, macs, .. } = step;
            members.push(Member { name, op, algorithm, macs, calls, window, result: made.result });
        }
        let blocks = shares(rows.div_ceil(block), rows);
        let group = Group { images: self.ty(last).dims()[0] as u64, rows, blocks, members };
        let op = group.members.iter().map(|m| m.op.as_str()).collect::<Vec<_>>().join(" > ");
        let algorithm = format!("{} blocks of {} rows", group.images * blocks, group.most_rows());
        self.decisions.did(Topic::Groups, self.name(last), format!("{op} in {algorithm}"));
        let result = group.members.last().map(|member| member.result);
        self.made.extend(result.map(|result| Made { result, node: Some(last) }));
        self.steps.push(Step { name: self.name(last), op, algorithm, work: Work::Group(group), macs });
        Ok(())
    }
}
