//! The pool under load: each index once, whatever the count, the nesting, the callers and the panics.

use std::{
    cell::Cell,
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{
        Barrier,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use cnnc_runtime::{Pool, abi::CnncExecutor, cnnc_pool_create, cnnc_pool_destroy};

/// Runs one loop and says how often each index was called.
fn calls(pool: &Pool, count: u32) -> Vec<u32> {
    let counters: Vec<AtomicU32> = (0..count).map(|_| AtomicU32::new(0)).collect();
    pool.parallel_for(count, &|index| {
        counters[index as usize].fetch_add(1, Relaxed);
    });
    counters.into_iter().map(AtomicU32::into_inner).collect()
}

#[test]
fn every_index_once_for_any_count() {
    for threads in [1, 2, 3, 4, 7] {
        let pool = Pool::new(threads).unwrap();
        assert_eq!(pool.threads(), threads);
        for count in (0..40).chain([1000, 4096, 65537]) {
            assert_eq!(calls(&pool, count), vec![1; count as usize], "{threads} threads, {count} calls");
        }
    }
}

/// The data is not atomic: a missing happens-before edge or a second call shows as a wrong number.
#[test]
fn many_small_loops_see_what_came_before() {
    const LOOPS: u64 = 100_000;
    struct Cells(Vec<Cell<u64>>);
    // SAFETY: loop i touches cell j from one call only.
    unsafe impl Sync for Cells {}
    for threads in [2, 4] {
        let pool = Pool::new(threads).unwrap();
        let cells = Cells((0..threads).map(|_| Cell::new(0)).collect());
        for number in 0..LOOPS {
            let cells = &cells;
            pool.parallel_for(threads, &|index| {
                // A rotation: another thread than in the loop before.
                let cell = &cells.0[(u64::from(index) + number) as usize % cells.0.len()];
                cell.set(cell.get() + number);
            });
            if number % 997 == 0 {
                let sum: u64 = cells.0.iter().map(Cell::get).sum();
                assert_eq!(sum, u64::from(threads) * number * (number + 1) / 2);
            }
        }
        assert!(cells.0.iter().all(|cell| cell.get() == LOOPS * (LOOPS - 1) / 2));
    }
}

#[test]
fn a_loop_uses_the_workers() {
    let pool = Pool::new(3).unwrap();
    // Each call waits for the others: one thread alone would never return.
    let barrier = Barrier::new(3);
    for _ in 0..200 {
        pool.parallel_for(3, &|_| {
            barrier.wait();
        });
    }
}

#[test]
fn sleeping_threads_are_woken() {
    let pool = Pool::new(3).unwrap();
    let barrier = Barrier::new(3);
    for pause in [0, 10, 40, 50, 60, 100, 1000, 3000].repeat(20) {
        // Workers fall asleep between the loops, the caller inside of them.
        thread::sleep(Duration::from_micros(pause));
        pool.parallel_for(3, &|index| {
            barrier.wait();
            if index > 0 {
                thread::sleep(Duration::from_micros(pause));
            }
        });
    }
}

#[test]
fn loops_nest() {
    let pool = Pool::new(4).unwrap();
    for _ in 0..1000 {
        let sum = AtomicU64::new(0);
        pool.parallel_for(6, &|outer| {
            pool.parallel_for(5, &|inner| {
                sum.fetch_add(u64::from(10 * outer + inner), Relaxed);
            });
        });
        assert_eq!(sum.into_inner(), 10 * 15 * 5 + 10 * 6);
    }
}

#[test]
fn many_callers_share_a_pool() {
    let pool = Pool::new(3).unwrap();
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                for count in 0..5000 {
                    let count = count % 9;
                    assert_eq!(calls(&pool, count), vec![1; count as usize]);
                }
            });
        }
    });
}

