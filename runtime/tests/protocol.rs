//! Every interleaving of small loops, as far as loom follows them: no data race, no lost wake-up, each lane once.
//!
//! The file under test is the pool's own, with loom's atomics, locks and cells in the place of those of the standard
//! library. `CNNC_PREEMPTIONS` says how many preemptions an interleaving may have.

#[path = "../src/pool/protocol.rs"]
#[allow(dead_code, unreachable_pub, reason = "the pool uses more of it")]
mod protocol;

/// Loom's.
mod sync {
    use std::time::Duration;

    pub(super) use loom::cell::UnsafeCell;
    pub(super) use loom::sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64},
    };

    /// Asks once: whoever asked again would see what another interleaving shows.
    pub(super) fn poll<T>(_limit: Duration, ready: impl Fn() -> Option<T>) -> Option<T> {
        ready()
    }
}

use loom::{cell::UnsafeCell, model::Builder, sync::Arc, thread};
use protocol::{Job, Protocol};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Cells without any synchronisation of their own: loom sees every unordered access.
type Cells = Arc<[UnsafeCell<u32>; 2]>;

/// Adds 1 to each cell; call i touches cell i + turn, so that in the next turn another thread meets it.
#[derive(Clone, Copy)]
struct Count {
    cells: *const [UnsafeCell<u32>; 2],
    turn: usize,
}

impl Job for Count {
    fn count(self) -> u32 {
        2
    }

    unsafe fn call(self, lane: usize, lanes: usize) {
        for index in (lane..2).step_by(lanes) {
            // SAFETY: the cells outlive the loop; loom sees who touches one at the same time.
            unsafe { (&(*self.cells))[(index + self.turn) % 2].with_mut(|cell| *cell += 1) };
        }
    }
}

/// Runs a loop and sees what its calls wrote.
fn run(protocol: &Protocol<Count>, cells: &Cells, turn: usize, wanted: u32) {
    // SAFETY: the cells live, and the loop's calls are the only ones that touch them until it returns.
    unsafe { protocol.run(Count { cells: &raw const **cells, turn }) };
    for cell in cells.iter() {
        // SAFETY: no loop runs over these cells.
        assert_eq!(cell.with(|cell| unsafe { *cell }), wanted);
    }
}

/// Tries a scenario in all interleavings; says how many there were.
fn explored(what: &str, scenario: impl Fn() + Sync + Send + 'static) {
    // One of its own: tests run side by side.
    let tried: &AtomicU64 = Box::leak(Box::default());
    let mut builder = Builder::new();
    let bound = std::env::var("CNNC_PREEMPTIONS").map_or(2, |text| text.parse().expect("a count"));
    builder.preemption_bound = Some(bound);
    builder.check(move || {
        tried.fetch_add(1, Relaxed);
        scenario();
    });
    let tried = tried.load(Relaxed);
    eprintln!("{what}: {tried} passed, 0 failed");
    assert!(tried > 100, "{what}: only {tried} interleavings");
}

fn new_cells() -> Cells {
    Arc::new([UnsafeCell::new(0), UnsafeCell::new(0)])
}

/// A protocol of two threads and a worker that serves.
fn served() -> (Arc<Protocol<Count>>, thread::JoinHandle<()>) {
    let protocol = Arc::new(Protocol::new(2, Duration::ZERO));
    let worker = protocol.clone();
    (protocol, thread::spawn(move || worker.serve(1)))
}

#[test]
fn loops_follow_each_other() {
    explored("interleavings of two loops", || {
        let (protocol, worker) = served();
        let cells = new_cells();
        run(&protocol, &cells, 0, 1);
        run(&protocol, &cells, 1, 2);
        protocol.end();
        worker.join().unwrap();
    });
}

#[test]
fn callers_meet() {
    explored("interleavings of two callers", || {
        let (protocol, worker) = served();
        let other = protocol.clone();
        let caller = thread::spawn(move || run(&other, &new_cells(), 0, 1));
        run(&protocol, &new_cells(), 0, 1);
        caller.join().unwrap();
        protocol.end();
        worker.join().unwrap();
    });
}
