//! What programs with deadlines and many threads rely on: a run asks nothing of the system, needs little stack, and
//! gives the same bits on any thread beside any other.
//!
//! ```text
//! cargo test -p cnnc-tests --test realtime                     8 threads, 500 runs each
//! CNNC_RUNS=10000 cargo test -p cnnc-tests --test realtime     as many as you like
//! ```
//!
//! Children are forked for what ends a process; they call the model and nothing that may allocate.

use cnnc_codegen::Target;
use cnnc_frontends::arch::{ArchOptions, find};
use cnnc_ir::ops::Init;
use cnnc_runtime::{Model, Pool, Workspace};
use cnnc_tests::child::child;
use cnnc_tests::compiled::jit;
use cnnc_tests::count::{number, report};
use cnnc_tests::ready::Ready;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The system's allocator, which counts the requests of each thread and refuses one of them if told to.
struct Counted;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
    static REFUSED: Cell<usize> = const { Cell::new(usize::MAX) };
    static REFUSED_BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator, or null, which an allocator may always answer.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let asked = ASKED.get();
        ASKED.set(asked + 1);
        if asked == REFUSED.get() {
            REFUSED_BYTES.set(layout.size());
            return std::ptr::null_mut();
        }
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTED: Counted = Counted;

/// Convolutions in blocks, groups over rings, pools, a product and a softmax; and its inputs.
fn model(name: &str) -> (Model, Vec<Vec<u8>>) {
    let size = (name != "lenet5").then_some(64);
    let options = ArchOptions { size, ..ArchOptions::default() };
    let module = find(name).unwrap().build(&options).unwrap_or_else(|error| panic!("{name}: {error}"));
    let x = Init::Rand { seed: 7, min: -1.0, max: 1.0 };
    let x = x.tensor(module.graph.ty(module.graph.inputs()[0])).unwrap();
    (jit(module, &Target::x86_64_v3()), vec![x.data().to_le_bytes()])
}

const MODELS: [&str; 3] = ["lenet5", "resnet18", "densenet121"];

/// What a model gives on one thread.
fn wanted(model: &Model, inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut ready = Ready::new(model, inputs, None);
    assert_eq!(ready.run(), 0);
    ready.outputs().to_vec()
}

/// From here on this thread may read, write and exit; any other call of the system kills it.
fn forbid_system_calls() {
    // SAFETY: a child of its own is restricted.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) }, 0);
}

#[test]
fn a_run_calls_no_system() {
    let asks = child(|| {
        forbid_system_calls();
        // SAFETY: it has no arguments.
        unsafe { libc::getppid() }
    });
    assert_eq!(asks, -libc::SIGKILL, "a system call is noticed");
    for name in MODELS {
        let (model, inputs) = model(name);
        let wanted = wanted(&model, &inputs);
        let mut ready = Ready::new(&model, &inputs, None);
        let status = child(|| {
            forbid_system_calls();
            let statuses = ready.run() | ready.run();
            if statuses == 0 && ready.outputs() == wanted { 7 } else { 1 }
        });
        assert_eq!(status, 7, "{name}");
    }
    report("runs without a system call", 2 * MODELS.len(), 0);
}

#[test]
fn a_run_allocates_nothing() {
    let pool = Pool::new(3).unwrap();
    for name in MODELS {
        let (model, inputs) = model(name);
        for pool in [None, Some(&pool)] {
            let mut ready = Ready::new(&model, &inputs, pool);
            let before = ASKED.get();
            assert_eq!(ready.run(), 0);
            assert_eq!(ASKED.get(), before, "{name}");
        }
    }
    let before = ASKED.get();
    drop(Box::new(1));
    assert_eq!(ASKED.get(), before + 1, "an allocation is noticed");
}

#[test]
fn a_run_fits_a_stack_of_32_kib() {
    for name in MODELS {
        let (model, inputs) = model(name);
        let wanted = wanted(&model, &inputs);
        assert!(model.stack_bytes() <= 16 << 10, "{name}: {} bytes of stack", model.stack_bytes());
        let mut ready = Ready::new(&model, &inputs, None);
        std::thread::scope(|scope| {
            let small = std::thread::Builder::new().stack_size(32 << 10);
            assert_eq!(small.spawn_scoped(scope, || ready.run()).unwrap().join().unwrap(), 0);
        });
        assert!(ready.outputs() == wanted, "{name}");
    }
}

