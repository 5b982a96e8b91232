//! How threads share out a loop: who may begin which part, and when all is done.
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
//! awake pool makes no system call. Threads poll for `spin` before they sleep.
//!
//! A loop that finds the others busy (with another thread's loop, or with one that it is part of) runs on its
//! caller. So does every loop in a forked child: without workers nobody else claims a lane, and nobody is
//! woken, because a thread of the parent may have held the mutex.
//!
//! `tests/protocol.rs` lets loom try the interleavings of small loops.

use super::sync::{AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard, UnsafeCell, poll};
use std::{
    process,
    sync::{
        PoisonError,
        atomic::Ordering::{Acquire, Relaxed, Release},
    },
    time::Duration,
};

/// Most threads; their number must fit into the lane bits of a word.
pub(super) const MAX_THREADS: usize = 1024;

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

/// A loop that can be shared out.
pub(super) trait Job: Copy {
    /// How many calls it makes.
    fn count(self) -> u32;

    /// Makes the calls of one lane; does not unwind.
    ///
    /// # Safety
    /// The calls may be made now, from this thread.
    unsafe fn call(self, lane: usize, lanes: usize);
}

/// The newest job; word and job share a cache line, so that one transfer brings both to a worker.
#[repr(align(128))]
struct Post<J> {
    word: AtomicU64,
    job: UnsafeCell<Option<J>>,
}

/// The words of the last job whose lane was begun and ended; a cache line of its own.
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

/// What the threads share.
pub(super) struct Protocol<J> {
    process: u32,
    spin: Duration,
    busy: AtomicBool,
    post: Post<J>,
    lanes: Box<[Lane]>,
    sleep: Mutex<()>,
    /// Workers wait here for a word.
    posted: Condvar,
    /// The caller waits here for a lane.
    finished: Condvar,
}

// SAFETY: the job is written and read as the module's invariant says, and what it may do on other threads was
// promised to `Protocol::run`.
unsafe impl<J> Send for Protocol<J> {}
// SAFETY: as above.
unsafe impl<J> Sync for Protocol<J> {}

impl<J: Job> Protocol<J> {
    /// Nothing has been run, by so many threads, which look out for `spin` before they sleep.
    pub(super) fn new(threads: usize, spin: Duration) -> Protocol<J> {
        let lane = |_| Lane { claimed: AtomicU64::new(0), done: AtomicU64::new(0) };
        Protocol {
            process: process::id(),
            spin,
            busy: AtomicBool::new(false),
            post: Post { word: AtomicU64::new(0), job: UnsafeCell::new(None) },
            lanes: (0..threads).map(lane).collect(),
            sleep: Mutex::new(()),
            posted: Condvar::new(),
            finished: Condvar::new(),
        }
    }

    /// Runs a loop, on this thread and on whoever serves.
    ///
    /// # Safety
    /// The calls of the job may be made from any thread until this returns.
    pub(super) unsafe fn run(&self, job: J) {
        let lanes = self.lanes.len().min(job.count() as usize);
        if lanes < 2 || self.busy.swap(true, Acquire) {
            // SAFETY: promised by the caller.
            return unsafe { job.call(0, 1) };
        }
        // SAFETY: we hold `busy` and all lanes of the last job are done, so nobody reads the job.
        self.post.job.with_mut(|place| unsafe { *place = Some(job) });
        let word = self.publish(lanes);
        self.work(word, 0);
        for lane in &self.lanes[..lanes] {
            self.wait_for(lane, word);
        }
        self.busy.store(false, Release);
    }

    /// Lets all that serve return. Only when no loop runs, nor ever will.
    pub(super) fn end(&self) {
        self.publish(0);
    }

    /// Names a new job; only the holder of `busy`, or of the whole, may.
    fn publish(&self, lanes: usize) -> u64 {
        let word = next_word(self.post.word.load(Relaxed), lanes);
        if self.post.word.swap(word, Release) & PARKED != 0 {
            self.wake(&self.posted);
        }
        word
    }

    /// The life of worker `home`.
    pub(super) fn serve(&self, home: usize) {
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
            if let Some(job) = self.post.job.with(|place| unsafe { *place }) {
                // SAFETY: the caller of `run` waits for this lane.
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

    /// True in a child that was forked after this was made.
    pub(super) fn is_forked(&self) -> bool {
        process::id() != self.process
    }
}

/// No guarded value here can be left half-written, so poison says nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a>(sleepers: &Condvar, guard: MutexGuard<'a, ()>) -> MutexGuard<'a, ()> {
    sleepers.wait(guard).unwrap_or_else(PoisonError::into_inner)
}
