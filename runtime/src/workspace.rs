//! The memory and the threads of a run.
//!
//! ```text
//! bytes = arena_bytes + threads * scratch_bytes, aligned to workspace_align
//! ```
//!
//! Large workspaces ask Linux for huge pages. All memory is written once when it is made: that keeps page
//! faults out of the first run and gives an observer bytes to read. A failed allocation is an error, never an
//! abort.

use std::{
    alloc::{Layout, alloc, dealloc},
    ptr::{self, NonNull},
    slice,
    sync::Arc,
};

use crate::{Model, Pool, WorkspaceError, abi::CnncExecutor};

/// Size of a huge page, and the size from which they are worth asking for.
const HUGE_PAGE: usize = 2 << 20;

/// What one run at a time needs; it fits every model that takes no more memory than the one it was made for.
pub struct Workspace {
    memory: Memory,
    pool: Option<Arc<Pool>>,
}

impl Workspace {
    /// A workspace for `model` with a pool of its own; `threads` 0: as many as this process may use, 1: no
    /// pool.
    ///
    /// # Errors
    /// When the system has neither the memory nor the threads to give.
    pub fn new(model: &Model, threads: u32) -> Result<Workspace, WorkspaceError> {
        if threads == 1 {
            return Workspace::with(model, None);
        }
        let pool = Pool::new(threads).map_err(WorkspaceError::Threads)?;
        Workspace::with(model, Some(Arc::new(pool)))
    }

    /// A workspace for `model` that shares `pool` with others; of runs at the same time one gets the workers.
    ///
    /// # Errors
    /// When the system has no such memory to give.
    pub fn with_pool(model: &Model, pool: Arc<Pool>) -> Result<Workspace, WorkspaceError> {
        Workspace::with(model, Some(pool))
    }

    fn with(model: &Model, pool: Option<Arc<Pool>>) -> Result<Workspace, WorkspaceError> {
        let threads = pool.as_ref().map_or(1, |pool| pool.threads() as usize);
        let bytes = model
            .scratch_bytes()
            .checked_mul(threads)
            .and_then(|scratch| scratch.checked_add(model.arena_bytes()))
            .ok_or(WorkspaceError::TooLarge)?;
        Ok(Workspace { memory: Memory::new(bytes, model.workspace_align())?, pool })
    }

    /// How many threads a run uses.
    pub fn threads(&self) -> u32 {
        self.pool.as_ref().map_or(1, |pool| pool.threads())
    }

    /// What the last run left; the manifest says where a step's value lies.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the memory is initialised, and no run writes to it while we are borrowed.
        unsafe { slice::from_raw_parts(self.memory.start.as_ptr(), self.memory.layout.size()) }
    }

    /// The same bytes to write: a run accepts any content.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and we are borrowed alone.
        unsafe { slice::from_raw_parts_mut(self.memory.start.as_ptr(), self.memory.layout.size()) }
    }

    /// Where the bytes start: for an observer, which runs while the workspace is borrowed.
    pub fn as_ptr(&self) -> *const u8 {
        self.memory.start.as_ptr()
    }

    pub(crate) fn start(&mut self) -> *mut u8 {
        self.memory.start.as_ptr()
    }

    pub(crate) fn executor(&self) -> *const CnncExecutor {
        self.pool.as_ref().map_or(ptr::null(), |pool| pool.executor())
    }
}

/// Initialised bytes on the heap.
struct Memory {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: plain bytes, which follow the borrow of their owner.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    fn new(bytes: usize, align: usize) -> Result<Memory, WorkspaceError> {
        let align = if bytes < HUGE_PAGE { align } else { align.max(HUGE_PAGE) };
        // The allocator asks for at least one byte.
        let layout = Layout::from_size_align(bytes.max(1), align).map_err(|_| WorkspaceError::TooLarge)?;
        // SAFETY: the layout has a size.
        let start = NonNull::new(unsafe { alloc(layout) }).ok_or(WorkspaceError::OutOfMemory(bytes))?;
        advise_huge_pages(start, layout);
        // SAFETY: the allocation has this size.
        unsafe { start.write_bytes(0, layout.size()) };
        Ok(Memory { start, layout })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// Asks for huge pages wherever the memory fills them; a refusal costs only speed.
fn advise_huge_pages(start: NonNull<u8>, layout: Layout) {
    let bytes = layout.size() & !(HUGE_PAGE - 1);
    #[cfg(target_os = "linux")]
    if bytes > 0 {
        // SAFETY: the range lies inside our allocation and starts at a page; the advice keeps its content.
        unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, bytes);
}
