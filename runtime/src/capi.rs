//! The pool for C programs: `cnnc_pool_create` and `cnnc_pool_destroy` of `cnnc.h`.
//!
//! The executor that C sees is the first field of the box that owns the pool. Nothing unwinds into C: what
//! goes wrong is NULL.

use std::{panic::catch_unwind, ptr};

use crate::{Pool, abi::CnncExecutor};

#[repr(C)]
struct OwnedExecutor {
    executor: CnncExecutor,
    pool: Pool,
}

/// Makes a pool of `threads - 1` workers and the caller; 0: as many as this process may use. NULL when the
/// threads cannot be made.
#[unsafe(no_mangle)]
pub extern "C" fn cnnc_pool_create(threads: u32) -> *mut CnncExecutor {
    let create = || {
        let pool = Pool::new(threads).ok()?;
        // SAFETY: the pool is alive.
        let executor = unsafe { *pool.executor() };
        Some(Box::into_raw(Box::new(OwnedExecutor { executor, pool })).cast())
    };
    catch_unwind(create).ok().flatten().unwrap_or(ptr::null_mut())
}

/// Ends the workers and frees the pool; NULL is allowed.
///
/// # Safety
/// `pool` is NULL or comes from `cnnc_pool_create`, was not destroyed before, and no loop runs on it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cnnc_pool_destroy(pool: *mut CnncExecutor) {
    if pool.is_null() {
        return;
    }
    // SAFETY: made by `cnnc_pool_create`, so the executor starts an `OwnedExecutor`.
    let owned = unsafe { Box::from_raw(pool.cast::<OwnedExecutor>()) };
    // A panic could be told to nobody here.
    let _ = catch_unwind(std::panic::AssertUnwindSafe(|| drop(owned.pool)));
}
