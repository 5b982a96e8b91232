//! Which plan: the quick one, or a search for one that takes less memory.
//!
//! ```text
//! speed       what is quickest, layer by layer
//! balanced    the same, but a value that comes from memory is a ring where that costs no time worth the name
//! memory      from the balanced plan on: the step with the most live bytes, what could make it less, the best of that
//! ```
//!
//! Less memory is less workspace: the arena, and the scratch of one thread. A step takes less when a value that is
//! alive there is a ring of a few rows (see [`groups`](super::groups)), when a convolution runs by rows of tiles or
//! directly. Each candidate is lowered as a whole and its live bytes are counted, so that what a
//! choice entails elsewhere is seen. When nothing helps any more, layers that need most scratch run directly as long as
//! that takes less. The search also ends when a plan fits or its work is done; choices that did not lower the workspace
//! are undone. INVARIANT: the same module gives the same plan: the work is counted in nodes, never in time.

use super::arena::Scratch;
use super::program::Space;
use super::{Constants, Draft, PlanError, Program, draft};
use crate::target::Target;
use cnnc_ir::{Module, NodeId, Op};
use std::collections::HashSet;

/// Nodes that a search may lower.
const WORK: usize = 100_000;

/// Values that may become rings together.
const LINKS: usize = 3;

/// What a plan is to be good at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// The least time.
    Speed,
    /// The least time, but for memory that costs next to none.
    #[default]
    Balanced,
    /// The least memory.
    Memory,
}

impl Goal {
    /// Every goal.
    pub const ALL: [Goal; 3] = [Goal::Balanced, Goal::Memory, Goal::Speed];

    /// Its word on the command line and in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Goal::Speed => "speed",
            Goal::Balanced => "balanced",
            Goal::Memory => "memory",
        }
    }
}

/// What is chosen against the rules, to save memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Choices {
    /// Values that are rings wherever they can be.
    pub rings: HashSet<NodeId>,
    /// Convolutions that run by rows of tiles.
    pub rows: HashSet<NodeId>,
    /// Convolutions that are not transformed.
    pub direct: HashSet<NodeId>,
}

/// The program that takes the least memory, or the first that fits.
pub(super) fn plan(
    module: &Module,
    target: &Target,
    fits: Option<&dyn Fn(&Program) -> bool>,
) -> Result<Program, Vec<PlanError>> {
    Search { module, constants: Constants::of(module), target, fits, left: WORK }.run()
}

/// Live bytes at the worst steps.
#[derive(Clone, Copy)]
struct Peak {
    bytes: u64,
    /// How many steps have as many.
    steps: usize,
    /// The first of them.
    first: usize,
}

impl Peak {
    fn of(program: &Program) -> Peak {
        let live = program.live_bytes();
        let bytes = live.iter().copied().max().unwrap_or(0);
        let at = |&(_, &b): &(usize, &u64)| b == bytes;
        let first = live.iter().enumerate().find(at).map_or(0, |(step, _)| step);
        Peak { bytes, steps: live.iter().filter(|&&b| b == bytes).count(), first }
    }
}

/// Bytes of workspace that a run on one thread takes at least.
fn workspace(program: &Program) -> u64 {
    Peak::of(program).bytes + program.most_scratch().map_or(0, |scratch| scratch.bytes)
}

/// Choices on the way to less memory, and what they come to.
struct Step {
    peak: Peak,
    choices: Choices,
    draft: Draft,
}

/// A search for the least memory.
struct Search<'a> {
    module: &'a Module,
    constants: Constants<'a>,
    target: &'a Target,
    /// Whether a finished plan takes little enough; `None`: none does.
    fits: Option<&'a dyn Fn(&Program) -> bool>,
    /// Nodes that may still be lowered.
    left: usize,
}

