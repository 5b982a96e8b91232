//! The program: what the plan makes of a graph, and all that emission needs.
//!
//! A program is a list of [`Step`]s run one after the other, a barrier between any two. A step is one or more
//! [`Call`]s of a kernel in a loop nest; the iterations of all its calls are its *units*, independent of each other,
//! which threads share out in contiguous ranges. Or it is a [`Group`] of several such nests, each reading what the one
//! before wrote: then its units are blocks of result rows, and for each block the nests run one after the other over
//! the rows that it takes. What lies between them never exists as a whole, only a ring of its rows in the scratch
//! memory of each thread. Memory is a list of [`Buffer`]s, each in one [`Space`].
//!
//! INVARIANT: no two units of a step write the same byte, and no unit reads what another one of its step writes,
//! except at the very place that it writes itself, and in scratch what an earlier nest of its group wrote.

use super::{Decision, Weights};
use crate::kernels::Spec;
use cnnc_ir::DType;
use std::ops::Range;

/// Whose memory a buffer lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// The workspace, shared by the threads of a run.
    Arena,
    /// The part of the workspace that each thread has to itself, for the length of one step.
    Scratch,
    /// The packed weights of the model.
    Weights,
    /// The caller's input of that index.
    Input(u32),
    /// The caller's output of that index.
    Output(u32),
}

/// How a value's elements lie in its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Row-major, densely packed.
    Plain,
    /// `[N, C/lanes, H, W, lanes]`: channels in blocks of the target's lanes, the last one filled up with zeros.
    Blocked,
}

impl Layout {
    /// Its word in dumps and manifests.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Plain => "nchw",
            Layout::Blocked => "nchw8c",
        }
    }
}

/// Names a buffer of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub u32);

/// A piece of memory.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// The value or the weights that it holds.
    pub name: String,
    /// The type of its elements.
    pub dtype: DType,
    /// The extents of the value.
    pub shape: Vec<usize>,
    /// How its elements lie.
    pub layout: Layout,
    /// Its size.
    pub bytes: u64,
    /// Where it lies.
    pub space: Space,
    /// Its offset in that space, in bytes.
    pub offset: u64,
}

/// A place in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The buffer.
    pub buffer: BufferId,
    /// Bytes from its start.
    pub offset: u64,
}

impl Place {
    /// The place so many bytes further.
    pub fn moved(self, bytes: i64) -> Place {
        Place { offset: self.offset.wrapping_add_signed(bytes), ..self }
    }
}

/// How an address moves with the loop nest, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// `index[dim] * stride`
    Index {
        /// The loop, outermost first.
        dim: usize,
        /// Bytes an iteration.
        stride: i64,
    },
    /// `index[dim] % rows * stride`: a row of a ring.
    Slot {
        /// The loop over rows.
        dim: usize,
        /// Bytes a row.
        stride: i64,
        /// Rows of the ring.
        rows: u64,
    },
    /// The first row of the window that lies inside the image, or its slot in the ring, times the stride.
    FirstRow {
        /// Bytes a row.
        stride: i64,
    },
    /// The first tap of the window that lies inside the image, times the stride.
    FirstTap {
        /// Bytes a row of taps.
        stride: i64,
    },
    /// The 64-bit word `index[dim]` of a table in the weights, in bytes.
    Lookup {
        /// The loop, outermost first.
        dim: usize,
        /// The table.
        table: Place,
        /// The least and the most it holds, for the checker.
        least: i64,
        /// See `least`.
        most: i64,
    },
}

/// Whether a kernel reads or writes through an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Only read.
    Read,
    /// Written; what was there before does not matter.
    Write,
    /// Read, and written over.
    Update,
    /// Only asked for, ahead of time: wherever it points, nothing is touched.
    Prefetch,
}

impl Access {
    /// Whether what is there before matters.
    pub fn reads(self) -> bool {
        matches!(self, Access::Read | Access::Update)
    }

    /// Whether what is there changes.
    pub fn writes(self) -> bool {
        matches!(self, Access::Write | Access::Update)
    }
}

/// An argument of a kernel: one 64-bit word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Arg {
    /// An address.
    Address {
        /// Where it starts.
        place: Place,
        /// How it moves.
        terms: Vec<Term>,
        /// What the kernel does there.
        access: Access,
        /// The bytes it touches, relative to the address.
        span: Range<i64>,
    },
    /// A word that the kernel does not read.
    Unread,
    /// How many rows of the window lie inside the image.
    Taps,
    /// How many do not, times the bytes of one.
    SkippedTaps(i64),
    /// How many of these lie above the image.
    TapsAbove,
    /// `from + index[dim] * step`
    Number {
        /// The number in the first iteration.
        from: i64,
        /// The loop, outermost first.
        dim: usize,
        /// What an iteration adds.
        step: i64,
    },
}

