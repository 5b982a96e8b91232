//! The planner: a program under construction, and what lowering a node may read and write of it.
//!
//! Lowering asks for the places of operands in the layout that it wants, for a place of its result, and appends steps
//! and weights. What it is given follows from what was chosen before: views, rings and groups.

use super::decisions::{Decisions, Topic};
use super::program::{
    Access, Arg, Buffer, BufferId, Call, Layout, MOST_CALLS, Place, Program, Space, Step, Work,
};
use super::search::Choices;
use super::weights::{self, Weights, Word};
use super::{Constants, Draft, PlanError, groups, lower, views};
use crate::kernels::winograd::Transform;
use crate::target::Target;
use cnnc_ir::{DType, Data, Module, NodeId, Op, Tensor, Type};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The home of a value, or a copy of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) place: Place,
    pub(super) layout: Layout,
    /// Bytes from image to image: in channel blocks those of the value that it is a piece of, 0 in a ring.
    pub(super) image: i64,
}

/// Where a step comes from. Its name does not tell: a value may be called as what is made beside another one is.
#[derive(Clone, Copy)]
pub(super) struct Made {
    pub(super) result: BufferId,
    /// The node that was being lowered.
    pub(super) node: Option<NodeId>,
}

/// A program under construction.
pub(super) struct Planner<'a> {
    pub(super) module: &'a Module,
    pub(super) constants: &'a Constants<'a>,
    pub(super) target: &'a Target,
    pub(super) choices: &'a Choices,
    pub(super) buffers: Vec<Buffer>,
    pub(super) steps: Vec<Step>,
    /// What each step makes.
    pub(super) made: Vec<Made>,
    /// The node that is lowered.
    lowered: Option<NodeId>,
    pub(super) weights: Weights,
    pub(super) homes: HashMap<NodeId, Home>,
    /// Values in the layout that is not that of their home.
    pub(super) copies: HashMap<(NodeId, Layout), Home>,
    /// Constants in the weights, by the layout they were packed in.
    pub(super) packed: HashMap<(NodeId, String), Place>,
    /// Buffers that hold more than one value and are never reused in place.
    pub(super) shared: Vec<BufferId>,
    /// Where values want to be computed in blocks.
    pub(super) views: HashMap<NodeId, views::View>,
    /// Values that are not computed: the cast that reads them sees through them.
    pub(super) seen_through: HashSet<NodeId>,
    /// The buffers of the concatenations that views lie in.
    pub(super) roots: HashMap<NodeId, BufferId>,
    /// The sums over pixels of each map whose convolution takes them.
    pub(super) sums: HashMap<NodeId, lower::Sums>,
    /// Rows of the ring of each value that lies in one.
    pub(super) rings: HashMap<NodeId, u64>,
    /// The groups, by their last member.
    pub(super) groups: HashMap<NodeId, groups::Members>,
    /// The convolutions that run by Winograd's tiles.
    pub(super) transforms: HashMap<NodeId, Transform>,
    /// What was decided so far.
    pub(super) decisions: Decisions,
}

