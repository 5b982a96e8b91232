//! How the command takes memory: from the system's allocator, with weights on huge pages and back when freed.
//!
//! A compilation touches each weight twice or thrice. On pages of 4 KiB it then spends more time in page faults than
//! in all of its own work: of VGG-16's 1.3 GB there are 300,000.
//!
//! Where the system refuses, that is an error as any other: a line with a code, status 1.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;

/// The system's allocator; it asks for huge pages where a block is large.
pub(crate) struct Allocator;

/// Blocks of that many bytes and more are on huge pages: several of them, so that little is lost at the ends.
const LARGE: usize = 8 << 20;

// SAFETY: every block comes from `System` and goes back to it, with the layout that the caller gave.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `System` asks for.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.realloc(block, layout, size) }, size)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// A block that the system gave; without one the command ends here, with a line in place of a backtrace. That goes for
/// callers too who would do with less. A file that is being written stays under its temporary name then; hardly any
/// memory is asked for by that time.
fn given(block: *mut u8, size: usize) -> *mut u8 {
    if block.is_null() {
        refused(size);
    }
    #[cfg(target_os = "linux")]
    if size >= LARGE {
        const PAGE: usize = 4096;
        let first = block.map_addr(|start| start.next_multiple_of(PAGE));
        let bytes = (size - (first.addr() - block.addr())) / PAGE * PAGE;
        // SAFETY: the pages lie within the block. It is advice; without it the block serves as well.
        unsafe { libc::madvise(first.cast(), bytes, libc::MADV_HUGEPAGE) };
    }
    block
}

/// Says that the system refused so many bytes, without any more of them, and ends the process.
#[cold]
fn refused(size: usize) -> ! {
    let mut text = [0; 160];
    let mut rest = &mut text[..];
    let _ = writeln!(
        rest,
        "error: E_MEMORY: the system has not the {size} bytes that it takes; help: free some, or lower --max-memory, \
         so that less is tried"
    );
    let left = rest.len();
    let text = &text[..text.len() - left];
    // SAFETY: the bytes lie there. Where they cannot be written there is nobody to tell.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    // SAFETY: it ends the process at once; handlers might want memory.
    unsafe { libc::_exit(1) }
}

/// Makes the allocator give large blocks back when they are freed: the peak of a compilation is then what it holds at
/// once. By itself glibc keeps blocks of up to 32 MiB, the size of a layer's weights, once it saw one freed.
pub(crate) fn return_freed_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call sets a number that the allocator reads; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
    }
}