#[test]
fn a_panic_reaches_the_caller_after_all_calls() {
    let pool = Pool::new(4).unwrap();
    for guilty in 0..8 {
        let called = AtomicU32::new(0);
        let run = || {
            pool.parallel_for(8, &|index| {
                called.fetch_add(1, Relaxed);
                if index == guilty {
                    std::panic::resume_unwind(Box::new(index));
                }
            });
        };
        let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(*panic.downcast::<u32>().unwrap(), guilty);
        assert_eq!(called.into_inner(), 8);
        assert_eq!(calls(&pool, 8), [1; 8]);
    }
}

#[test]
fn pools_come_and_go() {
    for number in 0..1000 {
        let pool = Pool::new(3).unwrap();
        if number % 2 == 0 {
            assert_eq!(calls(&pool, 3), [1; 3]);
        }
    }
}

#[test]
fn impossible_numbers_of_threads_are_refused() {
    assert!(Pool::new(1025).is_err());
    assert!(Pool::new(u32::MAX).is_err());
    let usable = thread::available_parallelism().unwrap().get() as u32;
    assert_eq!(Pool::new(0).unwrap().threads(), usable.min(1024));
}

#[test]
fn a_forked_child_runs_alone() {
    let pool = Pool::new(4).unwrap();
    assert_eq!(calls(&pool, 16), [1; 16]);
    // SAFETY: the child neither allocates nor locks, and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let sum = AtomicU32::new(0);
        pool.parallel_for(16, &|index| {
            sum.fetch_add(index, Relaxed);
        });
        let right = sum.into_inner() == 120;
        drop(pool);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if right { 0 } else { 1 }) };
    }
    let mut status = -1;
    // SAFETY: waits for our child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(calls(&pool, 16), [1; 16]);
}

#[test]
fn the_executor_of_c() {
    unsafe extern "C" fn add(argument: *mut c_void, index: u32) {
        // SAFETY: the counters below.
        let counters = unsafe { &*argument.cast_const().cast::<[AtomicU32; 11]>() };
        counters[index as usize].fetch_add(1, Relaxed);
    }
    let run = |executor: &CnncExecutor| {
        let counters: [AtomicU32; 11] = Default::default();
        let argument = (&raw const counters).cast_mut().cast();
        // SAFETY: `add` takes these counters.
        unsafe { executor.parallel_for.unwrap()(executor.context, 11, add, argument) };
        assert_eq!(counters.map(AtomicU32::into_inner), [1; 11]);
        assert_eq!((executor.struct_bytes as usize, executor.threads), (size_of::<CnncExecutor>(), 4));
    };
    let pool = Box::new(Pool::new(4).unwrap());
    let executor = pool.executor();
    let moved = *pool;
    // SAFETY: the pool lives, though at another place.
    run(unsafe { &*executor });
    drop(moved);

    let executor = cnnc_pool_create(4);
    // SAFETY: made here, destroyed once.
    unsafe {
        run(&*executor);
        cnnc_pool_destroy(executor);
        cnnc_pool_destroy(std::ptr::null_mut());
    }
    assert!(cnnc_pool_create(u32::MAX).is_null());
}

/// In a process of its own, since the other tests take processor time.
#[test]
fn idle_workers_sleep() {
    const ALONE: &str = "CNNC_TEST_IDLE_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let mut alone = process::Command::new(std::env::current_exe().unwrap());
        let status = alone.args(["--exact", "idle_workers_sleep"]).env(ALONE, "1").status().unwrap();
        assert!(status.success());
        return;
    }
    let pool = Pool::new(4).unwrap();
    let pools: Vec<Pool> = (0..8).map(|_| Pool::new(2).unwrap()).collect();
    for pool in pools.iter().chain([&pool]) {
        assert_eq!(calls(pool, 9), [1; 9]);
    }
    thread::sleep(Duration::from_millis(20));
    let before = processor_time();
    thread::sleep(Duration::from_millis(200));
    let used = processor_time() - before;
    assert!(used < Duration::from_millis(10), "{used:?} used while idle");
    assert_eq!(calls(&pool, 9), [1; 9]);
}

fn processor_time() -> Duration {
    // SAFETY: zero is a value of this struct, and the system fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0);
        usage
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}