impl Arg {
    /// The argument as it is where loop `dim` starts `count` iterations later.
    pub fn skipping(&self, dim: usize, count: usize) -> Arg {
        let mut arg = self.clone();
        if let Arg::Address { place, terms, .. } = &mut arg {
            let of_dim = terms.iter().filter_map(|t| match t {
                Term::Index { dim: d, stride } if *d == dim => Some(*stride),
                _ => None,
            });
            place.offset = place.offset.wrapping_add_signed(of_dim.sum::<i64>() * count as i64);
        }
        arg
    }
}

/// What a window slides over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Over {
    /// The rows of what is read.
    Operand,
    /// The rows of what is written: an iteration makes several.
    Result,
}

/// Where a window meets the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// The first row of the image that a tap lies on.
    pub first_row: u64,
    /// Taps above the image.
    pub above: u64,
    /// Taps on rows of the image.
    pub taps: u64,
}

/// A window that slides over an image along one loop of the nest; rows outside the image are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Whose rows it counts.
    pub over: Over,
    /// The loop over result rows.
    pub dim: usize,
    /// Rows a result row moves.
    pub stride: u64,
    /// Rows above the image that count.
    pub pad: u64,
    /// Rows between taps.
    pub dilation: u64,
    /// Taps.
    pub kernel: u64,
    /// Rows of the image.
    pub extent: u64,
    /// Rows of the ring that holds the image, where it is not held as a whole.
    pub ring: Option<u64>,
}

impl Window {
    /// The rows of the image, from and to, that the result rows `rows` see.
    pub fn sees(&self, rows: Range<u64>) -> Range<u64> {
        let first = (rows.start * self.stride).saturating_sub(self.pad);
        let last = (rows.end.saturating_sub(1) * self.stride + (self.kernel - 1) * self.dilation + 1)
            .saturating_sub(self.pad);
        first.min(self.extent)..last.min(self.extent)
    }

    /// Where the window of a result row meets the image: what [`Arg`] and [`Term`] say of it, in front of any ring.
    pub fn meets(&self, row: u64) -> Met {
        let Window { stride, pad, dilation, kernel, extent, .. } = *self;
        let top = i128::from(row) * i128::from(stride) - i128::from(pad);
        let taps_to = |rows: i128| {
            let taps = (rows.max(0) as u128).div_ceil(dilation.into());
            taps.min(kernel.into()) as u64
        };
        let (above, end) = (taps_to(-top), taps_to(i128::from(extent) - top));
        let first = top + i128::from(above) * i128::from(dilation);
        let first_row = first.min(i128::from(extent) - 1).max(0) as u64;
        Met { first_row, above, taps: end.saturating_sub(above) }
    }

    /// The rows that the taps of one row lie on, of those that there are.
    pub fn taps(&self, row: u64) -> impl Iterator<Item = u64> {
        let (Met { first_row, taps, .. }, dilation) = (self.meets(row), self.dilation);
        (0..taps).map(move |tap| first_row + tap * dilation)
    }
}

/// Calls of a step at most: each takes some bytes of the frame of its function, which has few.
pub(super) const MOST_CALLS: usize = 64;

/// A kernel in a loop nest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// What the kernel computes.
    pub kernel: Spec,
    /// The extents of the loops, outermost first.
    pub extents: Vec<u64>,
    /// The sliding window, if its arguments speak of one.
    pub window: Option<Window>,
    /// What the kernel is given.
    pub args: Vec<Arg>,
}

impl Call {
    /// The window over the rows of its input; without one, each row sees the same.
    pub fn rows(&self) -> Window {
        let extent = self.extents.last().copied().unwrap_or(1);
        let dim = self.extents.len().saturating_sub(1);
        let own = Window {
            over: Over::Operand,
            dim,
            stride: 1,
            pad: 0,
            dilation: 1,
            kernel: 1,
            extent,
            ring: None,
        };
        self.window.filter(|w| w.over == Over::Operand).unwrap_or(own)
    }

    /// What a unit costs, measured by those of the step's other calls.
    pub fn work(&self) -> u64 {
        // The kernel knows of one row of the window.
        self.kernel.work() * self.window.map_or(1, |window| window.kernel)
    }

    /// How many times the kernel runs.
    pub fn units(&self) -> u64 {
        self.extents.iter().product()
    }
}

/// Nests that run row block by row block, each on what the one before wrote.
///
/// In every nest loop 0 runs over the images and the last one over the rows of its result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// Images.
    pub images: u64,
    /// Rows of the result.
    pub rows: u64,
    /// Blocks of an image.
    pub blocks: u64,
    /// The nests, in the order in which they run.
    pub members: Vec<Member>,
}

/// The nests that compute one of several values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// The name of the value.
    pub name: String,
    /// The operator.
    pub op: String,
    /// How it is computed, for people.
    pub algorithm: String,
    /// Multiply-adds of its matrix products.
    pub macs: u64,
    /// The kernels.
    pub calls: Vec<Call>,
    /// The window over the rows of the value before, `None` in the first member of a group and among siblings.
    pub window: Option<Window>,
    /// The buffer of the value.
    pub result: BufferId,
}

impl Group {
    /// The result rows of a block: as many as of any other, or one more.
    pub fn block(&self, index: u64) -> Range<u64> {
        index * self.rows / self.blocks..(index + 1) * self.rows / self.blocks
    }

