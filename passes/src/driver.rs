//! The driver: applies the patches of each pass until its rule answers none, and reports.
//!
//! A sweep asks the rule about each node in order and applies its patches at once; nodes that thereby lose their last
//! reader go too. New nodes are put into their places at the end of the sweep, which keeps it linear in the size of
//! the graph.
//!
//! Refuses to carry on when a patch does not fit the graph or, asked to verify, when the graph is broken after a
//! pass: either is a bug of that pass.

use crate::patch::Outcome;
use crate::{AGAIN, Decline, PIPELINE, Pass, Patch, Rule, Value};
use cnnc_ir::ops::{Const, Init, Op};
use cnnc_ir::{Expr, Graph, Mismatch, Module, NodeId, verify};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

/// The most sweeps of one pass. Each rule takes something away, so it settles before; this bounds odd graphs.
const SWEEPS: usize = 16;

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct PassOptions {
    /// Names of passes to leave out.
    pub disable: Vec<String>,
    /// Whether denormal weights stay as they are.
    pub keep_denormals: bool,
    /// Whether to verify the module after each pass.
    pub verify: bool,
}

/// What the driver tells while it works: a pass has run.
#[derive(Debug)]
pub struct Event<'a> {
    /// The pass.
    pub pass: &'a Pass,
    /// The module after it.
    pub module: &'a Module,
    /// What it did.
    pub report: &'a PassReport,
}

/// What became of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub node: String,
    /// The operators that it was, `conv |> relu`.
    pub before: String,
    /// Those that it is; nothing if its readers read another value.
    pub after: Option<String>,
}

/// What one pass did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassReport {
    /// Its name.
    pub name: &'static str,
    /// Whether it changed anything.
    pub changed: bool,
    /// How long it took, without verification.
    pub time: Duration,
    /// How many nodes there were before and after.
    pub nodes: (usize, usize),
    /// What became of which node, in the order in which it happened.
    pub changes: Vec<Change>,
    /// The nodes that it left alone though they match, by name, and why.
    pub declines: Vec<(String, String)>,
    /// What it did, in words, where the graph does not show it.
    pub note: Option<String>,
}

/// What the passes did, in the order in which they ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// One entry for each pass that ran.
    pub passes: Vec<PassReport>,
}

/// Why the passes stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No pass has the name that was to be left out.
    Unknown(String),
    /// A pass broke the graph: a bug in cnnc.
    Broken {
        /// The pass.
        pass: &'static str,
        /// The rule that no longer holds.
        mismatch: Mismatch,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unknown(name) => {
                let known: Vec<&str> = PIPELINE.iter().map(|pass| pass.name).collect();
                write!(f, "no pass is called {name}; there are {}", known.join(", "))
            }
            Failure::Broken { pass, mismatch } => {
                write!(f, "the pass {pass} broke the graph: {mismatch}; this is a bug in cnnc")
            }
        }
    }
}

impl std::error::Error for Failure {}

