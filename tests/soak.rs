//! Long use: memory, mappings and open files stay as they are after the first uses.
//!
//! ```text
//! cargo test -p cnnc-tests --test soak                                        3,000 runs, 60 compilations
//! CNNC_RUNS=100000 CNNC_CYCLES=10000 cargo test -p cnnc-tests --test soak     as many as you like
//! ```

use cnnc_codegen::Target;
use cnnc_ir::ops::Init;
use cnnc_ir::{Module, text};
use cnnc_runtime::Model;
use cnnc_tests::compiled::{jit, write};
use cnnc_tests::count::{number, report, say};
use cnnc_tests::ready::Ready;

/// Most bytes that a process may grow by in the second half of what it repeats: pages that the allocator breaks up.
const SLACK: usize = 256 << 10;

const NETWORK: &str = "\
graph @net(%x: f32[1,3,24,20]) {
  %w: f32[16,3,3,3] = const rand(1, min=-0.5, max=0.5)
  %b: f32[16] = const rand(2)
  %c: f32[1,16,24,20] = conv %x, %w, %b, pad=1 |> relu
  %v: f32[8,16,3,3] = const rand(3, min=-0.5, max=0.5)
  %d: f32[1,8,12,10] = conv %c, %v, stride=2, pad=1
  %y: f32[1,8,1,1] = reduce_mean %d, axes=[2,3]
  return %y
}
";

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    bytes: usize,
    mappings: usize,
    files: usize,
}

impl Held {
    fn now() -> Held {
        // What was freed and is kept for later is not held.
        // SAFETY: it only returns free memory to the system.
        unsafe { libc::malloc_trim(0) };
        let read = |path| std::fs::read_to_string(path).unwrap();
        let pages = read("/proc/self/statm").split(' ').nth(1).unwrap().parse::<usize>().unwrap();
        Held {
            bytes: pages * 4096,
            mappings: read("/proc/self/maps").lines().count(),
            files: std::fs::read_dir("/proc/self/fd").unwrap().count(),
        }
    }
}

/// Does something `count` times, and holds what the process holds in the end against what it held halfway.
fn flat(what: &str, count: usize, mut act: impl FnMut()) {
    (0..count / 2).for_each(|_| act());
    let before = Held::now();
    (count / 2..count).for_each(|_| act());
    let after = Held::now();
    say(&format!("{what}: {before:?}, then {after:?}"));
    assert!(after.bytes <= before.bytes + SLACK, "{what}: {before:?} became {after:?}");
    assert!(after.mappings <= before.mappings, "{what}: {before:?} became {after:?}");
    assert!(after.files <= before.files, "{what}: {before:?} became {after:?}");
    report(what, count, 0);
}

/// One test, so that nothing else lives in the process.
#[test]
fn nothing_grows() {
    let (runs, cycles) = (number("CNNC_RUNS", 3000), number("CNNC_CYCLES", 60));
    let module = || -> Module { text::parse(NETWORK).unwrap() };
    let model = jit(module(), &Target::x86_64_v3());
    let x = Init::Rand { seed: 7, min: -1.0, max: 1.0 };
    let x = x.tensor(module().graph.ty(module().graph.inputs()[0])).unwrap();
    let inputs = [x.data().to_le_bytes()];
    let mut ready = Ready::new(&model, &inputs, None);
    assert_eq!(ready.run(), 0);
    let wanted = ready.outputs().to_vec();
    flat("runs", runs, || {
        ready.spoil();
        assert_eq!(ready.run(), 0);
        assert!(ready.outputs() == wanted);
    });
    let same = |model: &Model| {
        let mut ready = Ready::new(model, &inputs, None);
        assert_eq!(ready.run(), 0);
        assert!(ready.outputs() == wanted);
    };
    flat("compilations into memory", cycles, || same(&jit(module(), &Target::x86_64_v3())));
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("net.so");
    flat("compilations to a library that is opened", cycles / 2, || {
        write(module(), &Target::x86_64_v3(), &[&library]);
        same(&Model::open(&library).unwrap());
    });
}