    /// Rows of the largest block.
    pub fn most_rows(&self) -> u64 {
        self.rows.div_ceil(self.blocks)
    }
}

/// What a step runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// Kernels, each in a nest of its own; the units are all iterations.
    Nests(Vec<Call>),
    /// Nests over row blocks; the units are the blocks of all images.
    Group(Group),
    /// Nests that compute several values, none of which needs another; the units are all iterations.
    Siblings(Vec<Member>),
}

/// One step of a program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// The name of the value that it computes, the last of several.
    pub name: String,
    /// The operator, or what the plan put in between.
    pub op: String,
    /// How it is computed, for people.
    pub algorithm: String,
    /// The kernels.
    pub work: Work,
    /// Multiply-adds of its matrix products.
    pub macs: u64,
}

impl Step {
    /// How many pieces threads can share out.
    pub fn units(&self) -> u64 {
        match &self.work {
            Work::Group(group) => group.images * group.blocks,
            Work::Nests(_) | Work::Siblings(_) => self.calls().map(Call::units).sum(),
        }
    }

    /// The values that it computes, where they are several.
    pub fn members(&self) -> &[Member] {
        match &self.work {
            Work::Nests(_) => &[],
            Work::Group(group) => &group.members,
            Work::Siblings(members) => members,
        }
    }

    /// Its kernels, in the order in which they run.
    pub fn calls(&self) -> Box<dyn Iterator<Item = &Call> + '_> {
        match &self.work {
            Work::Nests(calls) => Box::new(calls.iter()),
            Work::Group(_) | Work::Siblings(_) => Box::new(self.members().iter().flat_map(|m| &m.calls)),
        }
    }

    /// The same, to be changed.
    pub fn calls_mut(&mut self) -> Box<dyn Iterator<Item = &mut Call> + '_> {
        match &mut self.work {
            Work::Nests(calls) => Box::new(calls.iter_mut()),
            Work::Group(Group { members, .. }) | Work::Siblings(members) => {
                Box::new(members.iter_mut().flat_map(|m| &mut m.calls))
            }
        }
    }

    /// The buffers that it touches, with what it does there; one may occur more than once.
    pub fn accesses(&self) -> impl Iterator<Item = (BufferId, Access)> + '_ {
        self.calls().flat_map(|c| &c.args).filter_map(|arg| match arg {
            Arg::Address { place, access, .. } => Some((place.buffer, *access)),
            _ => None,
        })
    }
}

/// A planned network.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// All memory.
    pub buffers: Vec<Buffer>,
    /// What is run, in order.
    pub steps: Vec<Step>,
    /// The contents of [`Space::Weights`].
    pub weights: Weights,
    /// Bytes of [`Space::Arena`].
    pub arena_bytes: u64,
    /// The largest sum of live bytes over the steps: no plan of these buffers can need less.
    pub arena_bound: u64,
    /// Bytes of [`Space::Scratch`]: what a thread needs for the step that needs most.
    pub scratch_bytes: u64,
    /// For each step, the buffer that holds its result, the last of several.
    pub results: Vec<BufferId>,
    /// How it came about, for people.
    pub decisions: Vec<Decision>,
}

impl Program {
    /// Whether some sums are computed by a transform, whose rounding errors are others than those of direct sums.
    pub fn is_transformed(&self) -> bool {
        let mut kernels = self.steps.iter().flat_map(Step::calls).map(|call| &call.kernel);
        kernels.any(|kernel| matches!(kernel, Spec::WinogradInput(_)))
    }

    /// The buffer of that id.
    pub fn buffer(&self, id: BufferId) -> &Buffer {
        &self.buffers[id.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::{Met, Over, Window};

    #[test]
    fn windows_meet_the_rows_that_their_taps_lie_on() {
        let mut met = 0;
        for n in 0..4 * 5 * 4 * 6 * 9_u64 {
            let [stride, pad, dilation, kernel, extent] =
                [1 + n % 4, n / 4 % 5, 1 + n / 20 % 4, 1 + n / 80 % 6, 1 + n / 480];
            let over = Over::Operand;
            let window = Window { over, dim: 0, stride, pad, dilation, kernel, extent, ring: None };
            for row in 0..12 {
                let Met { first_row, above, taps } = window.meets(row);
                let far = |tap: u64| row * stride + tap * dilation;
                let seen = (0..kernel).filter(|&tap| (pad..pad + extent).contains(&far(tap)));
                let seen: Vec<u64> = seen.map(|tap| far(tap) - pad).collect();
                assert_eq!(seen, window.taps(row).collect::<Vec<_>>(), "row {row} of {window:?}");
                assert!(seen.first().is_none_or(|&first| first == first_row), "row {row} of {window:?}");
                let above_all = (0..kernel).filter(|&tap| far(tap) < pad).count();
                assert_eq!(above, above_all as u64, "row {row} of {window:?}");
                met += taps;
            }
        }
        assert!(met > 10_000, "{met} taps");
    }
}
