//! A pool of threads that runs one parallel loop at a time, with little delay.
//!
//! A loop of `count` calls is cut into `lanes = min(count, threads)` lanes; lane l holds the indices l, l +
//! lanes, ... Thread t starts at lane t, so that in the successive loops of a model an index stays on one
//! core and finds its data there; then it walks on and takes the lanes that nobody has begun. Hence nobody
//! waits for a thread that sleeps: whoever is awake does its share, in the end the caller alone.
//!
//! Every job is named by a *word*, `epoch << 12 | lanes << 1`; epochs only grow and never wrap in 52 bits.
//! Bit 0 of an atomic that holds a word is `PARKED`: somebody sleeps until the word changes.
//!
//! 1. The caller makes itself the only publisher (`busy`), writes the job and swaps the new word into `word`
//!    (Release).
//! 2. A thread reads `word` (Acquire: the job of that word is visible) and claims lane l by a compare-
//!    exchange of `claimed[l]` from a lesser word. Success happens once a lane and word, so the atomic itself
//!    may be Relaxed.
//! 3. Who holds the claim reads the job, makes the calls and swaps the word into `done[l]` (Release).
//! 4. The caller returns when every `done[l]` equals the word (Acquire: the writes of the calls are visible).
//!
//! INVARIANT: the job of a word is read only between a successful claim and its `done`, and the caller can
//! neither return nor publish before all lanes are done. A late thread that still holds an old word finds all
//! its lanes claimed with that word or a greater one, claims nothing and touches nothing.
//!
//! To sleep is to set `PARKED` with a compare-exchange under the mutex and to wait on a condition variable;
//! who swaps the word away sees the bit, passes through the mutex and notifies. So no wake-up is lost, and an
//! awake pool makes no system call. Threads poll for `SPIN` before they sleep, unless the pool has more
//! threads than the process may use, where polling would only take the processor from those who work.
//!
//! A loop that finds the pool busy (another thread's loop, or one inside a task) runs on its caller. So does
//! every loop in a forked child: without workers nobody else claims a lane, and nobody is woken, because a
//! thread of the parent may have held the mutex. A panic in a task is raised again on the caller after all
//! calls.

use std::{
    any::Any,
    cell::UnsafeCell,
    ffi::c_void,
    hint, io,
    mem::size_of,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::abi::{CnncExecutor, CnncTask};

/// About what it costs to sleep and to be woken.
const SPIN: Duration = Duration::from_micros(50);

/// Most threads of a pool; their number must fit into the lane bits of a word.
const MAX_THREADS: usize = 1024;

/// Bit 0 of a word: somebody sleeps until the word changes.
const PARKED: u64 = 1;
const LANE_SHIFT: u32 = 1;
const EPOCH_SHIFT: u32 = 12;
const LANE_MASK: u64 = (1 << (EPOCH_SHIFT - LANE_SHIFT)) - 1;

/// The name of the job that follows `word`. No lanes: the workers end.
fn next_word(word: u64, lanes: usize) -> u64 {
    ((word >> EPOCH_SHIFT) + 1) << EPOCH_SHIFT | (lanes as u64) << LANE_SHIFT
}

fn lanes_of(word: u64) -> usize {
    (word >> LANE_SHIFT & LANE_MASK) as usize
}

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
            process: process::id(),
            spin: if threads <= usable { SPIN } else { Duration::ZERO },
            busy: AtomicBool::new(false),
            post: Post { word: AtomicU64::new(0), job: UnsafeCell::new(None) },
            lanes: (0..threads).map(|_| Lane::default()).collect(),
            sleep: Mutex::new(()),
            posted: Condvar::new(),
            finished: Condvar::new(),
        });
        // Should a thread fail to start, dropping the pool ends those before it.
        let mut pool = Pool { shared, workers: Vec::with_capacity(threads - 1) };
        for home in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let worker = thread::Builder::new().name(format!("cnnc-{home}"));
            pool.workers.push(worker.spawn(move || shared.serve(home))?);
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
                lock(&caught.panic).get_or_insert(panic);
            }
        }
        let caught = Caught { task, panic: Mutex::new(None) };
        let argument = (&raw const caught).cast_mut().cast();
        // SAFETY: `call` reads its argument as what it is, shares only `Sync` data between threads and never
        // unwinds.
        unsafe { self.shared.parallel_for(Job { task: call, argument, count }) };
        if let Some(panic) = caught.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(panic);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.shared.is_forked() {
            // The workers are threads of the parent: here they cannot be joined, nor detached.
            self.workers.drain(..).for_each(std::mem::forget);
            return;
        }
        self.shared.publish(0);
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
    unsafe { shared.parallel_for(Job { task, argument, count }) }
}

#[derive(Clone, Copy)]
struct Job {
    task: CnncTask,
    argument: *mut c_void,
    count: u32,
}

impl Job {
    /// Makes the calls of one lane.
    ///
    /// # Safety
    /// `task(argument, index)` may be called now, from this thread, for every index.
    unsafe fn call(self, lane: usize, lanes: usize) {
        for index in (lane as u32..self.count).step_by(lanes) {
            // SAFETY: promised by the caller.
            unsafe { (self.task)(self.argument, index) };
        }
    }
}