impl<'a> Planner<'a> {
    /// Nothing is lowered and nothing chosen.
    pub(super) fn new(constants: &'a Constants<'a>, target: &'a Target, choices: &'a Choices) -> Planner<'a> {
        Planner {
            module: constants.module,
            constants,
            target,
            choices,
            buffers: Vec::new(),
            steps: Vec::new(),
            made: Vec::new(),
            lowered: None,
            weights: Weights::default(),
            homes: HashMap::new(),
            copies: HashMap::new(),
            packed: HashMap::new(),
            shared: Vec::new(),
            views: match target.does(Topic::Concats) {
                true => views::views(&constants.module.graph, target.lanes),
                false => HashMap::new(),
            },
            seen_through: lower::seen_through(&constants.module.graph),
            roots: HashMap::new(),
            sums: HashMap::new(),
            rings: HashMap::new(),
            groups: HashMap::new(),
            transforms: HashMap::new(),
            decisions: Decisions::default(),
        }
    }

    pub(super) fn error(&self, id: NodeId, message: String) -> PlanError {
        let node = &self.module.graph[id];
        let no_memory = self.constants.no_memory.get();
        PlanError { node: node.name().to_string(), op: node.op().name().to_string(), message, no_memory }
    }

    pub(super) fn node(&mut self, id: NodeId) -> Result<(), String> {
        self.lowered = Some(id);
        let graph = &self.module.graph;
        match graph[id].op() {
            Op::Input(input) => {
                let index = graph.inputs().iter().position(|&i| i == id).unwrap_or_default();
                let buffer = self.buffer(
                    graph[id].name().as_str(),
                    &input.ty,
                    Layout::Plain,
                    Space::Input(index as u32),
                );
                self.homes.insert(id, self.home(at(buffer), &input.ty, Layout::Plain));
                Ok(())
            }
            Op::Const(_) => Ok(()),
            _ => lower::node(self, id),
        }
    }

    /// Moves an output's value into the caller's buffer, unless it was computed there.
    pub(super) fn output(&mut self, index: u32, id: NodeId) -> Result<(), String> {
        let ty = self.ty(id).clone();
        if self
            .homes
            .get(&id)
            .is_some_and(|h| self.buffers[h.place.buffer.0 as usize].space == Space::Output(index))
        {
            return Ok(());
        }
        let name = self.name(id);
        let buffer = self.buffer(&name, &ty, Layout::Plain, Space::Output(index));
        match self.homes.get(&id).copied() {
            Some(home) if home.layout == Layout::Blocked => {
                let to = self.home(at(buffer), &ty, Layout::Plain);
                lower::reorder(self, &name, &ty, home, to)
            }
            _ => {
                let from = self.plain(id)?;
                lower::copy(self, &name, from, at(buffer), &ty);
                Ok(())
            }
        }
    }

    pub(super) fn finish(self) -> Draft {
        let program = Program {
            name: self.module.graph.name.clone(),
            buffers: self.buffers,
            steps: self.steps,
            weights: self.weights,
            arena_bytes: 0,
            arena_bound: 0,
            scratch_bytes: 0,
            results: self.made.into_iter().map(|made| made.result).collect(),
            decisions: self.decisions.into_list(),
        };
        Draft { program, homes: self.homes, transforms: self.transforms }
    }

    // ---- what lowering reads

    pub(super) fn ty(&self, id: NodeId) -> &'a Type {
        self.module.graph.ty(id)
    }

    pub(super) fn name(&self, id: NodeId) -> String {
        self.module.graph[id].name().to_string()
    }

    /// The elements of a constant.
    pub(super) fn constant(&self, id: NodeId) -> Option<Result<Arc<Tensor>, String>> {
        self.constants.value(id)
    }

    /// Whether all elements of an f32 constant are finite.
    pub(super) fn is_finite(&self, id: NodeId) -> Option<Result<bool, String>> {
        self.constants.is_finite(id)
    }

    /// The layout of a value's home; constants have none.
    pub(super) fn layout(&self, id: NodeId) -> Option<Layout> {
        self.homes.get(&id).map(|h| h.layout)
    }

    /// Elements that a value of this type takes in a layout, lanes that are no channel counted.
    pub(super) fn elements(&self, ty: &Type, layout: Layout) -> usize {
        match (layout, ty.dims()) {
            (Layout::Blocked, [n, c, rest @ ..]) => {
                n * c.next_multiple_of(self.target.lanes) * rest.iter().product::<usize>()
            }
            _ => ty.elements(),
        }
    }

    /// A value of this type that lies at a place image by image.
    pub(super) fn home(&self, place: Place, ty: &Type, layout: Layout) -> Home {
        let images = ty.dims().first().copied().unwrap_or(1);
        let image = ty.dtype.bytes() * self.elements(ty, layout) / images.max(1);
        Home { place, layout, image: image as i64 }
    }

    /// A value in channel blocks that is a piece of another one, the images of that so many bytes apart.
    pub(super) fn piece(&self, id: NodeId, place: Place, image: i64) -> Home {
        let alone = self.home(place, self.ty(id), Layout::Blocked);
        // Where no second image follows, one distance is as good as another: the same for steps that may share code.
        if self.ty(id).dims()[0] == 1 { alone } else { Home { image, ..alone } }
    }

    /// Where a value lies plain, image by image.
    pub(super) fn plain(&mut self, id: NodeId) -> Result<Place, String> {
        self.operand(id, Layout::Plain).map(|home| home.place)
    }

    /// Where a value lies in this layout: its home, or a reordered copy made now, or packed weights.
    pub(super) fn operand(&mut self, id: NodeId, layout: Layout) -> Result<Home, String> {
        if self.module.graph[id].is_const() {
            let place = match layout {
                Layout::Plain => {
                    let elements = self.ty(id).elements();
                    self.packed(id, "plain", elements, |weights, tensor| weights.add_tensor(tensor))
                }
                Layout::Blocked => {
                    let (words, lanes) = (self.elements(self.ty(id), layout), self.target.lanes);
                    self.pack(id, "blocked", words, move |t, words| weights::blocked(t, lanes, words))
                }
            };
            return Ok(self.home(place?, self.ty(id), layout));
        }
        let home = *self.homes.get(&id).ok_or("an operand was not computed")?;
        if home.layout == layout {
            return Ok(home);
        }
        if let Some(&copy) = self.copies.get(&(id, layout)) {
            return Ok(copy);
        }
        let name = format!("{}.{}", self.name(id), if layout == Layout::Plain { "plain" } else { "blocked" });
        // A value that lives outside its blocks is put into them where a concatenation wants it.
        let view = if layout == Layout::Blocked { self.view(id) } else { None };
        let copy = view.unwrap_or_else(|| self.arena(&name, self.ty(id), layout));
        lower::reorder(self, &self.name(id), self.ty(id), home, copy)?;
        self.copies.insert((id, layout), copy);
        Ok(copy)
    }

    // ---- what lowering writes

    /// A new buffer for a value of this type.
    pub(super) fn buffer(&mut self, name: &str, ty: &Type, layout: Layout, space: Space) -> BufferId {
        let id = BufferId(self.buffers.len() as u32);
        let dtype = ty.dtype;
        let bytes = (dtype.bytes() * self.elements(ty, layout)) as u64;
        let shape = ty.dims().to_vec();
        self.buffers.push(Buffer { name: name.into(), dtype, shape, layout, bytes, space, offset: 0 });
        id
    }

    /// A value of this type in a new buffer of the arena.
    pub(super) fn arena(&mut self, name: &str, ty: &Type, layout: Layout) -> Home {
        let buffer = self.buffer(name, ty, layout, Space::Arena);
        self.home(at(buffer), ty, layout)
    }

    /// A new home for a node's value: its view or the caller's output where that can be, else the arena.
    pub(super) fn result(&mut self, id: NodeId, layout: Layout) -> Home {
        let view = if layout == Layout::Blocked { self.view(id) } else { None };
        let home = view.unwrap_or_else(|| self.place_of_its_own(id, layout));
        self.homes.insert(id, home);
        home
    }

    fn place_of_its_own(&mut self, id: NodeId, layout: Layout) -> Home {
        if let Some(&rows) = self.rings.get(&id) {
            return Home { place: at(self.ring(id, layout, rows)), layout, image: 0 };
        }
        let graph = &self.module.graph;
        let space = match graph.outputs().iter().position(|&o| o == id) {
            Some(index) if layout == Layout::Plain => Space::Output(index as u32),
            _ => Space::Arena,
        };
        let buffer = self.buffer(&self.name(id), self.ty(id), layout, space);
        self.home(at(buffer), self.ty(id), layout)
    }

    /// A buffer for so many rows of one image of a value.
    fn ring(&mut self, id: NodeId, layout: Layout, rows: u64) -> BufferId {
        let ring = self.buffer(&self.name(id), self.ty(id), layout, Space::Scratch);
        let Buffer { shape, bytes, .. } = &mut self.buffers[ring.0 as usize];
        *bytes = *bytes / (shape[0] * shape[2]) as u64 * rows;
        (shape[0], shape[2]) = (1, rows as usize);
        ring
    }

    /// The place that a concatenation wants a value in; its buffer is made when the first asks.
    pub(super) fn view(&mut self, id: NodeId) -> Option<Home> {
        let view = *self.views.get(&id)?;
        let buffer = match self.roots.get(&view.root) {
            Some(&buffer) => buffer,
            None => {
                let (name, ty) = (self.name(view.root), self.ty(view.root));
                let buffer = self.buffer(&name, ty, Layout::Blocked, Space::Arena);
                self.shared.push(buffer);
                self.roots.insert(view.root, buffer);
                buffer
            }
        };
        let place = Place { buffer, offset: view.offset };
        let whole = self.home(place, self.ty(view.root), Layout::Blocked);
        Some(self.piece(id, place, whole.image))
    }

    /// A home for a node's value in the place of an operand of the same shape and layout that is read here for the
    /// last time, and here only at the very element that is written.
    pub(super) fn result_over(&mut self, id: NodeId, layout: Layout, operands: &[NodeId]) -> Home {
        let graph = &self.module.graph;
        let is_placed = match layout {
            Layout::Plain => graph.is_output(id),
            Layout::Blocked => self.views.contains_key(&id),
        };
        if is_placed || !self.target.does(Topic::InPlace) {
            return self.result(id, layout);
        }
        // A member of a group that is not closed has a home already, and is still to run.
        let waits = |r: NodeId| {
            let mut open = self.groups.values().filter(|group| group.nodes.contains(&r));
            open.any(|group| !group.nodes.contains(&id))
        };
        let is_done = |r: NodeId| self.homes.contains_key(&r) && !waits(r);
        let is_last = |o: NodeId| {
            let here = graph.readers(o).filter(|&r| r == id).count();
            here == 1 && !graph.is_output(o) && graph.readers(o).all(|r| r == id || is_done(r))
        };
        let reusable = operands.iter().filter(|&&o| is_last(o)).find_map(|o| {
            let home = *self.homes.get(o).filter(|_| self.ty(*o) == self.ty(id))?;
            let buffer = &self.buffers[home.place.buffer.0 as usize];
            let alone = home == self.home(home.place, self.ty(id), layout)
                && buffer.space == Space::Arena
                && !self.shared.contains(&home.place.buffer);
            (alone && !self.is_read_in_group(home.place.buffer, id)).then_some(home)
        });
        match reusable {
            Some(home) => {
                self.decisions.did(Topic::InPlace, self.name(id), "written over an operand");
                self.homes.insert(id, home);
                home
            }
            None => self.result(id, layout),
        }
    }

    /// Gives a node's value the home of another: the same bytes seen in another shape.
    pub(super) fn alias(&mut self, id: NodeId, home: Home) {
        self.shared.push(home.place.buffer);
        self.homes.insert(id, home);
    }

    /// Appends a step that computes the value of a node, or a few where it takes very many calls.
    pub(super) fn step(&mut self, name: &str, op: &str, algorithm: String, calls: Vec<Call>, macs: u64) {
        let calls: Vec<Call> = calls.into_iter().filter(|c| c.units() > 0).collect();
        let written = calls.iter().flat_map(|c| &c.args).find_map(|arg| match arg {
            Arg::Address { place, access: Access::Write, .. } => Some(place.buffer),
            _ => None,
        });
        let Some(result) = written else { return };
        let mut macs = Some(macs);
        for calls in calls.chunks(MOST_CALLS) {
            self.made.push(Made { result, node: self.lowered });
            let work = Work::Nests(calls.to_vec());
            let (algorithm, macs) = (algorithm.clone(), macs.take().unwrap_or(0));
            self.steps.push(Step { name: name.into(), op: op.into(), algorithm, work, macs });
        }
    }

    /// Appends elements to the weights.
    pub(super) fn weights(&mut self, name: &str, data: Data) -> Place {
        let (dtype, elements) = (data.dtype(), data.len());
        let offset = self.weights.add(data);
        self.weights_at(name, dtype, elements, offset)
    }

    /// The buffer of a piece of the weights.
    pub(super) fn weights_at(&mut self, name: &str, dtype: DType, elements: usize, offset: usize) -> Place {
        let id = BufferId(self.buffers.len() as u32);
        self.buffers.push(Buffer {
            name: name.into(),
            dtype,
            shape: vec![elements],
            layout: Layout::Plain,
            bytes: (dtype.bytes() * elements) as u64,
            space: Space::Weights,
            offset: offset as u64,
        });
        at(id)
    }

    /// A constant in the weights, packed into so many words, once for each form it is wanted in.
    pub(super) fn pack(
        &mut self,
        id: NodeId,
        form: &str,
        words: usize,
        pack: impl Fn(&Tensor, &mut [Word]) + Send + Sync + 'static,
    ) -> Result<Place, String> {
        let pack = Arc::new(pack);
        self.packed(id, form, words, |weights, tensor| weights.add_packed(tensor, words, pack))
    }

    /// A constant in the weights, appended once for each form it is wanted in.
    pub(super) fn packed(
        &mut self,
        id: NodeId,
        form: &str,
        elements: usize,
        add: impl FnOnce(&mut Weights, Arc<Tensor>) -> usize,
    ) -> Result<Place, String> {
        if let Some(&place) = self.packed.get(&(id, form.to_string())) {
            return Ok(place);
        }
        let tensor = self.constant(id).ok_or("an operand must be a constant")??;
        let offset = add(&mut self.weights, tensor);
        let name = format!("{}.{form}", self.name(id));
        let place = self.weights_at(&name, self.ty(id).dtype, elements, offset);
        self.packed.insert((id, form.to_string()), place);
        Ok(place)
    }
}

/// The start of a buffer.
pub(super) fn at(buffer: BufferId) -> Place {
    Place { buffer, offset: 0 }
}