impl Search<'_> {
    /// The best program from that without choices on.
    fn run(mut self) -> Result<Program, Vec<PlanError>> {
        let first = draft(&self.constants, self.target, &Choices::default())?;
        let mut best = (workspace(&first.program), Choices::default());
        let mut now = Step { peak: Peak::of(&first.program), choices: Choices::default(), draft: first };
        let mut is_climbing = true;
        while !self.is_enough(&now.draft) {
            let next = match is_climbing {
                true => self.step(&now.draft, &now.peak, &now.choices)?,
                false => self.directly(&now)?,
            };
            match next {
                Some(next) => now = next,
                // What came after the best only cost time.
                None if is_climbing => {
                    is_climbing = false;
                    let draft = draft(&self.constants, self.target, &best.1)?;
                    now = Step { peak: Peak::of(&draft.program), choices: best.1.clone(), draft };
                }
                None => break,
            }
            let taken = workspace(&now.draft.program);
            if taken < best.0 {
                best = (taken, now.choices.clone());
            }
        }
        draft(&self.constants, self.target, &best.1).map(|draft| draft.program)
    }

    /// Whether the plan of a draft fits.
    fn is_enough(&self, draft: &Draft) -> bool {
        self.fits.is_some_and(|fits| fits(&super::finish(draft.program.clone(), self.target)))
    }

    /// The best choices with which one more layer of a step that needs most scratch memory runs directly, if they take
    /// less, or leave fewer such steps.
    fn directly(&mut self, now: &Step) -> Result<Option<Step>, Vec<PlanError>> {
        let graph = &self.module.graph;
        let program = &now.draft.program;
        let Some(Scratch { first, .. }) = program.most_scratch() else { return Ok(None) };
        let names: HashSet<&str> = program.steps[first].members().iter().map(|m| &*m.name).collect();
        let is_there =
            |id: &NodeId| now.draft.transforms.contains_key(id) && names.contains(graph[*id].name().as_str());
        let rank = |program: &Program| (workspace(program), program.most_scratch().map_or(0, |s| s.steps));
        let mut best: Option<((u64, usize), Step)> = None;
        for id in graph.order().iter().copied().filter(is_there) {
            let Some(left) = self.left.checked_sub(graph.order().len()) else { break };
            self.left = left;
            let mut choices = now.choices.clone();
            choices.direct.insert(id);
            let draft = draft(&self.constants, self.target, &choices)?;
            let reached = rank(&draft.program);
            if reached < best.as_ref().map_or(rank(program), |(least, _)| *least) {
                best = Some((reached, Step { peak: Peak::of(&draft.program), choices, draft }));
            }
        }
        Ok(best.map(|(_, step)| step))
    }

    /// The best of the candidates that lower a peak: of equals the one that costs least time, and the first.
    fn step(&mut self, now: &Draft, peak: &Peak, choices: &Choices) -> Result<Option<Step>, Vec<PlanError>> {
        let mut best: Option<((u64, usize, u64), Step)> = None;
        for choices in self.candidates(now, peak, choices) {
            let Some(left) = self.left.checked_sub(self.module.graph.order().len()) else { break };
            self.left = left;
            let draft = draft(&self.constants, self.target, &choices)?;
            let reached = Peak::of(&draft.program);
            let rank = (reached.bytes, reached.steps, self.price(&choices));
            let is_lower = (reached.bytes, reached.steps) < (peak.bytes, peak.steps);
            if is_lower && best.as_ref().is_none_or(|(least, _)| rank < *least) {
                best = Some((rank, Step { peak: reached, choices, draft }));
            }
        }
        Ok(best.map(|(_, step)| step))
    }

    /// Multiply-adds that are no longer transformed.
    fn price(&self, choices: &Choices) -> u64 {
        choices.direct.iter().map(|&id| self.module.graph.cost(id).macs).sum()
    }

    /// The choices that could make the worst step take less.
    fn candidates(&self, now: &Draft, peak: &Peak, choices: &Choices) -> Vec<Choices> {
        let graph = &self.module.graph;
        let Draft { program, homes, transforms } = now;
        let Some(worst) = program.steps.get(peak.first) else { return Vec::new() };
        let lives = program.lives();
        let alive = |buffer: usize| {
            program.buffers[buffer].space == Space::Arena
                && lives[buffer].is_some_and(|(first, last)| (first..=last).contains(&peak.first))
        };
        let is_tiled = |id: NodeId| transforms.contains_key(&id);
        let with = |choices: &Choices, set: fn(&mut Choices) -> &mut HashSet<NodeId>, id: NodeId| {
            let mut choices = choices.clone();
            set(&mut choices).insert(id);
            choices
        };
        // The ways to run a layer: as it does, where that is not by all tiles at once; by rows of tiles; directly.
        let ways = |choices: &Choices, id: NodeId| match is_tiled(id) {
            true => vec![with(choices, |c| &mut c.rows, id), with(choices, |c| &mut c.direct, id)],
            false => vec![choices.clone()],
        };
        let mut all = Vec::new();
        for &id in graph.order() {
            if graph[id].name().as_str() == &*worst.name && is_tiled(id) {
                all.extend(ways(choices, id));
            }
            let is_there = homes.get(&id).is_some_and(|home| alive(home.place.buffer.0 as usize));
            let Some(reader) = graph.only_reader(id).filter(|_| is_there) else { continue };
            if !is_by_rows(graph[reader].op()) {
                continue;
            }
            // Alone, and with what comes before it: one ring moves the peak into the next value of a bottleneck.
            let mut joined = choices.clone();
            for value in self.chain(id).take(LINKS) {
                joined.rings.insert(value);
                if is_tiled(value) {
                    joined.direct.insert(value);
                }
                all.extend(ways(&joined, reader));
            }
        }
        all
    }

    /// A value and the convolutions, pools and element-wise nodes before it that nobody else reads.
    fn chain(&self, value: NodeId) -> impl Iterator<Item = NodeId> {
        let graph = &self.module.graph;
        std::iter::successors(Some(value), move |&value| {
            let before = *graph.operands(value).first()?;
            (is_by_rows(graph[before].op()) && graph.only_reader(before) == Some(value)).then_some(before)
        })
    }
}

/// Whether rows of the result see a few rows of the operand.
fn is_by_rows(op: &Op) -> bool {
    matches!(op, Op::Conv(_) | Op::MaxPool(_) | Op::AvgPool(_)) || op.is_elementwise()
}