#[test]
fn threads_do_not_disturb_each_other() {
    let runs = number("CNNC_RUNS", 500);
    let (model, inputs) = model("lenet5");
    let wanted = wanted(&model, &inputs);
    let shared = Pool::new(3).unwrap();
    let work = |thread: usize| {
        let own = Pool::new(2).unwrap();
        let pool = [None, Some(&own), Some(&shared)][thread % 3];
        let mut ready = Ready::new(&model, &inputs, pool);
        let right = (0..runs).filter(|_| {
            ready.spoil();
            ready.run() == 0 && ready.outputs() == wanted
        });
        right.count()
    };
    let right: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    report("runs on 8 threads with mixed executors", right, 8 * runs - right);
    assert_eq!(right, 8 * runs);
    assert!(runs >= 500, "only {runs} runs");
}

#[test]
fn a_forked_child_runs_with_the_pool_of_its_parent() {
    let pool = Pool::new(4).unwrap();
    let (model, inputs) = model("resnet18");
    let wanted = wanted(&model, &inputs);
    let mut ready = Ready::new(&model, &inputs, Some(&pool));
    assert_eq!(ready.run(), 0);
    ready.spoil();
    let status = child(|| if ready.run() == 0 && ready.outputs() == wanted { 7 } else { 1 });
    assert_eq!(status, 7);
    assert_eq!(ready.run(), 0);
    assert!(ready.outputs() == wanted, "the parent goes on");
}

#[test]
fn a_pool_outlives_tasks_that_panic_or_dawdle() {
    let pool = Pool::new(4).unwrap();
    let (model, inputs) = model("resnet18");
    let wanted = wanted(&model, &inputs);
    for round in 0..20 {
        let task = |index: u32| match (index + round) % 7 {
            0 => std::panic::resume_unwind(Box::new("a task")),
            1 => std::thread::sleep(Duration::from_millis(2)),
            _ => {}
        };
        assert!(catch_unwind(AssertUnwindSafe(|| pool.parallel_for(8, &task))).is_err());
        let mut ready = Ready::new(&model, &inputs, Some(&pool));
        assert_eq!(ready.run(), 0);
        assert!(ready.outputs() == wanted, "round {round}");
    }
}

/// Flush modes and rounding are the caller's: a run leaves them as they were.
#[test]
#[cfg(target_arch = "x86_64")]
fn the_state_of_the_processor_stays() {
    let (model, inputs) = model("lenet5");
    let mut ready = Ready::new(&model, &inputs, None);
    let read = || {
        let mut state = 0u32;
        // SAFETY: the instruction writes these four bytes.
        unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut state) };
        state
    };
    // What a calculation raises, such as "inexact", are the low six bits.
    let before = read() & !0x3F;
    assert_eq!(ready.run(), 0);
    assert_eq!(read() & !0x3F, before);
}

/// Whichever allocation fails while a workspace is made and a model is run: those of a size that the model says come
/// back as an error; those of a few hundred bytes end the process as Rust does, never by a stray access.
#[test]
fn every_allocation_may_fail() {
    let (model, inputs) = model("lenet5");
    let x: Vec<f32> = inputs[0].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let mut y: Vec<f32> = vec![0.0; model.outputs()[0].bytes / 4];
    let mut run = |threads| -> Result<(), String> {
        let mut workspace = Workspace::new(&model, threads).map_err(|error| error.to_string())?;
        model.run_f32(&[&x], &mut [&mut y], &mut workspace).map_err(|error| error.to_string())
    };
    let before = ASKED.get();
    run(1).unwrap();
    let all = ASKED.get() - before;
    let (mut errors, mut ends) = (0, 0);
    for k in 0..all {
        let status = child(|| {
            // SAFETY: the child is silent: what Rust says at its end is expected.
            unsafe { libc::close(2) };
            REFUSED.set(ASKED.get() + k);
            let result = run(1);
            REFUSED.set(usize::MAX);
            i32::from(result.is_err())
        });
        match status {
            1 => errors += 1,
            signal if signal == -libc::SIGABRT => ends += 1,
            status => panic!("allocation {k} of {all}: status {status}"),
        }
    }
    report("refused allocations", errors + ends, 0);
    assert!(errors >= 1 && errors + ends == all && all >= 3, "{errors} errors, {ends} ends of {all}");
    let refused = catch_unwind(AssertUnwindSafe(|| {
        REFUSED.set(ASKED.get());
        let result = Workspace::new(&model, 1);
        REFUSED.set(usize::MAX);
        result.map(|_| ()).map_err(|error| error.to_string())
    }));
    let message = refused.unwrap().unwrap_err();
    assert!(message.contains("no memory") && REFUSED_BYTES.get() >= model.arena_bytes(), "{message}");
}