/// Runs the pipeline.
pub fn run(
    module: &mut Module,
    options: &PassOptions,
    trace: &mut dyn FnMut(Event<'_>),
) -> Result<Report, Failure> {
    if let Some(name) = options.disable.iter().find(|name| crate::find(name).is_none()) {
        return Err(Failure::Unknown(name.clone()));
    }
    let skipped = |pass: &Pass| {
        options.disable.iter().any(|name| name == pass.name)
            || (options.keep_denormals && pass.name == "flush-denormals")
    };
    run_passes(module, PIPELINE.iter().filter(|pass| !skipped(pass)), options.verify, trace)
}

/// Runs these passes, some of them again where a later one made work for them: then there is a further report of each
/// that did something.
pub fn run_passes<'a>(
    module: &mut Module,
    passes: impl IntoIterator<Item = &'a Pass>,
    verify: bool,
    trace: &mut dyn FnMut(Event<'_>),
) -> Result<Report, Failure> {
    let passes: Vec<&Pass> = passes.into_iter().collect();
    let place = |name: &str| passes.iter().position(|pass| pass.name == name);
    let mut report = Report::default();
    // How often passes may still run again, and up to which place they do.
    let (mut left, mut again) = (SWEEPS, 0);
    let mut next = 0;
    while let Some(&pass) = passes.get(next) {
        let broken = |mismatch| Failure::Broken { pass: pass.name, mismatch };
        let done = run_pass(module, pass).map_err(broken)?;
        if verify {
            verify::verify(module).map_err(broken)?;
        }
        let back =
            AGAIN.iter().find(|(later, _)| *later == pass.name).and_then(|(_, earlier)| place(earlier));
        let is_first = next >= again;
        (next, again) = match back {
            Some(earlier) if done.changed && left > 0 && earlier < next => {
                left -= 1;
                (earlier, again.max(next + 1))
            }
            _ => (next + 1, again),
        };
        if is_first || done.changed {
            trace(Event { pass, module, report: &done });
            report.passes.push(done);
        }
    }
    Ok(report)
}

fn run_pass(module: &mut Module, pass: &Pass) -> Result<PassReport, Mismatch> {
    let start = Instant::now();
    let before = module.graph.order().len();
    let (mut changed, mut changes, mut declines, mut note) = (false, Vec::new(), Vec::new(), None);
    for _ in 0..SWEEPS {
        let mut sweep = Sweep::new(module);
        declines = match pass.rule {
            Rule::Node(rule) => sweep.ask(rule)?,
            Rule::Graph(rule) => {
                let edits = rule(sweep.module);
                note = note.or(edits.note);
                sweep.edit(edits.patches, edits.dead)?;
                edits.declines
            }
        };
        changes.append(&mut sweep.changes);
        if !sweep.finish()? {
            break;
        }
        changed = true;
    }
    let graph = &module.graph;
    declines.retain(|(id, _)| graph.contains(*id));
    // Of two places that a node may go to, one is enough.
    let changed_names: HashSet<&str> = changes.iter().map(|change| change.node.as_str()).collect();
    declines.retain(|(id, _)| !changed_names.contains(graph[*id].name().as_str()));
    Ok(PassReport {
        name: pass.name,
        changed,
        time: start.elapsed(),
        nodes: (before, graph.order().len()),
        changes,
        declines: declines.into_iter().map(|(id, why)| (graph[id].name().to_string(), why)).collect(),
        note,
    })
}

/// The operators of a node and its pipe.
fn operators(graph: &Graph, id: NodeId) -> String {
    let node = &graph[id];
    let ops: Vec<&str> = [node.op()].into_iter().chain(node.stages()).map(Op::name).collect();
    ops.join(" |> ")
}

/// One walk over the graph, and what waits for its end.
struct Sweep<'m> {
    module: &'m mut Module,
    /// The order at its start. Nodes added since stand behind all others until it ends.
    order: Vec<NodeId>,
    /// Which of them belong in front of which node.
    fronts: HashMap<NodeId, Vec<NodeId>>,
    dead: HashSet<NodeId>,
    /// What stands for which node from the next [`Sweep::settle`] on.
    replaced: Vec<(NodeId, NodeId)>,
    /// What was read by nodes that have changed.
    unread: Vec<NodeId>,
    changes: Vec<Change>,
    changed: bool,
}

