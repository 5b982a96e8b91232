//! What the protocol is made of, from the standard library. A test puts loom's in its place.

use std::{
    cell, hint,
    time::{Duration, Instant},
};

pub(super) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64},
};

/// Memory that several threads touch, one after the other.
pub(super) struct UnsafeCell<T>(cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(super) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(cell::UnsafeCell::new(value))
    }

    /// Calls `f` with where it is, to be read.
    pub(super) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Calls `f` with where it is, to be written.
    pub(super) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Asks `ready` again and again, for about as long as `limit`.
pub(super) fn poll<T>(limit: Duration, ready: impl Fn() -> Option<T>) -> Option<T> {
    let mut begin = None;
    loop {
        for _ in 0..32 {
            if let Some(value) = ready() {
                return Some(value);
            }
            hint::spin_loop();
        }
        if begin.get_or_insert_with(Instant::now).elapsed() >= limit {
            return None;
        }
    }
}
