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
use cnnc_ir::{Module, text};
use cnnc_runtime::{Model, Pool, Workspace};
use cnnc_tests::child::child;
use cnnc_tests::compiled::{jit, targets, write};
use cnnc_tests::count::{number, report, say};
use cnnc_tests::models::{import, shared};
use cnnc_tests::ready::Ready;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The system's allocator, which counts the requests of all threads and of each, notes how large they are, and refuses
/// one of a thread if told to.
struct Counted;

/// Requests of a thread whose sizes are noted.
const NOTED: usize = 1024;

static ALL: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
    static SIZES: [Cell<usize>; NOTED] = const { [const { Cell::new(0) }; NOTED] };
    static REFUSED: Cell<usize> = const { Cell::new(usize::MAX) };
}

// SAFETY: the system's allocator, or null, which an allocator may always answer.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALL.fetch_add(1, Ordering::Relaxed);
        let asked = ASKED.get();
        ASKED.set(asked + 1);
        SIZES.with(|sizes| sizes[asked % NOTED].set(layout.size()));
        if asked == REFUSED.get() {
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

/// Convolutions in blocks, groups over rings, pools, a product and a softmax.
fn built_in(name: &str) -> Module {
    let size = (name != "lenet5").then_some(64);
    let options = ArchOptions { size, ..ArchOptions::default() };
    find(name).unwrap().build(&options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A network in code, and its inputs.
fn compiled(module: Module, target: &Target) -> (Model, Vec<Vec<u8>>) {
    let random = Init::Rand { seed: 7, min: -1.0, max: 1.0 };
    let input = |&id| random.tensor(module.graph.ty(id)).unwrap().data().to_le_bytes();
    let inputs = module.graph.inputs().iter().map(input).collect();
    (jit(module, target), inputs)
}

/// A built-in network, and its inputs.
fn model(name: &str) -> (Model, Vec<Vec<u8>>) {
    compiled(built_in(name), &Target::x86_64_v3())
}

/// All networks in all ways that run here, with their inputs.
fn models() -> impl Iterator<Item = (String, Model, Vec<Vec<u8>>)> {
    let given = GIVEN.iter().filter_map(|name| Some((*name, import(&shared(name)?.join("model.onnx"), 1))));
    let networks = MODELS.iter().map(|name| (*name, built_in(name))).chain(given);
    networks.flat_map(|(name, module)| {
        targets().into_iter().enumerate().map(move |(k, target)| {
            let (model, inputs) = compiled(module.clone(), &target);
            (format!("{name}, way {k}"), model, inputs)
        })
    })
}

const MODELS: [&str; 3] = ["lenet5", "resnet18", "densenet121"];

/// Given networks that differ from those: integers, groups, many results.
const GIVEN: [&str; 4] =
    ["mnist-8", "resnet8-cifar10-qdq-s8", "ultraface-slim-320-simplified", "squeezenet_v1.1"];

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
    let mut runs = 0;
    for (name, model, inputs) in models() {
        let wanted = wanted(&model, &inputs);
        let mut ready = Ready::new(&model, &inputs, None);
        let status = child(|| {
            forbid_system_calls();
            let statuses = ready.run() | ready.run();
            if statuses == 0 && ready.outputs() == wanted { 7 } else { 1 }
        });
        assert_eq!(status, 7, "{name}");
        runs += 2;
    }
    report("runs without a system call", runs, 0);
}

/// In a child, where no other test allocates, so that the workers of its pool are counted too.
#[test]
fn a_run_allocates_nothing() {
    for name in MODELS {
        let (model, inputs) = model(name);
        for threads in [1, 3] {
            let status = child(|| {
                let pool = (threads > 1).then(|| Pool::new(threads).unwrap());
                let mut ready = Ready::new(&model, &inputs, pool.as_ref());
                // A thread may allocate as it starts.
                std::thread::sleep(Duration::from_millis(20));
                let before = ALL.load(Ordering::SeqCst);
                let status = (0..5).fold(0, |status, _| status | ready.run());
                if status == 0 && ALL.load(Ordering::SeqCst) == before { 7 } else { 1 }
            });
            assert_eq!(status, 7, "{name} on {threads} threads");
        }
    }
    let noticed = child(|| {
        let pool = Pool::new(3).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let before = ALL.load(Ordering::SeqCst);
        let caller = std::thread::current().id();
        // As many as the pool has threads, each of which waits for the others: every one gets one.
        let all = Barrier::new(3);
        pool.parallel_for(3, &|_| {
            all.wait();
            if std::thread::current().id() != caller {
                drop(std::hint::black_box(Box::new(1)));
            }
        });
        (ALL.load(Ordering::SeqCst) - before) as i32
    });
    assert_eq!(noticed, 2, "an allocation of a worker is noticed");
}

#[test]
fn a_run_fits_a_stack_of_32_kib() {
    for (name, model, inputs) in models() {
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

/// Eight threads run five models in turns, each alone, with a pool of its own or with one that they share.
#[test]
fn threads_do_not_disturb_each_other() {
    let runs = number("CNNC_RUNS", 500);
    let [wide, narrow, clif] = targets();
    let networks = [("lenet5", &wide), ("lenet5-relu", &narrow), ("resnet20", &wide), ("lenet5", &clif)];
    let small = text::parse(
        "graph @g(%x: f32[1,8,5,5]) {\n  %y: f32[1,8,5,5] = softmax %x, axis=1 |> tanh\n  return %y\n}\n",
    );
    let mut models: Vec<_> = networks.iter().map(|(name, way)| compiled(built_in(name), way)).collect();
    models.push(compiled(small.unwrap(), &narrow));
    let wanted: Vec<_> = models.iter().map(|(model, inputs)| wanted(model, inputs)).collect();
    let shared = Pool::new(3).unwrap();
    let work = |thread: usize| {
        let own = Pool::new(2).unwrap();
        let pool = [None, Some(&own), Some(&shared)][thread % 3];
        let ready = models.iter().map(|(model, inputs)| Ready::new(model, inputs, pool));
        let mut ready: Vec<_> = ready.collect();
        let right = (0..runs * models.len()).filter(|turn| {
            let at = (turn + thread) % models.len();
            ready[at].spoil();
            ready[at].run() == 0 && ready[at].outputs() == wanted[at]
        });
        right.count()
    };
    let right: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let all = 8 * runs * models.len();
    report("runs of 5 models on 8 threads with mixed executors", right, all - right);
    assert_eq!(right, all);
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

/// Refuses each allocation of an act in turn, in a child: how many there are, and of how many the act makes an error.
/// Those of more bytes than a few hundred must be one: a model says how large they are. Others may end the process, as
/// Rust does, but never by a stray access.
fn refuse_each(what: &str, mut act: impl FnMut() -> Result<(), String>) -> (usize, usize) {
    // What is allocated once for all is not its own.
    act().unwrap();
    let before = ASKED.get();
    act().unwrap();
    let all = ASKED.get() - before;
    assert!(all <= NOTED, "{what}: {all} allocations");
    let sizes: Vec<usize> =
        SIZES.with(|sizes| (before..before + all).map(|k| sizes[k % NOTED].get()).collect());
    let (mut errors, mut ends) = (0, 0);
    for (k, size) in sizes.iter().enumerate() {
        let status = child(|| {
            // SAFETY: the child is silent: what Rust says at its end is expected.
            unsafe { libc::close(2) };
            REFUSED.set(ASKED.get() + k);
            let result = act();
            REFUSED.set(usize::MAX);
            i32::from(result.is_err())
        });
        match status {
            1 => errors += 1,
            signal if signal == -libc::SIGABRT && *size <= FEW_HUNDRED => ends += 1,
            status => panic!("{what}: allocation {k} of {all}, of {size} bytes: status {status}"),
        }
    }
    assert_eq!(errors + ends, all, "{what}");
    (all, errors)
}

/// Bytes of an allocation that may end the process.
const FEW_HUNDRED: usize = 1024;

/// Whichever allocation fails while a model is opened, a pool or a workspace is made, and a model is run.
#[test]
fn every_allocation_may_fail() {
    let (model, inputs) = model("lenet5");
    let x: Vec<f32> = inputs[0].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let mut y: Vec<f32> = vec![0.0; model.outputs()[0].bytes / 4];
    assert!(model.arena_bytes() > FEW_HUNDRED);
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("net.so");
    write(built_in("lenet5"), &Target::x86_64_v3(), &[&library]);
    let run = refuse_each("a run in a workspace", || {
        let mut workspace = Workspace::new(&model, 1).map_err(|error| error.to_string())?;
        model.run_f32(&[&x], &mut [&mut y], &mut workspace).map_err(|error| error.to_string())
    });
    let open = refuse_each("a library that is opened", || {
        Model::open(&library).map(drop).map_err(|error| error.to_string())
    });
    let pool = refuse_each("a pool", || Pool::new(4).map(drop).map_err(|error| error.to_string()));
    let shared = refuse_each("a workspace with a pool", || {
        Workspace::new(&model, 3).map(drop).map_err(|error| error.to_string())
    });
    let all: usize = [run, open, pool, shared].iter().map(|(all, _)| all).sum();
    report("refused allocations", all, 0);
    say(&format!("allocations and errors: {:?}", [run, open, pool, shared]));
    assert!(run.1 >= 1 && shared.1 >= 1 && open.0 >= 3 && pool.0 >= 3, "{:?}", [run, open, pool, shared]);
    let before = ASKED.get();
    let refused = catch_unwind(AssertUnwindSafe(|| {
        REFUSED.set(before);
        let result = Workspace::new(&model, 1);
        REFUSED.set(usize::MAX);
        result.map(|_| ()).map_err(|error| error.to_string())
    }));
    let message = refused.unwrap().unwrap_err();
    let bytes = SIZES.with(|sizes| sizes[before % NOTED].get());
    assert!(message.contains("no memory") && bytes >= model.arena_bytes(), "{message}");
}