/// The newest job; word and job share a cache line, so that one transfer brings both to a worker.
#[repr(align(128))]
struct Post {
    word: AtomicU64,
    job: UnsafeCell<Option<Job>>,
}

/// The words of the last job whose lane was begun and ended; a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Lane {
    claimed: AtomicU64,
    done: AtomicU64,
}

impl Lane {
    /// True for one thread a word.
    fn claim(&self, word: u64) -> bool {
        let seen = self.claimed.load(Relaxed);
        seen < word && self.claimed.compare_exchange(seen, word, Relaxed, Relaxed).is_ok()
    }
}

struct Shared {
    executor: CnncExecutor,
    process: u32,
    spin: Duration,
    busy: AtomicBool,
    post: Post,
    lanes: Box<[Lane]>,
    sleep: Mutex<()>,
    /// Workers wait here for a word.
    posted: Condvar,
    /// The caller waits here for a lane.
    finished: Condvar,
}

// SAFETY: the executor is never written; the job is written and read as the module's invariant says, and what
// its pointers may do on other threads was promised to `Shared::parallel_for`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// # Safety
    /// `task(argument, index)` may be called from any thread until this returns, and does not unwind.
    unsafe fn parallel_for(&self, job: Job) {
        let lanes = self.lanes.len().min(job.count as usize);
        if lanes < 2 || self.busy.swap(true, Acquire) {
            // SAFETY: promised by the caller.
            return unsafe { job.call(0, 1) };
        }
        // SAFETY: we hold `busy` and all lanes of the last job are done, so nobody reads the job.
        unsafe { *self.post.job.get() = Some(job) };
        let word = self.publish(lanes);
        self.work(word, 0);
        for lane in &self.lanes[..lanes] {
            self.wait_for(lane, word);
        }
        self.busy.store(false, Release);
    }

    /// Names a new job; only the holder of `busy`, or of the pool itself, may.
    fn publish(&self, lanes: usize) -> u64 {
        let word = next_word(self.post.word.load(Relaxed), lanes);
        if self.post.word.swap(word, Release) & PARKED != 0 {
            self.wake(&self.posted);
        }
        word
    }

    /// The life of worker `home`.
    fn serve(&self, home: usize) {
        let mut word = 0;
        loop {
            word = self.next_after(word);
            match lanes_of(word) {
                0 => return,
                lanes if home < lanes => self.work(word, home),
                _ => {} // A small loop stays with the threads whose lanes it has.
            }
        }
    }

    /// Does lane `home`, then every other lane that nobody has begun.
    fn work(&self, word: u64, home: usize) {
        let lanes = lanes_of(word);
        for lane in (home..lanes).chain(0..home) {
            if !self.lanes[lane].claim(word) {
                continue;
            }
            // SAFETY: the claim keeps the job of `word` in place until `done`, and it was written before
            // `word`.
            if let Some(job) = unsafe { *self.post.job.get() } {
                // SAFETY: the caller of `parallel_for` waits for this lane.
                unsafe { job.call(lane, lanes) };
            }
            if self.lanes[lane].done.swap(word, Release) & PARKED != 0 {
                self.wake(&self.finished);
            }
        }
    }

    /// Waits for a word other than `last`.
    fn next_after(&self, last: u64) -> u64 {
        let newer = || Some(self.post.word.load(Acquire) & !PARKED).filter(|&word| word != last);
        if let Some(word) = poll(self.spin, newer) {
            return word;
        }
        let mut guard = lock(&self.sleep);
        // It fails if another worker has set the bit, or if there is a newer word: both are seen below.
        let _ = self.post.word.compare_exchange(last, last | PARKED, Relaxed, Relaxed);
        loop {
            if let Some(word) = newer() {
                return word;
            }
            guard = wait(&self.posted, guard);
        }
    }

    /// Waits until `lane` of the job `word` is done.
    fn wait_for(&self, lane: &Lane, word: u64) {
        let done = || (lane.done.load(Acquire) == word).then_some(());
        if poll(self.spin, done).is_some() {
            return;
        }
        let mut guard = lock(&self.sleep);
        let seen = lane.done.load(Relaxed);
        if seen != word {
            // It fails if the lane was done just now: seen below.
            let _ = lane.done.compare_exchange(seen, word | PARKED, Relaxed, Relaxed);
        }
        while done().is_none() {
            guard = wait(&self.finished, guard);
        }
    }

    fn wake(&self, sleepers: &Condvar) {
        if self.is_forked() {
            return;
        }
        // Whoever set `PARKED` holds the mutex until it waits: after this line it hears the notification.
        drop(lock(&self.sleep));
        sleepers.notify_all();
    }

    /// True in a child that was forked after the pool was made.
    fn is_forked(&self) -> bool {
        process::id() != self.process
    }
}

/// Asks `ready` again and again, for about as long as `limit`.
fn poll<T>(limit: Duration, ready: impl Fn() -> Option<T>) -> Option<T> {
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

/// No guarded value here can be left half-written, so poison says nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a>(sleepers: &Condvar, guard: MutexGuard<'a, ()>) -> MutexGuard<'a, ()> {
    sleepers.wait(guard).unwrap_or_else(PoisonError::into_inner)
}
