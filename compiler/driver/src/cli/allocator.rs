//! How the command takes memory: from the system's allocator, with weights on huge pages and back when freed.
//!
//! A compilation touches each weight twice or thrice. On pages of 4 KiB it then spends more time in page faults than
//! in all of its own work: of VGG-16's 1.3 GB there are 300,000.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator; it asks for huge pages where a block is large.
pub(crate) struct Allocator;

/// Blocks of that many bytes and more are on huge pages: several of them, so that little is lost at the ends.
const LARGE: usize = 8 << 20;

// SAFETY: every block comes from `System` and goes back to it, with the layout that the caller gave.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `System` asks for.
        on_huge_pages(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        on_huge_pages(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        on_huge_pages(unsafe { System.realloc(block, layout, size) }, size)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

fn on_huge_pages(block: *mut u8, size: usize) -> *mut u8 {
    #[cfg(target_os = "linux")]
    if size >= LARGE && !block.is_null() {
        const PAGE: usize = 4096;
        let first = block.map_addr(|start| start.next_multiple_of(PAGE));
        let bytes = (size - (first.addr() - block.addr())) / PAGE * PAGE;
        // SAFETY: the pages lie within the block. It is advice; without it the block serves as well.
        unsafe { libc::madvise(first.cast(), bytes, libc::MADV_HUGEPAGE) };
    }
    block
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
