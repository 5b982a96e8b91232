//! Memory that ends, or begins, at a page which nobody may touch.

use std::io::Error;

/// Bytes with an inaccessible page close before and behind them.
pub struct Guarded {
    map: *mut libc::c_void,
    length: usize,
    start: *mut u8,
    bytes: usize,
}

/// Which end of the bytes touches the inaccessible page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tight {
    /// The first byte follows the page.
    Front,
    /// The last byte precedes the page, as far as the alignment allows.
    Back,
}

impl Guarded {
    /// `bytes` bytes of value `fill` whose address is a multiple of `align`.
    pub fn new(bytes: usize, align: usize, tight: Tight, fill: u8) -> Guarded {
        // SAFETY: sysconf reads a constant.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        assert!(align.is_power_of_two() && align <= page);
        let middle = bytes.next_multiple_of(page).max(page);
        let length = middle + 2 * page;
        // SAFETY: a fresh anonymous mapping, made accessible only between its first and last page.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let map = libc::mmap(std::ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0);
            assert!(map != libc::MAP_FAILED, "{}", Error::last_os_error());
            let inner = map.cast::<u8>().add(page);
            let access = libc::PROT_READ | libc::PROT_WRITE;
            assert_eq!(libc::mprotect(inner.cast(), middle, access), 0, "{}", Error::last_os_error());
            let start = match tight {
                Tight::Front => inner,
                Tight::Back => inner.add((middle - bytes) / align * align),
            };
            inner.write_bytes(fill, middle);
            Guarded { map, length, start, bytes }
        }
    }

    /// The address.
    pub fn as_ptr(&self) -> *mut u8 {
        self.start
    }

    /// The bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping lives as long as self, and self is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.bytes) }
    }

    /// Takes the right to write away.
    pub fn read_only(&mut self) {
        // SAFETY: sysconf reads a constant; the range is the inner part of our own mapping.
        unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let inner = self.map.cast::<u8>().add(page);
            assert_eq!(libc::mprotect(inner.cast(), self.length - 2 * page, libc::PROT_READ), 0);
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nobody can hold a reference into it any more.
        unsafe { libc::munmap(self.map, self.length) };
    }
}