impl<'m> Sweep<'m> {
    fn new(module: &'m mut Module) -> Sweep<'m> {
        let order = module.graph.order().to_vec();
        Sweep {
            module,
            order,
            fronts: HashMap::new(),
            dead: HashSet::new(),
            replaced: Vec::new(),
            unread: Vec::new(),
            changes: Vec::new(),
            changed: false,
        }
    }

    /// Asks a rule about every node and does what it answers.
    fn ask(
        &mut self,
        rule: fn(&Module, NodeId) -> Result<Patch, Decline>,
    ) -> Result<Vec<(NodeId, String)>, Mismatch> {
        let mut declines = Vec::new();
        for id in self.order.clone() {
            if self.dead.contains(&id) {
                continue;
            }
            match rule(self.module, id) {
                Ok(patch) => {
                    self.apply(id, patch)?;
                    self.settle()?;
                }
                Err(Decline::NoMatch) => {}
                Err(Decline::Because(why)) => declines.push((id, why)),
            }
        }
        Ok(declines)
    }

    /// Does what a rule for the whole graph answered.
    fn edit(&mut self, patches: Vec<(NodeId, Patch)>, dead: Vec<NodeId>) -> Result<(), Mismatch> {
        for (id, patch) in patches {
            self.apply(id, patch)?;
        }
        self.settle()?;
        self.changed |= !dead.is_empty();
        self.dead.extend(dead);
        Ok(())
    }

    fn apply(&mut self, id: NodeId, patch: Patch) -> Result<(), Mismatch> {
        self.changed = true;
        let graph = &mut self.module.graph;
        let name = graph[id].name().clone();
        let before = operators(graph, id);
        let goes = matches!(patch.outcome, Outcome::Value(_));
        self.unread.extend(graph.operands(id));
        let mut new = Vec::new();
        let bind = |expr: &Expr<Value>, new: &[NodeId]| {
            expr.map(|value| match value {
                Value::Old(id) => Ok(*id),
                Value::New(place) => new.get(*place).copied().ok_or_else(|| {
                    Mismatch(format!("the patch of %{name} reads its new node {place}, of {}", new.len()))
                }),
            })
        };
        for (suffix, expr) in &patch.new.0 {
            let expr = bind(expr, &new)?;
            let name = graph.fresh_name(&format!("{name}.{suffix}"));
            new.push(graph.add(name.as_str(), expr)?);
        }
        match patch.outcome {
            Outcome::Expr(expr) => graph.set(id, bind(&expr, &new)?)?,
            Outcome::Constant(tensor) => self.module.set_constant(id, tensor)?,
            Outcome::Value(value) => {
                self.replaced.push((id, value));
                self.unread.push(id);
            }
        }
        let after = (!goes).then(|| operators(&self.module.graph, id));
        self.changes.push(Change { node: name.to_string(), before, after });
        self.fronts.entry(id).or_default().extend(new);
        Ok(())
    }

    /// Lets readers read what stands for replaced nodes, and marks as dead the nodes that lost their last reader. A
    /// dead node lets go of its operands at once: it must not count as their reader for the rest of the sweep.
    ///
    /// Does so for many patches together, and the last first: one by one takes as long as a value has readers.
    fn settle(&mut self) -> Result<(), Mismatch> {
        let graph = &mut self.module.graph;
        graph.replace_uses(&std::mem::take(&mut self.replaced))?;
        while let Some(id) = self.unread.pop() {
            let needed = graph.readers(id).next().is_some() || graph.is_output(id);
            if needed || matches!(graph[id].op(), Op::Input(_)) || !self.dead.insert(id) {
                continue;
            }
            self.unread.extend(graph.operands(id));
            let nothing = Const { ty: graph.ty(id).clone(), init: Init::Splat(0.0) };
            graph.set(id, Expr::new(nothing, vec![]))?;
        }
        Ok(())
    }

    /// Puts new nodes in their places and removes the dead; whether the graph changed.
    fn finish(self) -> Result<bool, Mismatch> {
        let Sweep { module, order, mut fronts, dead, changed, .. } = self;
        if changed {
            let in_place = order.into_iter().flat_map(|id| {
                let front = fronts.remove(&id).unwrap_or_default();
                front.into_iter().chain([id])
            });
            module.graph.reorder(in_place.collect())?;
            module.retain(|id| !dead.contains(&id));
        }
        Ok(changed)
    }
}
