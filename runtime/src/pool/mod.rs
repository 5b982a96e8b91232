//! A pool of threads that runs one parallel loop at a time, with little delay: the threads, what they call, and what
//! compiled code sees of them. How they share out a loop stands in `protocol.rs`.
//!
//! Threads poll for `SPIN` before they sleep, unless the pool has more threads than the process may use, where polling
//! would only take the processor from those who work. A panic in a task is raised again on the caller after all calls.

mod protocol;
mod sync;

use std::{
    any::Any,
    ffi::c_void,
    io,
    mem::size_of,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::abi::{CnncExecutor, CnncTask};
use protocol::{Job, MAX_THREADS, Protocol};

/// About what it costs to sleep and to be woken.
const SPIN: Duration = Duration::from_micros(50);

/// Threads for parallel loops: `threads - 1` workers and whoever calls. Workers sleep when idle, and end on
/// drop.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// A pool in which `threads` calls may run at once; 0: as many as this process may use.
    ///
    /// # Errors
    /// The system's, when a thread cannot be made; more than 1024 threads are refused.
    pub fn new(threads: u32) -> io::Result<Pool> {
        let usable = thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { usable.min(MAX_THREADS) } else { threads as usize };
        if threads > MAX_THREADS {
            let what = format!("a pool of {threads} threads, at most {MAX_THREADS} are possible");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| Shared {
            executor: CnncExecutor {
                struct_bytes: size_of::<CnncExecutor>() as u32,
                threads: threads as u32,
                context: shared.as_ptr().cast_mut().cast(),
                parallel_for: Some(parallel_for),
            },
            protocol: Protocol::new(threads, if threads <= usable { SPIN } else { Duration::ZERO }),
        });
        // Should a thread fail to start, dropping the pool ends those before it.
        let mut pool = Pool { shared, workers: Vec::with_capacity(threads - 1) };
        for home in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let worker = thread::Builder::new().name(format!("cnnc-{home}"));
            pool.workers.push(worker.spawn(move || shared.protocol.serve(home))?);
        }
        Ok(pool)
    }

    /// How many calls may run at once, the caller's included.
    pub fn threads(&self) -> u32 {
        self.shared.executor.threads
    }

    /// This pool as compiled models see it; valid as long as the pool.
    pub fn executor(&self) -> *const CnncExecutor {
        &self.shared.executor
    }

    /// Calls `task(index)` once for every index in `0..count`, on any threads in any order, and returns when
    /// all calls have returned.
    ///
    /// # Panics
    /// With the first panic of a task, after all calls.
    pub fn parallel_for(&self, count: u32, task: &(dyn Fn(u32) + Sync)) {
        struct Caught<'a> {
            task: &'a (dyn Fn(u32) + Sync),
            panic: Mutex<Option<Box<dyn Any + Send>>>,
        }
        unsafe extern "C" fn call(argument: *mut c_void, index: u32) {
            // SAFETY: `argument` is the `caught` below, which outlives the loop.
            let caught = unsafe { &*argument.cast_const().cast::<Caught<'_>>() };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (caught.task)(index))) {
                let mut first = caught.panic.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(panic);
            }
        }
        let caught = Caught { task, panic: Mutex::new(None) };
        let argument = (&raw const caught).cast_mut().cast();
        // SAFETY: `call` reads its argument as what it is, shares only `Sync` data between threads and never
        // unwinds.
        unsafe { self.shared.protocol.run(Call { task: call, argument, count }) };
        if let Some(panic) = caught.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(panic);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.shared.protocol.is_forked() {
            // The workers are threads of the parent: here they cannot be joined, nor detached.
            self.workers.drain(..).for_each(std::mem::forget);
            return;
        }
        self.shared.protocol.end();
        for worker in self.workers.drain(..) {
            // A worker cannot panic: tasks do not unwind. Nothing is left to tell if it did.
            let _ = worker.join();
        }
    }
}

/// The executor's entry for compiled code.
unsafe extern "C" fn parallel_for(context: *mut c_void, count: u32, task: CnncTask, argument: *mut c_void) {
    // SAFETY: the context of a pool's executor is its `Shared`, alive as long as the pool.
    let shared = unsafe { &*context.cast_const().cast::<Shared>() };
    // SAFETY: what the ABI asks of a task is what the callee asks.
    unsafe { shared.protocol.run(Call { task, argument, count }) }
}

/// A loop as the ABI has it.
#[derive(Clone, Copy)]
struct Call {
    task: CnncTask,
    argument: *mut c_void,
    count: u32,
}

impl Job for Call {
    fn count(self) -> u32 {
        self.count
    }

    unsafe fn call(self, lane: usize, lanes: usize) {
        for index in (lane as u32..self.count).step_by(lanes) {
            // SAFETY: promised by the caller.
            unsafe { (self.task)(self.argument, index) };
        }
    }
}

struct Shared {
    executor: CnncExecutor,
    protocol: Protocol<Call>,
}

// SAFETY: the executor is never written.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}
