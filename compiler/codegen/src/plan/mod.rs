//! The plan: from a graph to a [`Program`], the last level that people read.
//!
//! Nodes are lowered in program order. Each value gets a *home*: a place and a layout, blocked between convolutions
//! and plain at the borders; a reader that wants the other layout gets a reorder step in between, once. Chains of
//! layers whose values would not stay in cache are *groups*, chosen before. Lowering picks the algorithm and the loop
//! nest and appends steps; then convolutions of one value become *siblings* in one step, and offsets come last. Where
//! memory counts more than time the whole is done again with other choices (`search.rs`) until it takes less.
//! [`check`] proves a finished plan right, by what the program says and no code of what made it; who compiles calls it.

mod arena;
pub mod check;
mod decisions;
mod groups;
mod live;
mod lower;
mod planner;
mod print;
mod program;
mod search;
mod siblings;
mod times;
mod transforms;
mod views;
mod weights;

pub use decisions::{Decision, Topic};
pub use print::print;
pub use program::{
    Access, Arg, Buffer, BufferId, Call, Group, Layout, Member, Met, Over, Place, Program, Space, Step, Term,
    Window, Work,
};
pub use search::Goal;
pub use times::{DIRECT, Layer, Times};
pub use weights::Weights;

use crate::kernels::winograd::Transform;
use crate::target::Target;
use cnnc_ir::{Module, NodeId, Tensor, ValueError};
use planner::{Home, Planner, at};
use search::Choices;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// Why a graph has no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// The value whose node cannot be planned.
    pub node: String,
    /// Its operator.
    pub op: String,
    /// What is missing, and what to do.
    pub message: String,
    /// Whether it is memory that the system did not give, and nothing of the graph.
    pub no_memory: bool,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{} ({}): {}", self.node, self.op, self.message)
    }
}

impl std::error::Error for PlanError {}

/// Alignment of every buffer, in bytes: a cache line.
pub const ALIGN: u64 = 64;

/// Plans a verified module.
///
/// # Errors
/// All nodes that cannot be compiled yet, at once.
pub fn plan(module: &Module, target: &Target) -> Result<Program, Vec<PlanError>> {
    match target.goal {
        Goal::Memory => search::plan(module, target, None),
        Goal::Balanced | Goal::Speed => {
            draft(&Constants::of(module), target, &Choices::default()).map(|draft| draft.program)
        }
    }
    .map(|program| finish(program, target))
}

/// Plans a verified module for memory, until a plan fits: what came before it takes more and less time. The last one
/// takes least, as far as the search sees.
///
/// # Errors
/// As [`plan`].
pub fn plan_until(
    module: &Module,
    target: &Target,
    fits: &dyn Fn(&Program) -> bool,
) -> Result<Program, Vec<PlanError>> {
    search::plan(module, target, Some(fits)).map(|program| finish(program, target))
}

/// What comes after lowering.
fn finish(program: Program, target: &Target) -> Program {
    arena::assign(if target.does(Topic::Siblings) { siblings::join(program) } else { program })
}

/// The ways to run each convolution that has a choice, by the name of its value: [`DIRECT`], then by transforms from
/// small filters to large ones.
pub fn ways(module: &Module, target: &Target) -> BTreeMap<String, Vec<String>> {
    transforms::choices(&Planner::new(&Constants::of(module), target, &Choices::default()))
}

/// The elements of a module's constants, each read or drawn once for all drafts.
struct Constants<'a> {
    module: &'a Module,
    values: RefCell<HashMap<NodeId, Arc<Tensor>>>,
    /// Whether all elements are finite, of those where somebody asked: looking takes longer than planning.
    finite: RefCell<HashMap<NodeId, bool>>,
    /// Whether there was no memory for one.
    no_memory: Cell<bool>,
}

impl<'a> Constants<'a> {
    fn of(module: &'a Module) -> Constants<'a> {
        Constants {
            module,
            values: RefCell::default(),
            finite: RefCell::default(),
            no_memory: Cell::default(),
        }
    }

    fn value(&self, id: NodeId) -> Option<Result<Arc<Tensor>, String>> {
        if let Some(known) = self.values.borrow().get(&id) {
            return Some(Ok(known.clone()));
        }
        let value = self.module.value(id)?;
        match &value {
            Ok(tensor) => {
                self.values.borrow_mut().insert(id, tensor.clone());
            }
            Err(error) => self.no_memory.set(matches!(error, ValueError::NoMemory(..))),
        }
        Some(value.map_err(|error| error.to_string()))
    }

    /// Whether all elements of an f32 constant are finite.
    fn is_finite(&self, id: NodeId) -> Option<Result<bool, String>> {
        if let Some(&known) = self.finite.borrow().get(&id) {
            return Some(Ok(known));
        }
        let is_finite = self.value(id)?.map(|value| value.slice::<f32>().iter().all(|x| x.is_finite()));
        self.finite.borrow_mut().extend(is_finite.iter().map(|&known| (id, known)));
        Some(is_finite)
    }
}

/// A program without offsets, and what was chosen for it.
struct Draft {
    program: Program,
    homes: HashMap<NodeId, Home>,
    transforms: HashMap<NodeId, Transform>,
}

/// Lowers a module by some choices.
fn draft(constants: &Constants, target: &Target, choices: &Choices) -> Result<Draft, Vec<PlanError>> {
    let module = constants.module;
    let mut planner = Planner::new(constants, target, choices);
    planner.transforms = transforms::choose(&planner);
    if target.does(Topic::Groups) {
        let groups::Groups { rings, ends } = groups::choose(&planner);
        (planner.rings, planner.groups) = (rings, ends);
    }
    let mut errors = Vec::new();
    let mut failed: HashSet<NodeId> = HashSet::new();
    for &id in module.graph.order() {
        // What a failed node feeds cannot be judged: only causes are reported.
        if module.graph.operands(id).iter().any(|o| failed.contains(o)) {
            failed.insert(id);
        } else if let Err(message) = planner.node(id).and_then(|()| planner.close(id)) {
            errors.push(planner.error(id, message));
            failed.insert(id);
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    for (index, &id) in module.graph.outputs().iter().enumerate() {
        planner.output(index as u32, id).map_err(|message| vec![planner.error(id, message)])?;
    }
    Ok(planner.finish())
}
